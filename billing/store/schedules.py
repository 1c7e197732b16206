"""The schedule of a subscription, from a row that was read with its price."""

from uuid import UUID

from billing.domain.days.schedule import BillingSchedule
from billing.store.columns import AnyRow
from plans.calendar import Interval


def schedule_of(row: AnyRow, subscription_id: UUID | None = None) -> BillingSchedule:
    """Return the schedule of a subscription. ``subscription_id``: its id, where that is not the id of the row."""
    interval = Interval(row.interval_unit, row.interval_count)
    return BillingSchedule(subscription_id or row.id, row.anchor, interval, row.zone, row.billed_index)
