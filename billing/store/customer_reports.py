"""Reads of customers for people: a list with a limit, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select, text
from sqlmodel import col

from billing.domain.public_ids import Kind
from billing.store.reports import AnySelect, columns_of
from billing.store.tables import LIVE_SUBSCRIPTION, Customer, Subscription


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer, and how many of their subscriptions live. Erased, there is no name and no address."""

    KIND = Kind.CUSTOMER

    id: UUID
    reference: str
    name: str
    email: str
    phone: str | None
    locale: str
    country: str | None
    gateway_customer_id: str | None
    created_at: datetime
    erased_at: datetime | None
    subscriptions: int


def list_customers(tx: Connection, limit: int, *, ids: Sequence[UUID] | None = None) -> list[CustomerRow]:
    """Return customers, newest first; with ``ids``, those."""
    live = (
        select(func.count())
        .where(col(Subscription.customer_id) == col(Customer.id), text(f"subscription.{LIVE_SUBSCRIPTION}"))
        .scalar_subquery()
    )
    query: AnySelect = (
        select(
            *columns_of(Customer, *(name for name in CustomerRow.__dataclass_fields__ if name != "subscriptions")),
            live,
        )
        .order_by(col(Customer.created_at).desc(), col(Customer.id))
        .limit(limit)
    )
    if ids is not None:
        query = query.where(col(Customer.id).in_(ids))
    return [CustomerRow(*row) for row in tx.execute(query)]
