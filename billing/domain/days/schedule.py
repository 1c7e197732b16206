"""Where the periods of a subscription lie, and when they are charged."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from billing.domain.quiet_hours import ChargeWindow, charge_slot
from plans.calendar import Interval, Period, nth_period


@dataclass(frozen=True, slots=True)
class BillingSchedule:
    """The periods of a subscription, counted from ``anchor``. ``billed_index`` is that of the last one that has an
    invoice or was forgiven; -1 before the first, as in a trial.
    """

    subscription_id: UUID
    anchor: date
    interval: Interval
    zone: str
    billed_index: int

    @property
    def next_start(self) -> date:
        """The first day that is neither billed, nor forgiven, nor a trial day: where the next period begins."""
        return self.period(self.billed_index).end if self.billed_index >= 0 else self.anchor

    @property
    def is_daily(self) -> bool:
        """Whether every day is a period of its own."""
        return self.period(0).days == 1

    def period(self, index: int) -> Period:
        """Return the period with this index, from 0."""
        return nth_period(self.anchor, self.interval, index)


def due_at(schedule: BillingSchedule, index: int, window: ChargeWindow) -> datetime:
    """Return the UTC instant at which period ``index`` is charged: on its first day, in the window."""
    return slot_on(schedule.period(index).start, schedule.zone, schedule.subscription_id, window)


def slot_on(day: date, zone: str, subscription_id: UUID, window: ChargeWindow) -> datetime:
    """Return the UTC instant on ``day`` at which a subscription is charged."""
    return charge_slot(day, window.opens, zone, window, subscription_id)
