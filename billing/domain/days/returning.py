"""Return of a subscriber whose days ran out: the next period begins on that day, and what lay between is not billed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from billing.domain.days.records import DayKind, DayRecord, UnbilledReason
from billing.domain.days.schedule import BillingSchedule, slot_on
from billing.domain.quiet_hours import ChargeWindow, outside_quiet_hours
from plans.calendar import billing_day

_A_DAY = timedelta(days=1)
_A_SWEEP = timedelta(minutes=1)
"""Within this the next sweep charges what is due."""


@dataclass(frozen=True, slots=True)
class Return:
    """What a return changes: columns of the subscription, and the days that nobody is billed for."""

    columns: Mapping[str, object] = field(default_factory=dict)
    records: tuple[DayRecord, ...] = ()


def return_on(
    schedule: BillingSchedule, now: datetime, *, reason: UnbilledReason, charged: bool, window: ChargeWindow
) -> Return:
    """Return where the next period begins when a debt, a pause or a lock-out ends at ``now`` (UTC).

    Before the last covered day is over the calendar goes on as it was. After it the next period begins today and is
    charged today; if money was taken today (``charged``), tomorrow. A daily plan then begins tomorrow, too: else it
    would be charged for the day before, for ever. If nothing can be charged today any more, whatever plan begins
    tomorrow: else the rest of today could be had for nothing, or a daily plan be charged for it as for a whole day.
    """
    last_end, today = schedule.next_start, billing_day(now, schedule.zone)
    if today < last_end:
        return Return()
    is_over = billing_day(outside_quiet_hours(now + _A_SWEEP, window), schedule.zone) > today
    start = today + _A_DAY if (schedule.is_daily if charged else is_over) else today
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
