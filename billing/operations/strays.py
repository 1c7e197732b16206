"""Payments at the gateway that no charge accounts for: written down, watched, and given back when they are ours."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import Connection, select, update
from sqlmodel import col

from billing.domain.cases import Case, Note
from billing.domain.charging import Found, GatewayPayment, PaymentStatus
from billing.domain.identity import refund_reference
from billing.domain.invoicing import poll_again_at
from billing.operations.batches import pages_of
from billing.operations.engine import Engine, Tally
from billing.store.cases import load_cases, lock_subscriptions
from billing.store.due import Kind
from billing.store.inserts import insert_if_absent
from billing.store.settlements import next_refund_no, order_refund
from billing.store.tables import Charge, StrayPayment, Subscription
from billing.store.writes import Author, Change, change, note

log = structlog.get_logger()
_LONGEST_STATUS: Final = 32


def keep_strays(engine: Engine, strays: Sequence[tuple[UUID | None, GatewayPayment]], now: datetime) -> None:
    """Write down payments found beside the one that counts (``charge_id``), or that no charge explains (None)."""
    if not strays:
        return
    with engine.database.transaction() as tx:
        for charge_id, payment in strays:
            keep_stray(tx, charge_id, payment, Author(engine.actor, now))


def settle_strays(engine: Engine, *, now: datetime) -> Tally:
    """Ask about every stray payment that is due at ``now`` (UTC); refund one that was captured beside a charge."""
    tally = Tally()
    for ids in pages_of(engine, Kind.STRAY, now, takes_turns=True):
        for payment_id, told in zip(ids, engine.gateway.find_by_id(ids), strict=True):
            payment = told.payments[0] if isinstance(told, Found) and told.payments else None
            tally.add(_settle(engine, payment_id, payment, now))
    return tally


def keep_stray(tx: Connection, charge_id: UUID | None, payment: GatewayPayment, author: Author) -> None:
    """Write down a payment found beside the one that counts, once."""
    if insert_if_absent(tx, StrayPayment, [_row(charge_id, payment, author)]) == 0:
        return
    log.error("stray_payment", payment=payment.id, reference=payment.reference, status=payment.raw_status)
    told = Note("payment.stray", {"gateway_payment_id": payment.id, "status": payment.raw_status})
    owner = _owner(tx, charge_id)
    note(tx, owner, told, author, subject=("payment", payment.id))


def detach(tx: Connection, case: Case, payment: GatewayPayment, resolution: str, author: Author) -> None:
    """Write down a charge's own payment as one that no longer counts for it, with what became of it."""
    insert_if_absent(tx, StrayPayment, [_row(case.charge_id, payment, author)])
    _resolve(tx, payment.id, payment.raw_status, resolution, author.now)
    told = Note("payment.detached", {"gateway_payment_id": payment.id, "resolution": resolution})
    note(tx, case.subscription_id, told, author, subject=("payment", payment.id))


def _row(charge_id: UUID | None, payment: GatewayPayment, author: Author) -> dict[str, object]:
    return {
        "gateway_payment_id": payment.id,
        "reference": payment.reference,
        "charge_id": charge_id,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "status": payment.raw_status[:_LONGEST_STATUS],
        "found_at": author.now,
        "check_at": author.now,
        "checks": 0,
    }


def stray_ids(tx: Connection, payment_ids: Sequence[str]) -> set[str]:
    """Return those of these payments that were found astray: no charge counts them."""
    query = select(col(StrayPayment.gateway_payment_id)).where(col(StrayPayment.gateway_payment_id).in_(payment_ids))
    return set(tx.execute(query).scalars())


def _settle(engine: Engine, payment_id: str, payment: GatewayPayment | None, now: datetime) -> Tally:
    tally = Tally()
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        stray = tx.execute(
            select(StrayPayment.__table__).where(  # type: ignore[attr-defined]
                col(StrayPayment.gateway_payment_id) == payment_id, col(StrayPayment.resolved_at).is_(None)
            )
        ).one_or_none()
        if stray is None:
            return tally
        if payment is not None and payment.status is PaymentStatus.CAPTURED and stray.charge_id is not None:
            case = load_cases(tx, [stray.charge_id])[0]
            if case.gateway_payment_id == payment_id:
                _resolve(tx, payment_id, payment.raw_status, "it is the charge's own payment after all", now)
            else:
                _give_back(tx, case, payment, author)
                _resolve(tx, payment_id, payment.raw_status, "refunded", now)
                tally.acts["strays_refunded"] += 1
        elif payment is not None and payment.status not in (PaymentStatus.CAPTURED, PaymentStatus.OPEN):
            _resolve(tx, payment_id, payment.raw_status, "never captured", now)
            tally.acts["strays_closed"] += 1
        else:
            later = {"check_at": poll_again_at(now, stray.checks), "checks": stray.checks + 1}
            _write(
                tx, payment_id, {**later, "status": payment.raw_status[:_LONGEST_STATUS] if payment else stray.status}
            )
    return tally


def _give_back(tx: Connection, case: Case, payment: GatewayPayment, author: Author) -> None:
    order_refund(
        tx,
        case.charge_id,
        payment.id,
        payment.captured_minor or payment.amount_minor or case.amount.minor,
        payment.currency or case.amount.currency,
        reference=refund_reference(case.reference, next_refund_no(tx, case.charge_id)),
        reason="a second payment was captured for the same charge",
        author=author,
    )
    # In the same transaction: a crash must not leave a double charge that nobody is told of.
    why = f"charged twice at the gateway; {payment.id} is being refunded"
    change(tx, Subscription, [Change(case.subscription_id, case.subscription_state, {"parked_reason": why})])
    subject = ("subscription", str(case.subscription_id))
    note(tx, case.subscription_id, Note("subscription.parked", {"reason": why}), author, subject=subject)


def _resolve(tx: Connection, payment_id: str, status: str, resolution: str, now: datetime) -> None:
    _write(tx, payment_id, {"status": status[:_LONGEST_STATUS], "resolution": resolution, "resolved_at": now})


def _write(tx: Connection, payment_id: str, written: dict[str, Any]) -> None:
    tx.execute(update(StrayPayment).where(col(StrayPayment.gateway_payment_id) == payment_id).values(**written))


def _owner(tx: Connection, charge_id: UUID | None) -> UUID | None:
    if charge_id is None:
        return None
    owner = tx.execute(select(col(Charge.subscription_id)).where(col(Charge.id) == charge_id)).scalar_one()
    lock_subscriptions(tx, [owner])
    return owner
