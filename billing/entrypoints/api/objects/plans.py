"""What a plan is to a client."""

from datetime import datetime
from typing import Literal, Self

from billing.entrypoints.api.objects.prices import Price
from billing.entrypoints.api.paging import ListOf
from billing.entrypoints.api.shapes import Answered
from billing.store.columns import AnyRow


class Plan(Answered):
    """What is sold. ``id`` is its code. ``price`` is what new subscribers pay; others keep the price they have.

    An archived plan takes no new subscribers. A paused one renews nobody either, until it is resumed.
    """

    object: Literal["plan"] = "plan"
    id: str
    name: str
    price: Price
    archived_at: datetime | None
    paused_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        """Return the plan of a row of :mod:`billing.store.plan_views`."""
        return cls(**row._asdict(), id=row.code, price=Price.of(row))


class PlanList(ListOf[Plan]):
    """A page of plans, in the order of their codes."""


class PriceList(ListOf[Price]):
    """A page of prices, in the order of plans and versions."""
