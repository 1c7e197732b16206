"""What a refund that the engine owes does next: tried, tried again, or parked for a person. Pure.

A refund that failed says by its code when another one makes sense: Checkout.com's response codes (20158 late refund,
50003 merchant's balance short), and the Alipay+ rules for KakaoPay (no refund under 50 won, none after 365 days).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never
from uuid import UUID

from billing.domain.states import (
    COUNTED_REFUND_STATES,
    OPEN_OBLIGATION_STATES,
    UNSETTLED_REFUND_STATES,
    ObligationEvent,
    ObligationState,
    RefundState,
)
from plans.money import Money

BALANCE_SHORT_WAIT: Final = timedelta(days=1)
MOST_SHORTAGES: Final = 30
"""Tries for want of our balance, one a day, before a person must see to it."""
WAITS: Final = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=3), timedelta(days=7))
"""After the first failed try, the second, and so on. One more failure parks."""
UNDER_WAY_WAIT: Final = timedelta(hours=1)
PARKED_LOOK: Final = timedelta(days=7)
"""How often it is looked whether a parked one was given back past the engine."""
NEVER: Final = timedelta.max
OPEN_ELSEWHERE: Final = (
    "a refund of it that was not made here does not end at Checkout.com; see to it in the dashboard, or settle this"
)
BY_OTHER_MEANS: Final = "give it back by other means and settle it"


class RefundFailure(StrEnum):
    """What a failed refund asks for next."""

    BALANCE_SHORT = "balance_short"
    """Our balance at Checkout.com is short: every day, for it is topped up by what is captured."""
    FINAL = "final"
    """No refund of this payment will ever be taken."""
    PASSING = "passing"
    """Technical, or unknown: again soon, then ever more slowly, a few times."""


_BALANCE_SHORT: Final = frozenset({"50003"})
_FINAL: Final = frozenset(
    {
        "20158",  # refund validity period over
        *("20014", "20039", "20044", "20052", "20053", "20056", "20101", "20114"),  # no such account: it was closed
        "20062",  # restricted account
        "action_failure_limit_exceeded",  # the gateway takes no further action on the payment
    }
)


def classify_refund_failure(codes: str | None) -> RefundFailure:
    """Return the class of a refund's ``response_code``: a code, or the ``error_codes`` of a refusal with commas.

    A code that is not known is final if it is 30xxx (hard declines: a closed account), else passing.
    """
    told = [] if codes is None else codes.split(",")
    if any(code in _BALANCE_SHORT for code in told):
        return RefundFailure.BALANCE_SHORT
    if any(code in _FINAL or (code.isdigit() and len(code) == 5 and code.startswith("30")) for code in told):
        return RefundFailure.FINAL
    return RefundFailure.PASSING


@dataclass(frozen=True, slots=True)
class OneRefund:
    """A refund of the payment that an obligation is about."""

    id: UUID
    state: RefundState
    amount_minor: int
    created_at: datetime
    response_code: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What the refunds of a payment come to, in minor units."""

    refunds: Sequence[OneRefund] = ()

    @property
    def done(self) -> int:
        """What went back."""
        return self._sum({RefundState.REFUNDED})

    @property
    def counted(self) -> int:
        """What went back, is going back, or may be."""
        return self._sum(COUNTED_REFUND_STATES)

    @property
    def under_way(self) -> bool:
        """Whether a refund is going back, or may be, and is asked about."""
        return any(row.state in UNSETTLED_REFUND_STATES for row in self.refunds)

    @property
    def parked(self) -> OneRefund | None:
        """A refund that waits for a person."""
        return next((row for row in self.refunds if row.state is RefundState.PARKED), None)

    @property
    def last(self) -> OneRefund | None:
        """The refund that was ordered last."""
        return max(self.refunds, key=lambda row: (row.created_at, str(row.id)), default=None)

    def _sum(self, states: Iterable[RefundState]) -> int:
        return sum(row.amount_minor for row in self.refunds if row.state in states)


@dataclass(frozen=True, slots=True)
class Obligation:
    """An obligation as decisions are made from it."""

    state: ObligationState
    amount: Money
    refund_by: datetime
    tries: int = 0
    failures: int = 0
    shortages: int = 0
    parked_reason: str | None = None
    created_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_OBLIGATION_STATES

    def hangs(self, after: timedelta, now: datetime) -> bool:
        """Say whether it is as old as ``after`` at ``now`` (UTC)."""
        return self.created_at is not None and now - self.created_at >= after


@dataclass(frozen=True, slots=True)
class Step:
    """A move of an obligation (None: it stays in its state) with the columns to write, and what is ordered with it."""

    event: ObligationEvent | None
    changes: Mapping[str, object] = field(default_factory=dict)
    data: Mapping[str, object] = field(default_factory=dict)
    refund: Money | None = None


def parked(why: str, now: datetime) -> Step:
    """Return the step that parks an obligation. It is looked at all the same whether the money went back."""
    told = why[:500]
    return Step(ObligationEvent.PARK, {"parked_reason": told, "check_at": now + PARKED_LOOK}, {"error": told})


def after_refunds(owed: Obligation, given: GivenBack, now: datetime) -> Step | None:
    """Return what the ends of the payment's refunds change, or None. ``now`` is a UTC instant.

    Refunds that people ordered, or made in the gateway's dashboard, count like the engine's own.
    """
    if given.done >= owed.amount.minor:
        return Step(ObligationEvent.SUCCEED, {"check_at": None, "parked_reason": None, "ended_at": now})
    waited_for = next((row for row in given.refunds if _waits_for(owed, row)), None)
    if given.under_way or (owed.state is not ObligationState.REFUNDING and waited_for is None):
        return None
    if given.parked is not None:
        return None if waited_for is not None else parked(_because_parked(given.parked), now)
    last = given.last
    if last is None or last.state is RefundState.REFUNDED:
        step = Step(ObligationEvent.FAIL, {"check_at": now})  # a part went back: the rest is due
    else:
        step = _after_failure(owed, last, now)
    return step if waited_for is None else _released(owed, step)


def _because_parked(refund: OneRefund) -> str:
    return f"{_begins(refund)}: {refund.error or 'no reason given'}"


def _begins(refund: OneRefund) -> str:
    return f"refund {refund.id} is parked"


def _waits_for(owed: Obligation, refund: OneRefund) -> bool:
    """Say whether the obligation is parked because this refund was."""
    is_parked = owed.state is ObligationState.PARKED
    return is_parked and owed.parked_reason is not None and owed.parked_reason.startswith(_begins(refund))


def _released(owed: Obligation, step: Step) -> Step:
    """Return the step, taken from being parked: what it was parked for has ended."""
    if step.event is ObligationEvent.PARK:
        return Step(None, step.changes)  # parked it stays, for another reason
    told = {"reason": "the refund that it was parked for has failed", "was": owed.parked_reason}
    return Step(ObligationEvent.RELEASE, {**step.changes, "parked_reason": None}, {**told, **step.data})


def _after_failure(owed: Obligation, last: OneRefund, now: datetime) -> Step:
    told = last.response_code or last.error or "no reason given"
    failure = classify_refund_failure(last.response_code)
    match failure:
        case RefundFailure.FINAL:
            return parked(f"no refund of it will be taken ({told}): {BY_OTHER_MEANS}", now)
        case RefundFailure.BALANCE_SHORT:
            shortages = owed.shortages + 1
            if shortages >= MOST_SHORTAGES:
                return parked(f"our balance at Checkout.com was short {shortages} times ({told})", now)
            return _again(now + BALANCE_SHORT_WAIT, told, shortages=shortages)
        case RefundFailure.PASSING:
            return _passing(owed, told, now)
        case _:
            assert_never(failure)


def _passing(owed: Obligation, told: str, now: datetime) -> Step:
    failures = owed.failures + 1
    if failures > len(WAITS):
        return parked(f"{failures} refunds failed, the last with: {told}", now)
    return _again(now + WAITS[failures - 1], told, failures=failures)


def _again(at: datetime, told: str, **counted: int) -> Step:
    return Step(ObligationEvent.FAIL, {"check_at": at, **counted}, {"error": told, "next_try_at": at.isoformat()})


def unreadable(owed: Obligation, reason: str, now: datetime) -> Step:
    """Return the step after the gateway could not tell what went back: it counts as a failed try."""
    if owed.state is ObligationState.PARKED:
        return Step(None, {"check_at": now + PARKED_LOOK})
    if now > owed.refund_by:
        return parked(_too_late(owed), now)
    told = f"the gateway does not tell what went back ({reason})"
    failed = _passing(owed, told, now)
    return failed if failed.event is ObligationEvent.PARK else Step(None, failed.changes)


def next_try(
    owed: Obligation,
    given: GivenBack,
    *,
    minimum: int,
    is_open_there: bool = False,
    hangs_after: timedelta = NEVER,
    now: datetime,
) -> Step:
    """Return what is done with an obligation that is due at ``now`` (UTC): a refund of what is left, or none.

    ``minimum`` is the least that the wallet takes back, in minor units. ``is_open_there``: the gateway tells of a
    refund of the payment that has not ended, whoever made it; it is waited for until the obligation is as old as
    ``hangs_after``.
    """
    ended = after_refunds(owed, given, now)
    if ended is not None:
        return ended
    if owed.state is ObligationState.PARKED:
        return Step(None, {"check_at": now + PARKED_LOOK})
    if owed.state is not ObligationState.OWED:
        return Step(None, {"check_at": None})
    if given.parked is not None:
        return parked(_because_parked(given.parked), now)
    if is_open_there and not given.under_way and owed.hangs(hangs_after, now):
        return parked(OPEN_ELSEWHERE, now)
    if given.under_way or is_open_there:
        return Step(None, {"check_at": now + UNDER_WAY_WAIT})
    left = Money(owed.amount.minor - given.counted, owed.amount.currency)
    if now > owed.refund_by:
        return parked(_too_late(owed), now)
    if left.minor < minimum:
        least = Money(minimum, left.currency)
        return parked(f"{left} is under the smallest refund KakaoPay takes, {least}: {BY_OTHER_MEANS}", now)
    return Step(ObligationEvent.TRY, {"check_at": None, "tries": owed.tries + 1}, {}, left)


def _too_late(owed: Obligation) -> str:
    return f"the wallet takes no refund of it since {owed.refund_by:%Y-%m-%d} (365 days): {BY_OTHER_MEANS}"
