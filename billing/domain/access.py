"""May the subscriber use what they subscribed to? State + dates + what is still owed → yes or no, until when, and why.

===========================  =====================================  ===============================  ========
state                        fact                                   first day without                why
===========================  =====================================  ===============================  ========
any                          the period is paid                     its end                          paid, trial
active, past due, paused     the period was forgiven                its end                          forgiven
active, trial with consent   the period is due, and was not         its end                          pending
                             declined
past due                     its charge was declined                last retry + 1, or its end       grace
past due                     a charge of it is under way            as grace; sent + 2, or its end   pending
every other, trial without   none of these                          -                                none
===========================  =====================================  ===============================  ========

Who has paid is never locked out, and nobody who has not is let in beyond the period that is owed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from billing.domain.days.records import DayKind
from billing.domain.days.renewing import CatchUpPolicy, OpenInvoice, owed_on
from billing.domain.days.schedule import BillingSchedule
from billing.domain.states import ONGOING_SUBSCRIPTIONS, SubscriptionState
from plans.calendar import Period

_S = SubscriptionState


class Why(StrEnum):
    PAID = "paid"
    TRIAL = "trial"
    FORGIVEN = "forgiven"
    """Nothing is owed for the period: it was forgiven, and the subscription goes on."""
    GRACE = "grace"
    """The renewal failed, and is tried again or waits for a new agreement."""
    PENDING = "pending"
    """The renewal is due, or its outcome is not known yet, for no fault of the subscriber's."""
    NONE = "none"


DAY_KINDS: Final = {
    Why.PAID: DayKind.PAID,
    Why.TRIAL: DayKind.TRIAL,
    Why.FORGIVEN: DayKind.FORGIVEN,
    Why.GRACE: DayKind.OWED,
    Why.PENDING: DayKind.OWED,
    Why.NONE: DayKind.NONE,
}
"""What kind of day it is on which access is given, or not, for a reason."""


@dataclass(frozen=True, slots=True)
class Debt:
    """An open invoice for a period. Its days are days in the subscription's zone."""

    invoice: OpenInvoice
    grace_until: date
    """The first day without access, unless a charge is under way."""
    charged_on: date | None = None
    """The day on which the charge that is under way was made; None: none is."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a subscriber's right depends on. ``paid_through`` is the first day that is not covered."""

    state: SubscriptionState
    paid_through: date | None
    in_trial: bool = False
    consented: bool = False
    """Whether the subscriber agreed to be charged when the trial ends."""
    consent_ends_on: date | None = None
    """The first day on which that consent is too old for a charge; None: it does not matter any more."""
    ends_on: date | None = None
    """The first day on which it is not renewed any more, because it is canceled or paused on that day."""
    forgiven_through: date | None = None
    """The first day behind the last one that is forgiven."""
    debts: Sequence[Debt] = ()
    schedule: BillingSchedule | None = None
    """Where its next period begins; None: no period is to come."""
    is_parked: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """``until`` is exclusive: as things stand, the first day without; None when it is not allowed."""

    allowed: bool
    until: date | None
    why: Why


NO_ACCESS = Access(allowed=False, until=None, why=Why.NONE)
_A_DAY: Final = timedelta(days=1)


def access_on(
    today: date, standing: Standing, *, policy: CatchUpPolicy | None = None, grace_days: int | None = None
) -> Access:
    """Return whether a subscription may be used on ``today``, a date in the subscription's zone.

    What was paid for is kept to its last day, whatever became of the subscription; what was forgiven, for as long as
    the subscription goes on; what is owed, as the invoice says, and never beyond its period. ``policy`` says what
    the next sweep will bill. ``grace_days`` after the period began end access to what is owed earlier, but not before
    that day is over for what has not been declined, nor while a charge may still succeed that was made the day before.
    """
    paid_through, ends_on = standing.paid_through, standing.ends_on
    if paid_through is not None and today < paid_through:
        return Access(allowed=True, until=paid_through, why=Why.TRIAL if standing.in_trial else Why.PAID)
    forgiven = standing.forgiven_through if standing.state in ONGOING_SUBSCRIPTIONS else None
    for until, why in ((forgiven, Why.FORGIVEN), _owed(today, standing, policy or CatchUpPolicy(), grace_days)):
        last = until if until is None or ends_on is None else min(until, ends_on)
        if last is not None and today < last:
            return Access(allowed=True, until=last, why=why)
    return NO_ACCESS


def _owed(today: date, standing: Standing, policy: CatchUpPolicy, grace_days: int | None) -> tuple[date | None, Why]:
    """Return the first day without, while what is owed has not been paid, and why; None: it may not be used."""
    is_behind = standing.state is _S.PAST_DUE
    if not is_behind and standing.state is not _S.ACTIVE and not _may_be_charged(today, standing):
        return None, Why.NONE
    why = Why.GRACE if is_behind else Why.PENDING
    ends = [(_bounded(until, since, why, grace_days), why) for since, until in _owed_days(today, standing, policy)]
    ends += [
        (min(debt.invoice.period.end, debt.charged_on + 2 * _A_DAY), Why.PENDING)
        for debt in standing.debts
        if debt.charged_on is not None
    ]
    return max(ends, default=(None, Why.NONE), key=_by_day)


def _may_be_charged(today: date, standing: Standing) -> bool:
    """Say whether a trial that is over goes on: the subscriber consented, and that counts today or was used already."""
    if standing.state is not _S.TRIALING or not standing.consented:
        return False
    return bool(standing.debts) or standing.consent_ends_on is None or today < standing.consent_ends_on


def _by_day(end: tuple[date | None, Why]) -> date:
    return end[0] or date.min


def _owed_days(today: date, standing: Standing, policy: CatchUpPolicy) -> Iterator[tuple[date, date]]:
    for debt in standing.debts:
        yield debt.invoice.period.start, debt.grace_until
    if standing.state is _S.PAST_DUE:
        return
    coming = _coming(today, standing, policy)
    if coming is not None:
        yield coming.start, coming.end


def _coming(today: date, standing: Standing, policy: CatchUpPolicy) -> Period | None:
    if standing.schedule is None:
        return None
    owed = [debt.invoice for debt in standing.debts]
    return owed_on(standing.schedule, today, owed=owed, policy=policy, is_set_aside=standing.is_parked)


def _bounded(until: date, since: date, why: Why, grace_days: int | None) -> date:
    if grace_days is None:
        return until
    return min(until, since + max(grace_days, 1 if why is Why.PENDING else 0) * _A_DAY)
