"""The rounds of reconciliation: what the gateway is asked about on our own account, how often, and how fast."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self, assert_never
from uuid import UUID

from billing.domain.charging import REFUND_WINDOW, GatewayPayment, PaymentStatus

DAILY: Final = timedelta(days=1)
WEEKLY: Final = timedelta(days=7)
SETTLES_WITHIN: Final = timedelta(hours=1)
"""What the gateway decided may be unknown here for this long: webhooks and look-ups are under way."""
CONFIRMED_AFTER: Final = timedelta(minutes=10)
"""A difference counts if it is seen twice, this far apart: what the gateway tells may be old."""
AWAITED_FOR: Final = timedelta(days=7)
"""After a gap, what it hid is found by the look before each send; what is not found by then is not awaited any more."""
TRY_AGAIN_AFTER: Final = timedelta(minutes=5)
MOST_TRIES: Final = 5
"""Of a page that could not be read whole, before the round goes on without the rest."""
MOST_DOUBTFUL: Final = 200
"""Differences that one round keeps in mind; the next round finds the others."""
DECIDED_ANEW_WITHIN: Final = timedelta(days=60)
"""A dispute is asked about for so long after its end: arbitration may overturn it, or a person settled it wrongly."""
MAY_HOLD_MONEY: Final = (PaymentStatus.CAPTURED, PaymentStatus.UNCLEAR, PaymentStatus.OPEN)


class Round(StrEnum):
    """A round of questions; several that are due are made in this order."""

    RECENT = "recent"
    """Captured charges that were sent, and refunds that were ordered, lately."""
    SEARCH = "search"
    """All payments of the account since the last search, where our key may search."""
    DISPUTES = "disputes"
    """Disputes that are open here, and all disputes of the account that changed lately, where our key may see them."""
    OPEN = "open"
    """Charges that are under way or parked, refunds that are parked, and what a gap may have hidden."""
    ROTATION = "rotation"
    """Every charge that may still be refunded, from the oldest on."""


class Phase(StrEnum):
    """A part of a round."""

    CAPTURED = "captured"
    REFUNDS = "refunds"
    WINDOW = "window"
    KNOWN_DISPUTES = "known_disputes"
    DISPUTE_WINDOW = "dispute_window"
    LIVE = "live"
    PARKED_REFUNDS = "parked_refunds"
    FORGOTTEN = "forgotten"
    AGAIN = "again"


PHASES: Final[Mapping[Round, tuple[Phase, ...]]] = {
    Round.RECENT: (Phase.CAPTURED, Phase.REFUNDS, Phase.AGAIN),
    Round.SEARCH: (Phase.WINDOW,),
    # What cannot be seen is kept of the last phase.
    Round.DISPUTES: (Phase.KNOWN_DISPUTES, Phase.DISPUTE_WINDOW),
    Round.OPEN: (Phase.LIVE, Phase.PARKED_REFUNDS, Phase.FORGOTTEN),
    Round.ROTATION: (Phase.CAPTURED, Phase.AGAIN),
}
EVERY: Final[Mapping[Round, timedelta]] = {
    Round.RECENT: DAILY,
    Round.SEARCH: DAILY,
    Round.DISPUTES: DAILY,
    Round.OPEN: WEEKLY,
    Round.ROTATION: WEEKLY,
}
"""From the beginning of a round to the beginning of the next; one that takes longer is followed at once."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a round is. Kept as text, so that another process can go on from it."""

    phase: Phase
    since: datetime
    until: datetime
    """Of what is asked about: sent, ordered or requested from ``since`` to ``until`` (UTC)."""
    after_at: datetime | None = None
    after_id: str | None = None
    following: str | None = None
    tries: int = 0
    doubtful: tuple[str, ...] = ()
    doubted_at: datetime | None = None
    awaited_since: datetime | None = None
    """When the earliest payment was requested of which the search saw that its charge may yet be found."""

    def next_phase(self, round_: Round) -> Self | None:
        """Return the beginning of the phase after this one, or None at the end of the round."""
        phases = PHASES[round_]
        rest = phases[phases.index(self.phase) + 1 :]
        rest = tuple(each for each in rest if each is not Phase.AGAIN or self.doubtful)
        if not rest:
            return None
        return replace(self, phase=rest[0], after_at=None, after_id=None, following=None, tries=0)

    def as_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read what :meth:`as_json` wrote."""
        instants = {
            name: datetime.fromisoformat(kept[name]) if kept[name] is not None else None
            for name in ("since", "until", "after_at", "doubted_at", "awaited_since")
        }
        doubtful = tuple(kept["doubtful"])
        return cls(**{**kept, **instants, "phase": Phase(kept["phase"]), "doubtful": doubtful})


def first_place(
    round_: Round, now: datetime, *, recent: timedelta, since: datetime | None, is_first: bool = False
) -> Place:
    """Return where a round begins at ``now`` (UTC); ``since``: what it must reach back to, as after a restored copy.

    ``is_first``: no round of the kind was ever completed.
    """
    until = now
    match round_:
        case Round.ROTATION:
            # At the beginning of a gap charges as old as this could be refunded.
            begins, until = min(now, since or now) - REFUND_WINDOW, now - recent
        case Round.SEARCH if since is not None:
            begins = since
        case Round.DISPUTES if is_first:
            # Disputes that were opened before anybody asked are looked for as far back as a charge is refunded.
            begins = min(now - REFUND_WINDOW, since or now)
        case Round.RECENT | Round.SEARCH | Round.DISPUTES | Round.OPEN:
            begins = min(now - recent, since or now)
        case _:
            assert_never(round_)
    return Place(PHASES[round_][0], begins, max(begins, until))


def was_to_reach(round_: Round, place: Place) -> datetime:
    """Return the ``since`` with which :func:`first_place` begins a round as early as the one that is at a place."""
    return place.since + REFUND_WINDOW if round_ is Round.ROTATION else place.since


def next_round_at(round_: Round, began_at: datetime, now: datetime) -> datetime:
    """Return when a round that began at ``began_at`` and ended at ``now`` (UTC) is made again."""
    return max(began_at + EVERY[round_], now)


def doubting(place: Place, charge_ids: tuple[UUID, ...], now: datetime) -> Place:
    """Return the place with charges to be asked about once more before the round ends."""
    if not charge_ids:
        return place
    doubtful = tuple(dict.fromkeys((*place.doubtful, *(str(each) for each in charge_ids))))
    return replace(place, doubtful=doubtful[:MOST_DOUBTFUL], doubted_at=now)


def holds_money(payment: GatewayPayment) -> bool:
    """Say whether a payment took money, or may take it yet, that has not all gone back."""
    kept = (payment.captured_minor or payment.amount_minor or 1) - (payment.refunded_minor or 0)
    return payment.status in MAY_HOLD_MONEY and kept > 0
