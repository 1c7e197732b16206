"""May the subscriber use what they subscribed to? State + dates + what is still tried → yes or no, until when, and why.

===========================  =========================================  ==========================  ========
state                        fact                                       first day without           why
===========================  =========================================  ==========================  ========
any                          the period is paid                         its end                     paid, trial
active, past due, paused     the invoice of the period was forgiven     its end                     forgiven
active, trial with consent   its renewal has not been paid or declined  due + ladder + 1            pending
past due                     it is tried again                          first failure + ladder + 1  grace
past due                     it waits for a new agreement               the day it is given up      grace
past due                     a charge of it is under way                as grace; sent + 2          pending
past due                     nothing is tried any more                  -                           none
every other, trial without   none of these                              -                           none
===========================  =========================================  ==========================  ========

Who has paid is never locked out, and nobody who has not is let in for ever: every "yes" has a last day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from billing.domain.states import SubscriptionState

_S = SubscriptionState


class Why(StrEnum):
    PAID = "paid"
    TRIAL = "trial"
    FORGIVEN = "forgiven"
    """Nothing is owed for the period: its invoice was voided or written off, and the subscription goes on."""
    GRACE = "grace"
    """The renewal failed, and is tried again or waits for a new agreement."""
    PENDING = "pending"
    """The renewal is due, or its outcome is not known yet, for no fault of the subscriber's."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Debt:
    """An open invoice for a period. Its days are days in the subscription's zone."""

    since: date
    """The first day of its period."""
    first_failed_on: date | None = None
    tried_on: date | None = None
    """The day of its next attempt, or on which the charge that is under way was made; None: it is not tried."""
    is_under_way: bool = False
    given_up_on: date | None = None
    """Until when it waits for a new agreement."""


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
    forgiven_through: date | None = None
    """The first day behind the last period whose invoice was voided or written off."""
    debts: Sequence[Debt] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """``until`` is exclusive: as things stand, the first day without; None when it is not allowed."""

    allowed: bool
    until: date | None
    why: Why


NO_ACCESS = Access(allowed=False, until=None, why=Why.NONE)
_GOING_ON: Final = frozenset({_S.ACTIVE, _S.PAST_DUE, _S.PAUSED})
"""Where an invoice that is void or written off was forgiven. Elsewhere it may have ended with the subscription."""
_A_DAY: Final = timedelta(days=1)


def access_on(today: date, standing: Standing, *, ladder_days: int, grace_days: int | None = None) -> Access:
    """Return whether a subscription may be used on ``today``, a date in the subscription's zone.

    What was paid for is kept to its last day, whatever became of the subscription; what was forgiven, for as long as
    the subscription goes on. ``ladder_days`` after the first failure the last retry is made; a renewal that neither
    succeeds nor fails is waited for as long. ``grace_days`` after its due day end both earlier, but not before the due
    day is over for what has not been declined, nor while a charge may still succeed that was made the day before.
    """
    paid_through, ends_on = standing.paid_through, standing.ends_on
    if paid_through is not None and today < paid_through:
        return Access(allowed=True, until=paid_through, why=Why.TRIAL if standing.in_trial else Why.PAID)
    for until, why in (_forgiven(standing), _unpaid(standing, ladder_days, grace_days)):
        last = until if until is None or ends_on is None else min(until, ends_on)
        if last is not None and today < last:
            return Access(allowed=True, until=last, why=why)
    return NO_ACCESS


def _forgiven(standing: Standing) -> tuple[date | None, Why]:
    return standing.forgiven_through if standing.state in _GOING_ON else None, Why.FORGIVEN


def _unpaid(standing: Standing, ladder_days: int, grace_days: int | None) -> tuple[date | None, Why]:
    """Return the first day without, while what is due has not been paid; None: it may not be used."""
    due = _due_day(standing)
    if due is None:
        return None, Why.NONE
    match standing.state:
        case _S.ACTIVE:
            why, until = Why.PENDING, due + ladder_days * _A_DAY + _A_DAY
        case _S.TRIALING if standing.consented:
            why, until = Why.PENDING, due + ladder_days * _A_DAY + _A_DAY
        case _S.PAST_DUE:
            tried = [day for debt in standing.debts if (day := _tried_until(debt, ladder_days)) is not None]
            why, until = Why.GRACE, max(tried, default=due)
        case _:
            return None, Why.NONE
    if grace_days is not None:
        until = min(until, due + max(grace_days, 1 if why is Why.PENDING else 0) * _A_DAY)
    for debt in standing.debts:
        if debt.is_under_way and debt.tried_on is not None:
            why, until = Why.PENDING, max(until, debt.tried_on + 2 * _A_DAY)
    return until, why


def _due_day(standing: Standing) -> date | None:
    """Return the day from which on something should have been paid."""
    covered = [day for day in (standing.paid_through, standing.forgiven_through) if day is not None]
    owed = min((debt.since for debt in standing.debts), default=None)
    return max([*covered, *([owed] if owed is not None else [])], default=None)


def _tried_until(debt: Debt, ladder_days: int) -> date | None:
    """Return the first day on which a debt is not tried any more, nor waits; None: it is not by now."""
    if debt.tried_on is not None:
        return max((debt.first_failed_on or debt.since) + ladder_days * _A_DAY, debt.tried_on) + _A_DAY
    return debt.given_up_on
