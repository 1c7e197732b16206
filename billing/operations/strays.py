"""Payments at the gateway that no charge accounts for: written down, watched, and given back when they are ours."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection, select, update
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.charging import Found, GatewayPayment, PaymentStatus
from billing.domain.identity import refund_reference
from billing.domain.invoicing import poll_again_at
from billing.operations.batches import pages_of
from billing.operations.engine import Engine, Tally
from billing.operations.parking import park_subscription
from billing.store.cases import load_cases, lock_subscriptions
from billing.store.due import open_strays
from billing.store.inserts import insert_if_absent
from billing.store.settlements import next_refund_no, order_refund
from billing.store.tables import Charge, StrayPayment
from billing.store.writes import Author, note

log = structlog.get_logger()


def keep_strays(engine: Engine, strays: Sequence[tuple[UUID | None, GatewayPayment]], now: datetime) -> None:
    """Write down payments found beside the one that counts (``charge_id``), or that no charge explains (None)."""
    if not strays:
        return
    with engine.database.transaction() as tx:
        for charge_id, payment in strays:
            _keep(tx, charge_id, payment, Author(engine.actor, now))


def settle_strays(engine: Engine, *, now: datetime) -> Tally:
    """Ask about every stray payment that is due at ``now`` (UTC); refund one that was captured beside a charge."""
    tally = Tally()
    for ids in pages_of(engine, lambda tx, limit, after: open_strays(tx, now, limit, after)):
        for payment_id, told in zip(ids, engine.gateway.find_by_id(ids), strict=True):
            payment = told.payments[0] if isinstance(told, Found) and told.payments else None
            tally.add(_settle(engine, payment_id, payment, now))
    return tally


def _keep(tx: Connection, charge_id: UUID | None, payment: GatewayPayment, author: Author) -> None:
    row = {
        "gateway_payment_id": payment.id,
        "reference": payment.reference,
        "charge_id": charge_id,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "status": payment.raw_status,
        "found_at": author.now,
        "check_at": author.now,
        "checks": 0,
    }
    if insert_if_absent(tx, StrayPayment, [row]) == 0:
        return
    log.error("stray_payment", payment=payment.id, reference=payment.reference, status=payment.raw_status)
    told = Note("payment.stray", {"gateway_payment_id": payment.id, "status": payment.raw_status})
    owner = _owner(tx, charge_id)
    note(tx, owner, told, author, subject=("payment", payment.id))


def _settle(engine: Engine, payment_id: str, payment: GatewayPayment | None, now: datetime) -> Tally:
    tally = Tally()
    freeze: UUID | None = None
    with engine.database.transaction() as tx:
        stray = tx.execute(
            select(StrayPayment.__table__).where(  # type: ignore[attr-defined]
                col(StrayPayment.gateway_payment_id) == payment_id, col(StrayPayment.resolved_at).is_(None)
            )
        ).one_or_none()
        if stray is None:
            return tally
        if payment is not None and payment.status is PaymentStatus.CAPTURED and stray.charge_id is not None:
            freeze = _give_back(tx, stray.charge_id, payment, Author(engine.actor, now))
            _resolve(tx, payment_id, payment.raw_status, "refunded", now)
            tally.acts["strays_refunded"] += 1
        elif payment is not None and payment.status not in (PaymentStatus.CAPTURED, PaymentStatus.OPEN):
            _resolve(tx, payment_id, payment.raw_status, "never captured", now)
            tally.acts["strays_closed"] += 1
        else:
            later = {"check_at": poll_again_at(now, stray.checks), "checks": stray.checks + 1}
            _write(tx, payment_id, {**later, "status": payment.raw_status if payment else stray.status})
    if freeze is not None:
        park_subscription(engine, freeze, f"charged twice at the gateway; {payment_id} is being refunded", now)
    return tally


def _give_back(tx: Connection, charge_id: UUID, payment: GatewayPayment, author: Author) -> UUID:
    case = load_cases(tx, [charge_id])[0]
    order_refund(
        tx,
        charge_id,
        payment.id,
        payment.captured_minor or payment.amount_minor or case.amount.minor,
        payment.currency or case.amount.currency,
        reference=refund_reference(case.reference, next_refund_no(tx, charge_id)),
        reason="a second payment was captured for the same charge",
        author=author,
    )
    return case.subscription_id


def _resolve(tx: Connection, payment_id: str, status: str, resolution: str, now: datetime) -> None:
    _write(tx, payment_id, {"status": status, "resolution": resolution, "resolved_at": now})


def _write(tx: Connection, payment_id: str, written: dict[str, Any]) -> None:
    tx.execute(update(StrayPayment).where(col(StrayPayment.gateway_payment_id) == payment_id).values(**written))


def _owner(tx: Connection, charge_id: UUID | None) -> UUID | None:
    if charge_id is None:
        return None
    owner = tx.execute(select(col(Charge.subscription_id)).where(col(Charge.id) == charge_id)).scalar_one()
    lock_subscriptions(tx, [owner])
    return owner
