"""Return of a subscriber whose days ran out: the next period begins on that day, and what lay between is not billed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from billing.domain.days.records import DayKind, DayRecord, UnbilledReason
from billing.domain.days.schedule import BillingSchedule, slot_on
from billing.domain.quiet_hours import ChargeWindow

_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Return:
    """What a return changes: columns of the subscription, and the days that nobody is billed for."""

    columns: Mapping[str, object] = field(default_factory=dict)
    records: tuple[DayRecord, ...] = ()


def return_on(
    schedule: BillingSchedule, today: date, *, reason: UnbilledReason, charged: bool, window: ChargeWindow
) -> Return:
    """Return where the next period begins when a debt, a pause or a lock-out ends on ``today``.

    Before the last covered day is over the calendar goes on as it was. After it the next period begins today and is
    charged today; if money was taken today (``charged``), tomorrow. A daily plan then begins tomorrow, too: else it
    would be charged for the day before, for ever.
    """
    last_end = schedule.next_start
    if today < last_end:
        return Return()
    start = today + _A_DAY if charged and schedule.is_daily else today
    due_on = max(start, today + _A_DAY) if charged else start
    next_due_at = slot_on(due_on, schedule.zone, schedule.subscription_id, window)
    if start == last_end:
        return Return({"next_due_at": next_due_at})
    unbilled = DayRecord(last_end, start, DayKind.NONE, reason)
    return Return({"anchor": start, "billed_index": -1, "next_due_at": next_due_at}, (unbilled,))


def bought_on(schedule: BillingSchedule, today: date, window: ChargeWindow) -> Return:
    """Return the schedule whose first period begins on ``today`` and was paid today."""
    anew = BillingSchedule(schedule.subscription_id, today, schedule.interval, schedule.zone, 0)
    next_due_at = slot_on(anew.next_start, schedule.zone, schedule.subscription_id, window)
    return Return({"anchor": today, "billed_index": 0, "next_due_at": next_due_at})
