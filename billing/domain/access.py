"""May the subscriber use what they subscribed to? State + dates → yes or no, until when, and why."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from billing.domain.states import SubscriptionState


class Why(StrEnum):
    PAID = "paid"
    TRIAL = "trial"
    FORGIVEN = "forgiven"
    """Nothing is owed for the period: its invoice was voided or written off, and the subscription goes on."""
    GRACE = "grace"
    """The renewal failed and is tried again."""
    PENDING = "pending"
    """The renewal is due, or its outcome is not known yet: nobody loses anything by our waiting."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a subscriber's right depends on. ``paid_through`` is the first day that is not covered."""

    state: SubscriptionState
    paid_through: date | None
    in_trial: bool = False
    consented: bool = False
    """Whether the subscriber agreed to be charged when the trial ends."""
    ends_on: date | None = None
    """The first day on which it is not renewed any more, because it is canceled or paused on that day."""
    charge_under_way: bool = False
    forgiven_through: date | None = None
    """The first day behind the last period whose invoice was voided or written off."""


@dataclass(frozen=True, slots=True)
class Access:
    """``until`` is exclusive; None when no day is fixed."""

    allowed: bool
    until: date | None
    why: Why


NO_ACCESS = Access(allowed=False, until=None, why=Why.NONE)
_GOING_ON: Final = frozenset({SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE})
"""Where an invoice that is void or written off was forgiven. Elsewhere it may have ended with the subscription."""
_PENDING = Access(allowed=True, until=None, why=Why.PENDING)


def access_on(today: date, standing: Standing, *, grace_days: int | None = None) -> Access:
    """Return whether a subscription may be used on ``today``, a date in the subscription's zone.

    What was paid for is kept to its last day, whatever became of the subscription; what was forgiven, for as long as
    the subscription goes on. ``grace_days`` bounds how long after either a renewal may have failed; None means for as
    long as it is tried again.
    """
    paid_through = standing.paid_through
    if paid_through is not None and today < paid_through:
        return Access(allowed=True, until=paid_through, why=Why.TRIAL if standing.in_trial else Why.PAID)
    if standing.ends_on is not None and today >= standing.ends_on:
        return NO_ACCESS
    forgiven_through = standing.forgiven_through
    if forgiven_through is not None and today < forgiven_through and standing.state in _GOING_ON:
        return Access(allowed=True, until=_no_later_than_its_end(forgiven_through, standing), why=Why.FORGIVEN)
    match standing.state:
        case SubscriptionState.ACTIVE:
            return _PENDING
        case SubscriptionState.TRIALING if standing.consented:
            return _PENDING
        case SubscriptionState.PAST_DUE:
            return _in_grace(today, standing, grace_days)
        case _:
            return NO_ACCESS


def _in_grace(today: date, standing: Standing, grace_days: int | None) -> Access:
    covered = [day for day in (standing.paid_through, standing.forgiven_through) if day is not None]
    if grace_days is None or not covered:
        return Access(allowed=True, until=None, why=Why.GRACE)
    until = _no_later_than_its_end(max(covered) + timedelta(days=grace_days), standing)
    if today < until:
        return Access(allowed=True, until=until, why=Why.GRACE)
    return _PENDING if standing.charge_under_way else NO_ACCESS


def _no_later_than_its_end(day: date, standing: Standing) -> date:
    return day if standing.ends_on is None else min(day, standing.ends_on)
