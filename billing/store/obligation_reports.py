"""Reads for people of what is owed: since when, how it stands, and how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select, text, type_coerce
from sqlmodel import col

from billing.domain.public_ids import Kind
from billing.domain.states import ObligationState
from billing.store.columns import UtcDateTime
from billing.store.obligation_tables import OPEN_OBLIGATION, RefundObligation
from billing.store.reports import AnySelect, columns_of
from billing.store.tables import Charge, Customer, Subscription


@dataclass(frozen=True, slots=True)
class ObligationLine:
    """A refund that is owed, or was, with whom."""

    KIND = Kind.REFUND_OBLIGATION

    id: UUID
    charge_id: UUID
    state: ObligationState
    amount_minor: int
    currency: str
    reason: str
    gateway_payment_id: str
    tries: int
    check_at: datetime | None
    refund_by: datetime
    parked_reason: str | None
    settled_minor: int | None
    settled_how: str | None
    settled_reason: str | None
    settled_by: str | None
    ended_at: datetime | None
    created_at: datetime
    customer_reference: str


def list_obligations(
    tx: Connection,
    limit: int,
    *,
    ids: Sequence[UUID] | None = None,
    charge_ids: Sequence[UUID] | None = None,
    ended_too: bool = True,
) -> list[ObligationLine]:
    """Return obligations, the oldest first; of some charges if they are named."""
    names = [name for name in ObligationLine.__dataclass_fields__ if name != "customer_reference"]
    query: AnySelect = (
        select(*columns_of(RefundObligation, *names), col(Customer.reference))
        .join(Charge, col(Charge.id) == col(RefundObligation.charge_id))
        .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
        .join(Customer, col(Customer.id) == col(Subscription.customer_id))
        .order_by(col(RefundObligation.created_at), col(RefundObligation.id))
        .limit(limit)
    )
    if ids is not None:
        query = query.where(col(RefundObligation.id).in_(ids))
    if charge_ids is not None:
        query = query.where(col(RefundObligation.charge_id).in_(charge_ids))
    if not ended_too:
        query = query.where(text(f"refund_obligation.{OPEN_OBLIGATION}"))
    return [ObligationLine(*row) for row in tx.execute(query)]


def owed_refunds(tx: Connection) -> tuple[int, datetime | None]:
    """Return how many payments must go back and have not yet, and since when the oldest is owed.

    A first refund that is under way is no news for a person, and left out.
    """
    is_owed = text(
        f"refund_obligation.{OPEN_OBLIGATION} AND (refund_obligation.state = 'parked'"
        " OR refund_obligation.failures > 0 OR refund_obligation.shortages > 0)"
    )
    oldest = type_coerce(func.min(col(RefundObligation.created_at)), UtcDateTime())
    row = tx.execute(select(func.count(), oldest).select_from(RefundObligation).where(is_owed)).one()
    return int(row[0]), row[1]
