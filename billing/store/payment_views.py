"""What the API shows of invoices, charges and refunds. A list is one query, and one more for what hangs on it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, select
from sqlmodel import col

from billing.domain.states import ChargeState, InvoiceState, RefundState
from billing.store.columns import AnyRow
from billing.store.pages import ANY_TIME, Page, Span, newest_first, within
from billing.store.tables import Charge, Invoice, Refund, Subscription


def find_invoice(tx: Connection, invoice_id: UUID) -> AnyRow | None:
    """Return an invoice with whose it is, or None."""
    return tx.execute(_invoices().where(col(Invoice.id) == invoice_id)).one_or_none()


def list_invoices(
    tx: Connection,
    page: Page,
    *,
    subscription_id: UUID | None = None,
    customer_id: UUID | None = None,
    state: InvoiceState | None = None,
    created: Span = ANY_TIME,
) -> Sequence[AnyRow]:
    """Return a page of the invoices of a subscription or customer, newest first."""
    query = _of(_invoices(), Invoice, subscription_id, customer_id, created)
    if state is not None:
        query = query.where(col(Invoice.state) == state)
    return newest_first(tx, query, Invoice, page)


def charge_ids_of(tx: Connection, invoice_ids: Sequence[UUID]) -> Sequence[AnyRow]:
    """Return the ids of every attempt to take these invoices' amounts, oldest first."""
    return tx.execute(
        select(col(Charge.invoice_id), col(Charge.id))
        .where(col(Charge.invoice_id).in_(invoice_ids))
        .order_by(col(Charge.attempt_no))
    ).all()


def find_charge(tx: Connection, charge_id: UUID) -> AnyRow | None:
    """Return a charge with whose it is, or None."""
    return tx.execute(_charges().where(col(Charge.id) == charge_id)).one_or_none()


def list_charges(
    tx: Connection,
    page: Page,
    *,
    invoice_id: UUID | None = None,
    subscription_id: UUID | None = None,
    customer_id: UUID | None = None,
    state: ChargeState | None = None,
    created: Span = ANY_TIME,
) -> Sequence[AnyRow]:
    """Return a page of the charges of an invoice, a subscription or a customer, newest first."""
    query = _of(_charges(), Charge, subscription_id, customer_id, created)
    if invoice_id is not None:
        query = query.where(col(Charge.invoice_id) == invoice_id)
    if state is not None:
        query = query.where(col(Charge.state) == state)
    return newest_first(tx, query, Charge, page)


def refunds_of(tx: Connection, charge_ids: Sequence[UUID]) -> Sequence[AnyRow]:
    """Return id, state and amount of every refund of these charges, oldest first."""
    return tx.execute(
        select(col(Refund.charge_id), col(Refund.id), col(Refund.state), col(Refund.amount_minor))
        .where(col(Refund.charge_id).in_(charge_ids))
        .order_by(col(Refund.created_at), col(Refund.reference))
    ).all()


def find_refund(tx: Connection, refund_id: UUID) -> AnyRow | None:
    """Return a refund with whose it is, or None."""
    return tx.execute(_refunds().where(col(Refund.id) == refund_id)).one_or_none()


def list_refunds(
    tx: Connection,
    page: Page,
    *,
    charge_id: UUID | None = None,
    subscription_id: UUID | None = None,
    customer_id: UUID | None = None,
    state: RefundState | None = None,
    created: Span = ANY_TIME,
) -> Sequence[AnyRow]:
    """Return a page of the refunds of a charge, a subscription or a customer, newest first."""
    query = _of(_refunds(), Refund, subscription_id, customer_id, created)
    if charge_id is not None:
        query = query.where(col(Refund.charge_id) == charge_id)
    if state is not None:
        query = query.where(col(Refund.state) == state)
    return newest_first(tx, query, Refund, page)


def _of(
    query: Select[*tuple[Any, ...]],
    table: type[Invoice | Charge | Refund],
    subscription_id: UUID | None,
    customer_id: UUID | None,
    created: Span,
) -> Select[*tuple[Any, ...]]:
    if subscription_id is not None:
        query = query.where(col(Subscription.id) == subscription_id)
    if customer_id is not None:
        query = query.where(col(Subscription.customer_id) == customer_id)
    return within(query, col(table.created_at), created)


def _invoices() -> Select[*tuple[Any, ...]]:
    return select(
        col(Invoice.id),
        col(Invoice.subscription_id),
        col(Subscription.customer_id),
        col(Invoice.kind),
        col(Invoice.state),
        col(Invoice.period_start),
        col(Invoice.period_end),
        col(Invoice.amount_minor),
        col(Invoice.currency),
        col(Invoice.next_attempt_at),
        col(Invoice.paid_at),
        col(Invoice.created_at),
    ).join(Subscription, col(Subscription.id) == col(Invoice.subscription_id))


def _charges() -> Select[*tuple[Any, ...]]:
    return select(
        col(Charge.id),
        col(Charge.invoice_id),
        col(Charge.subscription_id),
        col(Subscription.customer_id),
        col(Charge.source_id),
        col(Charge.kind),
        col(Charge.state),
        col(Charge.automatic),
        col(Charge.amount_minor),
        col(Charge.currency),
        col(Charge.captured_at),
        col(Charge.response_code),
        col(Charge.decline_class),
        col(Charge.created_at),
    ).join(Subscription, col(Subscription.id) == col(Charge.subscription_id))


def _refunds() -> Select[*tuple[Any, ...]]:
    return (
        select(
            col(Refund.id),
            col(Refund.charge_id),
            col(Charge.subscription_id),
            col(Subscription.customer_id),
            col(Refund.amount_minor),
            col(Refund.currency),
            col(Refund.state),
            col(Refund.reason),
            col(Refund.response_code),
            col(Refund.created_at),
        )
        .join(Charge, col(Charge.id) == col(Refund.charge_id))
        .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
    )
