"""What the API shows of refunds that are owed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, select
from sqlmodel import col

from billing.domain.states import ObligationState
from billing.store.columns import AnyRow
from billing.store.obligation_tables import RefundObligation
from billing.store.pages import ANY_TIME, Page, Span, newest_first, within
from billing.store.tables import Charge, Subscription


def find_obligation(tx: Connection, obligation_id: UUID) -> AnyRow | None:
    """Return an obligation with whose it is, or None."""
    return tx.execute(_obligations().where(col(RefundObligation.id) == obligation_id)).one_or_none()


def list_obligations(
    tx: Connection,
    page: Page,
    *,
    charge_id: UUID | None = None,
    subscription_id: UUID | None = None,
    customer_id: UUID | None = None,
    state: ObligationState | None = None,
    is_open: bool | None = None,
    created: Span = ANY_TIME,
) -> Sequence[AnyRow]:
    """Return a page of obligations, newest first."""
    query = within(_obligations(), col(RefundObligation.created_at), created)
    if charge_id is not None:
        query = query.where(col(RefundObligation.charge_id) == charge_id)
    if subscription_id is not None:
        query = query.where(col(Charge.subscription_id) == subscription_id)
    if customer_id is not None:
        query = query.where(col(Subscription.customer_id) == customer_id)
    if state is not None:
        query = query.where(col(RefundObligation.state) == state)
    if is_open is not None:
        ended_at = col(RefundObligation.ended_at)
        query = query.where(ended_at.is_(None) if is_open else ended_at.is_not(None))
    return newest_first(tx, query, RefundObligation, page)


def _obligations() -> Select[*tuple[Any, ...]]:
    return (
        select(
            RefundObligation.__table__,  # type: ignore[attr-defined]
            col(Charge.subscription_id),
            col(Subscription.customer_id),
        )
        .join(Charge, col(Charge.id) == col(RefundObligation.charge_id))
        .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
    )
