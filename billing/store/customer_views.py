"""What the API shows of customers and their KakaoPay agreements."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, select
from sqlmodel import col

from billing.domain.states import SourceState
from billing.store.columns import AnyRow
from billing.store.pages import ANY_TIME, Page, Span, newest_first, within
from billing.store.tables import Customer, Source


def find_customer(tx: Connection, customer_id: UUID) -> AnyRow | None:
    """Return a customer, or None."""
    return tx.execute(_customers().where(col(Customer.id) == customer_id)).one_or_none()


def list_customers(
    tx: Connection, page: Page, *, reference: str | None = None, created: Span = ANY_TIME
) -> Sequence[AnyRow]:
    """Return a page of customers, newest first; with a reference, the one who has it."""
    query = within(_customers(), col(Customer.created_at), created)
    if reference is not None:
        query = query.where(col(Customer.reference) == reference)
    return newest_first(tx, query, Customer, page)


def find_source(tx: Connection, source_id: UUID) -> AnyRow | None:
    """Return a source, or None."""
    return tx.execute(_sources().where(col(Source.id) == source_id)).one_or_none()


def list_sources(
    tx: Connection, page: Page, *, customer_id: UUID, state: SourceState | None = None, created: Span = ANY_TIME
) -> Sequence[AnyRow]:
    """Return a page of a customer's sources, newest first."""
    query = within(_sources(), col(Source.created_at), created).where(col(Source.customer_id) == customer_id)
    if state is not None:
        query = query.where(col(Source.state) == state)
    return newest_first(tx, query, Source, page)


def _customers() -> Select[*tuple[Any, ...]]:
    return select(
        col(Customer.id),
        col(Customer.reference),
        col(Customer.name),
        col(Customer.email),
        col(Customer.phone),
        col(Customer.locale),
        col(Customer.country),
        col(Customer.created_at),
        col(Customer.erased_at),
    )


def _sources() -> Select[*tuple[Any, ...]]:
    return select(
        col(Source.id), col(Source.customer_id), col(Source.state), col(Source.revocation), col(Source.created_at)
    )
