"""Which days a captured payment pays for, and where the next period begins after it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from billing.domain.cases import Case, InvoiceKind, Note
from billing.domain.days.grace import needs_confirmation
from billing.domain.days.records import DayKind, DayRecord, UnbilledReason, forgiven_between
from billing.domain.days.returning import bought_on, return_on
from billing.domain.days.schedule import slot_on
from billing.domain.event_types import EventType
from billing.domain.quiet_hours import ChargeWindow
from billing.domain.states import (
    ENROLLING_SUBSCRIPTIONS,
    IN_ARREARS,
    PAYABLE_INVOICES,
    RENEWING_SUBSCRIPTIONS,
    InvoiceState,
    SubscriptionState,
)
from plans.calendar import Period, billing_day, nth_period

_S = SubscriptionState


@dataclass(frozen=True, slots=True)
class Coverage:
    """Columns of the invoice and of its subscription that say which days are paid, and what the other days were."""

    invoice: Mapping[str, object] = field(default_factory=dict)
    subscription: Mapping[str, object] = field(default_factory=dict)
    records: tuple[DayRecord, ...] = ()
    notes: tuple[Note, ...] = ()
    ends_pause: bool = False
    """Whether a pause is over: the subscriber has bought a new period in it, or paid the debt that it was made for."""


def lacks_confirmation(case: Case, now: datetime) -> bool:
    """Say whether a debt was captured that the subscriber had to confirm first, and nobody had (``now``: UTC).

    A charge that was made in time may be captured long after; one that was made later had been confirmed. A debt that
    was written off is one, too: it counts how many days gave no access until then.
    """
    if case.invoice_state not in PAYABLE_INVOICES or case.subscriber_is_present:
        return False
    sent_on = billing_day(case.sent_at, case.zone)
    return _is_too_late(case, billing_day(now, case.zone)) and not _is_too_late(case, sent_on)


def covered_by(case: Case, now: datetime, window: ChargeWindow) -> Coverage:
    """Return what the capture of a charge, learned of at ``now`` (UTC), pays for.

    The first period, and a trial, begin on the day on which the engine learns of the capture, because access does.
    A debt buys the days that it was owed for, and a new period from today if most of those gave no access.
    """
    today = billing_day(now, case.zone)
    if case.invoice_kind is InvoiceKind.AGREEMENT:
        return _trial(case, today, window) if case.subscription_state in ENROLLING_SUBSCRIPTIONS else Coverage()
    if case.subscription_state in ENROLLING_SUBSCRIPTIONS:
        return _first_period(case, today, window)
    if case.invoice_state is InvoiceState.OPEN and _is_too_late(case, today):
        return _period_anew(case, today, window)
    paid = Coverage(subscription={"paid_through": _paid_through(case, case.period)})
    if not _ends_a_debt(case):
        return paid
    came_back = return_on(
        case.schedule, now, reason=UnbilledReason.NO_ACCESS, charged=_was_charged_on(case, today), window=window
    )
    columns = {**paid.subscription, **came_back.columns}
    return Coverage(subscription=columns, records=came_back.records, ends_pause=case.subscription_state is _S.PAUSED)


def _trial(case: Case, today: date, window: ChargeWindow) -> Coverage:
    if today == case.period.start:
        return Coverage(subscription={"paid_through": case.period.end})
    trial = Period(today, today + (case.period.end - case.period.start))
    next_due_at = slot_on(trial.end, case.zone, case.subscription_id, window)
    return Coverage(
        invoice=_columns(trial),
        subscription={"anchor": trial.end, "next_due_at": next_due_at, "paid_through": trial.end},
        notes=(_moved(case.period, trial),),
    )


def _first_period(case: Case, today: date, window: ChargeWindow) -> Coverage:
    if today == case.period.start:
        return Coverage(subscription={"paid_through": case.period.end})
    return _bought(case, today, window)


def _period_anew(case: Case, today: date, window: ChargeWindow) -> Coverage:
    owed, grace_ended_on = case.period, max(case.period.start, case.grace_until or case.period.end)
    records = [*forgiven_between(owed.start, grace_ended_on, UnbilledReason.NO_ACCESS, lost=case.lost_spans)]
    if grace_ended_on < today:
        records.append(DayRecord(grace_ended_on, today, DayKind.NONE, UnbilledReason.NO_ACCESS))
    bought = _bought(case, today, window)
    in_a_pause = case.subscription_state is _S.PAUSED
    resumed = {"resume_at": None, "pause_at": None} if in_a_pause else {}
    columns = {**bought.subscription, **resumed}
    return Coverage(bought.invoice, columns, tuple(records), bought.notes, ends_pause=in_a_pause)


def _bought(case: Case, today: date, window: ChargeWindow) -> Coverage:
    period = nth_period(today, case.schedule.interval, 0)
    columns = bought_on(case.schedule, today, window).columns
    return Coverage(
        invoice=_columns(period),
        subscription={**columns, "paid_through": _paid_through(case, period)},
        notes=(_moved(case.period, period),),
    )


def _is_too_late(case: Case, today: date) -> bool:
    """Say whether most of the period that is owed gave no access by ``today``, so that paying buys a new one."""
    is_open = case.invoice_state is InvoiceState.OPEN
    if case.grace_until is None or (is_open and case.period.end != case.schedule.next_start):
        return False
    lost_later = sum((each.end - max(each.start, today)).days for each in case.lost_spans if today < each.end)
    lost_days = case.lost_days - lost_later
    return needs_confirmation(case.period, grace_ended_on=case.grace_until, lost_days=lost_days, today=today)


def _ends_a_debt(case: Case) -> bool:
    """Say whether the next period was waiting for this payment, so that it begins anew if it should have begun."""
    if case.invoice_state is not InvoiceState.OPEN:
        return False
    if case.subscription_state in IN_ARREARS:
        return True
    if case.subscription_state is _S.PAUSED:
        return case.paused_by_dunning
    goes_on = case.subscription_state in RENEWING_SUBSCRIPTIONS
    return goes_on and case.period.end == case.schedule.next_start


def _was_charged_on(case: Case, today: date) -> bool:
    # A charge that was pending over midnight leaves its own day alone, but not a later one. A link is made before the
    # subscriber pays by it: what counts is the day of the payment.
    if case.subscriber_is_present or today > case.schedule.next_start:
        return True
    return billing_day(case.sent_at, case.zone) == today


def _paid_through(case: Case, period: Period) -> date:
    return max(case.paid_through or period.end, period.end)


def _columns(period: Period) -> dict[str, object]:
    return {"period_start": period.start, "period_end": period.end}


def _moved(was: Period, period: Period) -> Note:
    told = {"was": [was.start.isoformat(), was.end.isoformat()], "period_start": period.start.isoformat()}
    return Note(EventType.INVOICE_PERIOD_MOVED, {**told, "period_end": period.end.isoformat()})
