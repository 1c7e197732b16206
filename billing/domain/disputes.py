"""What an event about a dispute, or an answer about it, means for the charge that is disputed. Pure.

Events and statuses: Checkout.com's event pages and API reference of disputes. The order of events is not guaranteed and
copies come, so each has a rank: what comes late and says less changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from billing.domain.charging import Unreadable


class DisputeState(StrEnum):
    """Whose the disputed money is."""

    OPEN = "open"
    """Not decided: the money is held by the wallet's or the bank's side."""
    WON = "won"
    """It stays with the merchant."""
    LOST = "lost"
    """It went back to the payer by chargeback."""


_S = DisputeState
SETTLED_BY_HAND: Final = "settled_by_hand"
"""The status of a dispute whose end a person told."""
CHARGEBACK: Final = "payment_chargeback"
"""Tells that the money was taken back for now, and nothing of the dispute itself."""
_MEANINGS: Final[Mapping[str, tuple[int, DisputeState]]] = {
    CHARGEBACK: (0, _S.OPEN),
    "dispute_received": (1, _S.OPEN),
    "dispute_evidence_required": (2, _S.OPEN),
    "dispute_evidence_submitted": (3, _S.OPEN),
    "dispute_evidence_acknowledged_by_scheme": (4, _S.OPEN),
    "dispute_won": (5, _S.WON),
    "dispute_lost": (5, _S.LOST),
    "dispute_accepted": (5, _S.LOST),
    "dispute_expired": (5, _S.LOST),
    "dispute_canceled": (5, _S.WON),
    "dispute_resolved": (5, _S.WON),
    "dispute_arbitration_sent_to_scheme": (6, _S.OPEN),
    "dispute_arbitration_won": (7, _S.WON),
    "dispute_arbitration_lost": (7, _S.LOST),
}

_TYPES: Final[Mapping[str, str]] = {
    "evidence_under_review": "dispute_evidence_submitted",
    "arbitration_under_review": "dispute_arbitration_sent_to_scheme",
}
"""Statuses whose event is not named like them."""
_LAST_STEP: Final = 4
"""The highest rank that decides nothing, before an arbitration."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a dispute. Amount in minor units, instants in UTC; what is not told is None.

    ``type``: of the event that told it, or the event that tells of its status.
    """

    type: str
    dispute_id: str
    payment_id: str
    reference: str | None = None
    """Of the payment."""
    amount_minor: int | None = None
    currency: str | None = None
    reason: str | None = None
    respond_by: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DisputesRead:
    """A page of the account's disputes, or one that was asked by its id.

    ``following`` is how many to skip for the next page; None: it is the last. ``unread`` names what is in a shape that
    cannot be read.
    """

    told: tuple[Told, ...]
    following: int | None = None
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DisputesRefused:
    """Our key may not read disputes: one whose webhook is lost cannot be seen."""

    reason: str


DisputeAnswer = DisputesRead | DisputesRefused | Unreadable


@dataclass(frozen=True, slots=True)
class Known:
    """A dispute as it is kept."""

    state: DisputeState
    rank: int
    updated_at: datetime | None = None


def is_about_dispute(type_: str) -> bool:
    """Say whether an event is about a dispute."""
    return type_.startswith("dispute_") or type_ == CHARGEBACK


def type_of(status: str) -> str:
    """Return the type of the event that tells of a dispute's status."""
    return _TYPES.get(status, f"dispute_{status}")


def told_from(type_: str, payment_id: str, facts: Mapping[str, Any]) -> Told:
    """Return what the facts of a dispute tell, as they are kept: plain JSON, in which what is not told is left out."""
    instants = {name: datetime.fromisoformat(facts[name]) for name in ("respond_by", "updated_at") if name in facts}
    return Told(
        type=type_,
        dispute_id=facts.get("dispute_id", payment_id),
        payment_id=payment_id,
        reference=facts.get("reference"),
        amount_minor=facts.get("amount"),
        currency=facts.get("currency"),
        reason=facts.get("reason"),
        **instants,
    )


def meaning_of(type_: str) -> tuple[int, DisputeState]:
    """Return the rank of an event's type and the state that it tells; a type of tomorrow opens, and decides nothing."""
    return _MEANINGS.get(type_, (0, _S.OPEN))


def rank_when_settled(rank: int) -> int:
    """Return the rank of a dispute whose end a person told: only a decision, or an arbitration, says more than that."""
    return max(rank, _LAST_STEP)


def held_because(dispute_id: str, respond_by: datetime | None) -> str:
    """Say why what is owed of a disputed payment is not given back now, and by when the dispute is to be answered."""
    by = f", to be answered by {respond_by:%Y-%m-%d}" if respond_by is not None else ""
    return (
        f"the charge is disputed ({dispute_id}{by}): it is given back when that is won, and went back when it is lost"
    )


def is_news(known: Known | None, told: Told) -> bool:
    """Say whether an event says more than what is known, or corrects it.

    Of two decisions of one rank the one that was made later counts; where that is untold, the one that came first.
    """
    if known is None:
        return True
    rank, state = meaning_of(told.type)
    if rank != known.rank:
        return rank > known.rank
    if state is known.state or told.updated_at is None or known.updated_at is None:
        return False
    return told.updated_at > known.updated_at
