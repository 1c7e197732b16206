"""May the subscriber use what they subscribed to? State + dates → yes or no, until when, and why."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from billing.domain.states import SubscriptionState


class Why(StrEnum):
    PAID = "paid"
    TRIAL = "trial"
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


@dataclass(frozen=True, slots=True)
class Access:
    """``until`` is exclusive; None when no day is fixed."""

    allowed: bool
    until: date | None
    why: Why


NO_ACCESS = Access(allowed=False, until=None, why=Why.NONE)
_PENDING = Access(allowed=True, until=None, why=Why.PENDING)


def access_on(today: date, standing: Standing, *, grace_days: int | None = None) -> Access:
    """Return whether a subscription may be used on ``today``, a date in the subscription's zone.

    What was paid for is kept to its last day, whatever became of the subscription. ``grace_days`` bounds
    how long after it a failed renewal is forgiven; None means for as long as it is tried again.
    """
    paid_through = standing.paid_through
    if paid_through is not None and today < paid_through:
        return Access(allowed=True, until=paid_through, why=Why.TRIAL if standing.in_trial else Why.PAID)
    if standing.ends_on is not None and today >= standing.ends_on:
        return NO_ACCESS
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
    if grace_days is None or standing.paid_through is None:
        return Access(allowed=True, until=None, why=Why.GRACE)
    until = standing.paid_through + timedelta(days=grace_days)
    if standing.ends_on is not None:
        until = min(until, standing.ends_on)
    if today < until:
        return Access(allowed=True, until=until, why=Why.GRACE)
    return _PENDING if standing.charge_under_way else NO_ACCESS
