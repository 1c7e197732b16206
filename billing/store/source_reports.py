"""Reads of KakaoPay agreements: one, or a list, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select
from sqlmodel import col

from billing.domain.public_ids import Kind
from billing.domain.states import RevocationState, SourceState
from billing.store.reports import AnySelect, columns_of
from billing.store.tables import Customer, Source, Subscription


@dataclass(frozen=True, slots=True)
class SourceRow:
    """An agreement, whose it is, and how many subscriptions are charged to it."""

    KIND = Kind.SOURCE

    id: UUID
    customer_id: UUID
    customer_reference: str
    gateway_source_id: str
    state: SourceState
    revocation: RevocationState
    revocation_error: str | None
    subscriptions: int
    created_at: datetime


def list_sources(
    tx: Connection,
    limit: int,
    *,
    ids: Sequence[UUID] | None = None,
    states: Sequence[str] = (),
    customer_reference: str | None = None,
) -> list[SourceRow]:
    """Return agreements, newest first, that meet every condition that is given."""
    users = select(func.count()).where(col(Subscription.source_id) == col(Source.id)).scalar_subquery()
    query: AnySelect = (
        select(
            *columns_of(Source, "id", "customer_id"),
            *columns_of(Customer, "reference"),
            *columns_of(Source, "gateway_source_id", "state", "revocation", "revocation_error"),
            users,
            *columns_of(Source, "created_at"),
        )
        .select_from(Source)
        .join(Customer, col(Customer.id) == col(Source.customer_id))
        .order_by(col(Source.created_at).desc(), col(Source.id))
        .limit(limit)
    )
    if ids is not None:
        query = query.where(col(Source.id).in_(ids))
    if states:
        query = query.where(col(Source.state).in_(states))
    if customer_reference is not None:
        query = query.where(col(Customer.reference) == customer_reference)
    return [SourceRow(*row) for row in tx.execute(query)]
