"""What a price is to a client. A price never changes: another one is a new version."""

from datetime import datetime
from typing import Literal, Self

from billing.entrypoints.api.ids import PriceId
from billing.entrypoints.api.shapes import Answered, Money
from billing.store.columns import AnyRow
from plans.calendar import IntervalUnit


class Price(Answered):
    """A version of a plan's price: ``amount`` every so many ``interval``, after ``trial_days`` without one."""

    object: Literal["price"] = "price"
    id: PriceId
    plan: str
    version: int
    amount: Money
    interval: IntervalUnit
    interval_count: int
    trial_days: int
    created_at: datetime

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        """Return the price of a row with the columns of :data:`billing.store.price_columns.PRICE`."""
        return cls(
            id=row.price_id,
            plan=row.plan_code,
            version=row.version,
            amount=Money.of(row),
            interval=row.interval_unit,
            interval_count=row.interval_count,
            trial_days=row.trial_days,
            created_at=row.price_created_at,
        )
