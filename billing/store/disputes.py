"""Reads of disputes: which charges and payments are disputed, and what went back by chargeback."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, or_, select, text
from sqlmodel import col

from billing.domain.disputes import DisputeState, Known
from billing.store.columns import AnyRow
from billing.store.dispute_tables import OPEN_DISPUTE, Dispute
from billing.store.tables import Charge, StrayPayment


def owner_of_payment(tx: Connection, payment_id: str) -> AnyRow | None:
    """Return the charge that a payment belongs to (``id``, subscription, amount, currency), or None."""
    columns = (col(Charge.id), col(Charge.subscription_id), col(Charge.amount_minor), col(Charge.currency))
    own = tx.execute(select(*columns).where(col(Charge.gateway_payment_id) == payment_id)).one_or_none()
    if own is not None:
        return own
    return tx.execute(
        select(*columns)
        .join(StrayPayment, col(StrayPayment.charge_id) == col(Charge.id))
        .where(col(StrayPayment.gateway_payment_id) == payment_id)
    ).one_or_none()


def disputes_of(tx: Connection, charge_ids: Sequence[UUID]) -> Sequence[AnyRow]:
    """Return every dispute of these charges, oldest first."""
    table = Dispute.__table__  # type: ignore[attr-defined]
    query = select(table).where(col(Dispute.charge_id).in_(charge_ids))
    return tx.execute(query.order_by(col(Dispute.opened_at), col(Dispute.gateway_dispute_id))).all()


def open_disputes(tx: Connection, payment_ids: Sequence[str] | None = None) -> Sequence[AnyRow]:
    """Return the open disputes, of these payments or all, by the day by which to answer."""
    query = select(
        col(Dispute.gateway_dispute_id),
        col(Dispute.gateway_payment_id),
        col(Dispute.charge_id),
        col(Dispute.amount_minor),
        col(Dispute.currency),
        col(Dispute.respond_by),
    ).where(text(f"dispute.{OPEN_DISPUTE}"))
    if payment_ids is not None:
        query = query.where(col(Dispute.gateway_payment_id).in_(payment_ids))
    return tx.execute(query.order_by(col(Dispute.respond_by), col(Dispute.gateway_dispute_id)).limit(1000)).all()


def disputes_to_ask(tx: Connection, decided_since: datetime, after: str | None, limit: int) -> list[str]:
    """Return the ids of disputes that are open, or were decided since an instant (UTC), beyond ``after``.

    A chargeback without a dispute has no id to ask by.
    """
    undecided = text(f"dispute.{OPEN_DISPUTE}")
    query = select(col(Dispute.gateway_dispute_id)).where(
        or_(undecided, col(Dispute.ended_at) >= decided_since),
        col(Dispute.gateway_dispute_id) != col(Dispute.gateway_payment_id),
    )
    if after is not None:
        query = query.where(col(Dispute.gateway_dispute_id) > after)
    return list(tx.execute(query.order_by(col(Dispute.gateway_dispute_id)).limit(limit)).scalars())


def known_disputes(tx: Connection, dispute_ids: Sequence[str]) -> dict[str, Known]:
    """Return what is known of these disputes, by their ids; one that is not known is left out."""
    ident = col(Dispute.gateway_dispute_id)
    columns = (ident, col(Dispute.state), col(Dispute.rank), col(Dispute.updated_at))
    rows = tx.execute(select(*columns).where(ident.in_(dispute_ids)))
    return {row.gateway_dispute_id: Known(row.state, row.rank, row.updated_at) for row in rows}


def lost_disputes(tx: Connection, payment_ids: Sequence[str]) -> Sequence[AnyRow]:
    """Return the disputes of these payments that were lost."""
    return tx.execute(
        select(
            col(Dispute.gateway_dispute_id),
            col(Dispute.gateway_payment_id),
            col(Dispute.charge_id),
            col(Dispute.amount_minor),
            col(Dispute.ended_at),
        ).where(col(Dispute.gateway_payment_id).in_(payment_ids), col(Dispute.state) == DisputeState.LOST)
    ).all()


def charged_back(tx: Connection, payment_id: str) -> int:
    """Return how much of a payment went back by lost disputes, in minor units."""
    lost = (col(Dispute.gateway_payment_id) == payment_id, col(Dispute.state) == DisputeState.LOST)
    return int(tx.execute(select(func.coalesce(func.sum(col(Dispute.amount_minor)), 0)).where(*lost)).scalar_one())
