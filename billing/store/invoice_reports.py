"""Reads of invoices for people: a list with a limit, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.cases import InvoiceKind
from billing.domain.public_ids import Kind
from billing.domain.states import InvoiceState, SubscriptionState
from billing.store.reports import AnySelect, columns_of
from billing.store.tables import Customer, Invoice, Subscription


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """An invoice and whose it is. The period's end is exclusive."""

    KIND = Kind.INVOICE

    id: UUID
    subscription_id: UUID
    customer_reference: str
    plan_code: str
    zone: str
    subscription_state: SubscriptionState
    kind: InvoiceKind
    state: InvoiceState
    period_start: date
    period_end: date
    amount_minor: int
    currency: str
    attempts: int
    next_attempt_at: datetime | None
    give_up_at: datetime | None
    paid_at: datetime | None
    created_at: datetime


def list_invoices(
    tx: Connection,
    limit: int,
    *,
    ids: Sequence[UUID] | None = None,
    states: Sequence[str] = (),
    subscription_id: UUID | None = None,
) -> list[InvoiceRow]:
    """Return invoices, newest first, that meet every condition that is given."""
    query: AnySelect = (
        select(
            *columns_of(Invoice, "id", "subscription_id"),
            *columns_of(Customer, "reference"),
            *columns_of(Subscription, "plan_code", "zone", "state"),
            *columns_of(
                Invoice, "kind", "state", "period_start", "period_end", "amount_minor", "currency", "attempts",
                "next_attempt_at", "give_up_at", "paid_at", "created_at",
            ),
        )
        .select_from(Invoice)
        .join(Subscription, col(Subscription.id) == col(Invoice.subscription_id))
        .join(Customer, col(Customer.id) == col(Subscription.customer_id))
        .order_by(col(Invoice.created_at).desc(), col(Invoice.id))
        .limit(limit)
    )  # fmt: skip
    if ids is not None:
        query = query.where(col(Invoice.id).in_(ids))
    if states:
        query = query.where(col(Invoice.state).in_(states))
    if subscription_id is not None:
        query = query.where(col(Invoice.subscription_id) == subscription_id)
    return [InvoiceRow(*row) for row in tx.execute(query)]
