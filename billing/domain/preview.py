"""A subscription + now → the charge that comes next, or the reason why none comes by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from billing.domain.days.renewing import CatchUpPolicy, OpenInvoice, Renewal, plan_renewal
from billing.domain.days.schedule import BillingSchedule
from billing.domain.quiet_hours import ChargeWindow, charge_slot, outside_quiet_hours
from billing.domain.states import SubscriptionState
from plans.calendar import Period, billing_day
from plans.money import Money

_S = SubscriptionState


class WhyNone(StrEnum):
    """Why nothing is charged by itself."""

    INCOMPLETE = "incomplete"
    """The subscriber has not made the first payment; ``until``: when the enrolment expires."""
    ENDED = "ended"
    ENDS_FIRST = "ends_first"
    """It ends before anything is due; ``until``: when."""
    PAUSED = "paused"
    """``until``: when it is resumed by itself, if it is."""
    PAUSED_FIRST = "paused_first"
    """It is paused before anything is due; ``until``: when the pause begins."""
    CHARGE_UNDER_WAY = "charge_under_way"
    """What comes next depends on its outcome."""
    SOURCE_REQUIRED = "source_required"
    """The subscriber must make a new KakaoPay agreement; ``until``: when it would be charged, or is given up."""
    CONSENT_REQUIRED = "consent_required"
    """The subscriber must agree to be charged; ``until``: when the trial ends without it."""
    DUNNING_OVER = "dunning_over"
    """The last retry failed; a person may retry."""
    PARKED = "parked"
    """It waits for a person to look at it."""
    DECISION_REQUIRED = "decision_required"
    """Periods passed unbilled, and a person must say which to bill."""
    PLAN_PAUSED = "plan_paused"
    CHARGING_STOPPED = "charging_stopped"
    """The stop switch is thrown, or charging is held after trouble."""


@dataclass(frozen=True, slots=True)
class OwedNext:
    """The open invoice that is tried next."""

    invoice_id: UUID
    amount: Money
    period: Period
    attempts: int
    next_attempt_at: datetime
    needs_confirmation: bool = False
    """By then too many of its days gave no access: the subscriber is asked first."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What the next charge of a subscription depends on. Instants are UTC."""

    schedule: BillingSchedule
    state: SubscriptionState
    price: Money
    next_due_at: datetime
    expires_at: datetime
    consented: bool = False
    pause_at: datetime | None = None
    resume_at: datetime | None = None
    cancel_at: datetime | None = None
    is_parked: bool = False
    plan_is_paused: bool = False
    charging_is_stopped: bool = False
    charge_is_under_way: bool = False
    source_id: UUID | None = None
    """The agreement that may be charged; None: there is none, or it is not usable."""
    owed: OwedNext | None = None
    open_invoices: Sequence[OpenInvoice] = ()
    give_up_at: datetime | None = None
    """When an open invoice is given up that is not tried until a new agreement is made; None: there is no such one."""
    last_captured_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NextCharge:
    """``on`` is the day of ``at`` in the subscription's zone. ``invoice_id`` is None while none is issued."""

    at: datetime
    on: date
    amount: Money
    period: Period
    source_id: UUID
    invoice_id: UUID | None
    attempt_no: int


@dataclass(frozen=True, slots=True)
class Preview:
    """The next charge as things stand, or why there is none: one of the two is None."""

    subscription_id: UUID
    charge: NextCharge | None = None
    why_none: WhyNone | None = None
    until: datetime | None = None


_BY_STATE: Final[Mapping[SubscriptionState, WhyNone | None]] = {
    _S.TRIALING: None,
    _S.ACTIVE: None,
    _S.PAST_DUE: None,
    _S.INCOMPLETE: WhyNone.INCOMPLETE,
    _S.PAUSED: WhyNone.PAUSED,
    _S.UNPAID: WhyNone.DUNNING_OVER,
    _S.CANCELED: WhyNone.ENDED,
    _S.INCOMPLETE_EXPIRED: WhyNone.ENDED,
}


def preview(prospect: Prospect, *, now: datetime, policy: CatchUpPolicy, window: ChargeWindow) -> Preview:
    """Return the charge that the engine will make next if nothing else happens (``now``: UTC)."""
    none = _at_rest(prospect) or _stops_first(prospect, now) or _cannot_be_charged(prospect)
    if none is not None:
        return none
    if prospect.source_id is None:
        return _none(prospect, WhyNone.SOURCE_REQUIRED, _due(prospect))
    owed = prospect.owed
    plan = _plan(prospect, now, policy, window)
    if owed is not None and isinstance(plan, Renewal) and owed.invoice_id in plan.forgiven_invoices:
        owed = None
    if owed is not None:
        at, amount, period = max(owed.next_attempt_at, now), owed.amount, owed.period
    else:
        coming = plan if isinstance(plan, Period) else (*plan.late, plan.period)[0] if plan is not None else None
        if coming is None:
            return _none(prospect, WhyNone.DECISION_REQUIRED)
        at, amount, period = max(prospect.next_due_at, now), prospect.price, coming
    at = _allowed(prospect, at, window)
    return Preview(
        prospect.schedule.subscription_id,
        NextCharge(
            at=at,
            on=billing_day(at, prospect.schedule.zone),
            amount=amount,
            period=period,
            source_id=prospect.source_id,
            invoice_id=owed.invoice_id if owed is not None else None,
            attempt_no=owed.attempts + 1 if owed is not None else 1,
        ),
    )


def _at_rest(prospect: Prospect) -> Preview | None:
    """Whether it is set aside, or in a state in which nothing is charged."""
    why = _BY_STATE[prospect.state]
    if why is WhyNone.ENDED:
        return _none(prospect, why)
    if why is WhyNone.INCOMPLETE:  # its first payment is under way all the time: the link is out
        return _none(prospect, why, prospect.expires_at)
    for is_so, reason in (
        (prospect.is_parked, WhyNone.PARKED),
        (prospect.charge_is_under_way, WhyNone.CHARGE_UNDER_WAY),
        (prospect.plan_is_paused, WhyNone.PLAN_PAUSED),
        (prospect.charging_is_stopped, WhyNone.CHARGING_STOPPED),
    ):
        if is_so:
            return _none(prospect, reason)
    if why is None:
        return None
    return _none(prospect, why, prospect.resume_at if why is WhyNone.PAUSED else None)


def _due(prospect: Prospect) -> datetime | None:
    """Return when something is due as planned: the open invoice, or the renewal; past due, there is no renewal."""
    if prospect.owed is not None:
        return prospect.owed.next_attempt_at
    return None if prospect.state is _S.PAST_DUE else prospect.next_due_at


def _stops_first(prospect: Prospect, now: datetime) -> Preview | None:
    due = _due(prospect)
    stops = [
        (at, why)
        for at, why in ((prospect.cancel_at, WhyNone.ENDS_FIRST), (prospect.pause_at, WhyNone.PAUSED_FIRST))
        if at is not None and due is not None and at <= max(due, now)
    ]
    if not stops:
        return None
    at, why = min(stops)
    return _none(prospect, why, at)


def _cannot_be_charged(prospect: Prospect) -> Preview | None:
    due = _due(prospect)
    if due is None:
        waits = prospect.give_up_at is not None or prospect.source_id is None
        return _none(prospect, WhyNone.SOURCE_REQUIRED if waits else WhyNone.DUNNING_OVER, prospect.give_up_at)
    if prospect.owed is not None and prospect.owed.needs_confirmation:
        return _none(prospect, WhyNone.SOURCE_REQUIRED, due)
    if prospect.state is _S.TRIALING and prospect.owed is None and not prospect.consented:
        return _none(prospect, WhyNone.CONSENT_REQUIRED, due)
    return None


def _plan(prospect: Prospect, now: datetime, policy: CatchUpPolicy, window: ChargeWindow) -> Period | Renewal | None:
    """Return the period that is invoiced next, or what the next sweep bills; None: a person must decide first."""
    schedule = prospect.schedule
    if prospect.next_due_at > now:
        return schedule.period(schedule.billed_index + 1)
    today = billing_day(now, schedule.zone)
    plan = plan_renewal(schedule, today=today, owed=prospect.open_invoices, policy=policy, window=window)
    return plan if isinstance(plan, Renewal) else None


def _allowed(prospect: Prospect, at: datetime, window: ChargeWindow) -> datetime:
    """Return the first instant from ``at`` on that quiet hours and one charge a day allow."""
    zone, captured = prospect.schedule.zone, prospect.last_captured_at
    day = billing_day(at, zone)
    if captured is not None and billing_day(captured, zone) == day:
        return charge_slot(day + timedelta(days=1), window.opens, zone, window, prospect.schedule.subscription_id)
    return outside_quiet_hours(at, window)


def _none(prospect: Prospect, why: WhyNone, until: datetime | None = None) -> Preview:
    return Preview(prospect.schedule.subscription_id, why_none=why, until=until)
