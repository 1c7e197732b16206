"""What is billed when a person lets a subscription go on that had been set aside: only days with access."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from billing.domain.days.records import DayKind, DayRecord, UnbilledReason
from billing.domain.days.renewing import OpenInvoice, forgiven_in_outage, waits_for_debt
from billing.domain.days.schedule import BillingSchedule, due_at, slot_on
from billing.domain.quiet_hours import ChargeWindow
from plans.calendar import Period, period_index


class Bill(StrEnum):
    """What becomes of the period that came due while a subscription was set aside. Access ended with that period."""

    LATEST = "latest"
    """Bill the period if it is still running. Else forgive it, and begin a new period today."""
    FIRST = "first"
    """Bill the period, though it may be over; the next one begins on the day on which it is paid."""
    NONE = "none"
    """Forgive the period, and the present one, too: bill from the next one on."""


@dataclass(frozen=True, slots=True)
class Release:
    """Columns of the subscription, the period to issue now, the invoices to void, and what the days were."""

    columns: Mapping[str, object] = field(default_factory=dict)
    issued: Period | None = None
    forgiven_invoices: tuple[UUID, ...] = ()
    records: tuple[DayRecord, ...] = ()


def first_unbilled(schedule: BillingSchedule, today: date, owed: Sequence[OpenInvoice]) -> Period | None:
    """Return the period that came due first and was not charged for, or None: nothing waits for a decision."""
    if any(not each.is_untried for each in owed) or waits_for_debt(schedule, owed):
        return None
    untried = min((each.period for each in owed), key=lambda each: each.start, default=None)
    if untried is not None or today < schedule.next_start:
        return untried
    return schedule.period(schedule.billed_index + 1)


def release(
    schedule: BillingSchedule, today: date, owed: Sequence[OpenInvoice], bill: Bill, window: ChargeWindow
) -> Release:
    """Return what releasing a subscription on ``today`` bills and forgives. ``owed``: its open invoices."""
    first = first_unbilled(schedule, today, owed)
    if first is None:
        return Release()
    untried = sorted(owed, key=lambda each: each.period.start)
    match bill:
        case Bill.FIRST:
            return _bill_it(schedule, first, untried, window)
        case Bill.LATEST if today < first.end:
            return Release()
        case Bill.LATEST:
            return _begin_today(schedule, first, today, untried, window)
        case Bill.NONE:
            return _bill_nothing(schedule, first, today, untried, window)
        case _:
            assert_never(bill)


def _bill_it(schedule: BillingSchedule, first: Period, untried: Sequence[OpenInvoice], window: ChargeWindow) -> Release:
    # Recorded, so that the next sweep does not take the period for one that nobody decided about.
    is_recorded = bool(untried) and untried[0].is_billed_late
    late = () if is_recorded else (DayRecord(first.start, first.end, DayKind.OWED, UnbilledReason.OUTAGE),)
    if untried:
        return Release(forgiven_invoices=tuple(each.id for each in untried[1:]), records=late)
    index = schedule.billed_index + 1
    return Release({"billed_index": index, "next_due_at": due_at(schedule, index + 1, window)}, first, records=late)


def _begin_today(
    schedule: BillingSchedule, first: Period, today: date, untried: Sequence[OpenInvoice], window: ChargeWindow
) -> Release:
    next_due_at = slot_on(today, schedule.zone, schedule.subscription_id, window)
    columns: dict[str, object] = {"anchor": today, "billed_index": -1, "next_due_at": next_due_at}
    if first.end == today and not untried:
        columns = {"billed_index": schedule.billed_index + 1, "next_due_at": next_due_at}
    return Release(
        columns,
        forgiven_invoices=tuple(each.id for each in untried),
        records=(*forgiven_in_outage(first.start, first.end, untried), *_gap(first.end, today)),
    )


def _bill_nothing(
    schedule: BillingSchedule, first: Period, today: date, untried: Sequence[OpenInvoice], window: ChargeWindow
) -> Release:
    current = max(schedule.billed_index, period_index(schedule.anchor, schedule.interval, today))
    end = schedule.period(current).end
    days = [*forgiven_in_outage(first.start, first.end, untried), *_gap(first.end, today)]
    if first.end < end:
        days += forgiven_in_outage(max(first.end, today), end, untried)
    return Release(
        {"billed_index": current, "next_due_at": due_at(schedule, current + 1, window)},
        forgiven_invoices=tuple(each.id for each in untried),
        records=tuple(days),
    )


def _gap(start: date, end: date) -> tuple[DayRecord, ...]:
    return (DayRecord(start, end, DayKind.NONE, UnbilledReason.NO_ACCESS),) if start < end else ()
