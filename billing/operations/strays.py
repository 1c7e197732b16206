"""Payments at the gateway that no charge accounts for: written down, so that they are watched and not counted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import Connection, select, update
from sqlmodel import col

from billing.domain.cases import Case, Note
from billing.domain.charging import GatewayPayment
from billing.domain.event_types import EventType
from billing.domain.settlement import mismatch
from billing.operations.engine import Engine
from billing.store.cases import lock_subscriptions
from billing.store.inserts import insert_if_absent
from billing.store.tables import Charge, StrayPayment
from billing.store.writes import Author, Change, change, note

log = structlog.get_logger()
LONGEST_STATUS: Final = 32


def keep_strays(engine: Engine, strays: Sequence[tuple[UUID | None, GatewayPayment]], now: datetime) -> int:
    """Write down payments found beside the one that counts (``charge_id``), or that no charge explains (None).

    Returns how many were not known before.
    """
    if not strays:
        return 0
    with engine.database.transaction() as tx:
        return sum(keep_stray(tx, charge_id, payment, Author(engine.actor, now)) for charge_id, payment in strays)


def keep_stray(tx: Connection, charge_id: UUID | None, payment: GatewayPayment, author: Author) -> bool:
    """Write down a payment found beside the one that counts, once; say whether it was not known before."""
    if insert_if_absent(tx, StrayPayment, [_row(charge_id, payment, author)]) == 0:
        return False
    log.error("stray_payment", payment=payment.id, reference=payment.reference, status=payment.raw_status)
    told = Note(EventType.PAYMENT_STRAY, {"gateway_payment_id": payment.id, "status": payment.raw_status})
    owner = _owner(tx, charge_id)
    note(tx, owner, told, author, subject=("payment", payment.id))
    return True


def detach(tx: Connection, case: Case, payment: GatewayPayment, resolution: str, author: Author) -> None:
    """Write down a charge's own payment as one that no longer counts for it, with what became of it."""
    insert_if_absent(tx, StrayPayment, [_row(case.charge_id, payment, author)])
    resolve_stray(tx, payment, resolution, author.now)
    told = Note(EventType.PAYMENT_DETACHED, {"gateway_payment_id": payment.id, "resolution": resolution})
    note(tx, case.subscription_id, told, author, subject=("payment", payment.id))


def let_go(tx: Connection, case: Case, payment: GatewayPayment, author: Author) -> None:
    """Take from a closed charge a payment that captured another amount than it asked for: it counts as astray."""
    told = Note(EventType.CHARGE_MISMATCH, {"gateway_payment_id": payment.id, "difference": mismatch(case, payment)})
    note(tx, case.subscription_id, told, author, subject=("charge", str(case.charge_id)))
    if case.gateway_payment_id == payment.id:
        change(tx, Charge, [Change(case.charge_id, case.charge_state, {"gateway_payment_id": None})])
    keep_stray(tx, case.charge_id, payment, author)


def resolve_stray(tx: Connection, payment: GatewayPayment, resolution: str, now: datetime) -> None:
    """Write down what became of a stray payment; it is not asked about any more."""
    written = {"status": payment.raw_status[:LONGEST_STATUS], "resolution": resolution, "resolved_at": now}
    update_stray(tx, payment.id, written)


def update_stray(tx: Connection, payment_id: str, written: dict[str, Any]) -> None:
    """Write columns of a stray payment."""
    tx.execute(update(StrayPayment).where(col(StrayPayment.gateway_payment_id) == payment_id).values(**written))


def _row(charge_id: UUID | None, payment: GatewayPayment, author: Author) -> dict[str, object]:
    return {
        "gateway_payment_id": payment.id,
        "reference": payment.reference,
        "charge_id": charge_id,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "status": payment.raw_status[:LONGEST_STATUS],
        "found_at": author.now,
        "check_at": author.now,
        "checks": 0,
    }


def stray_ids(tx: Connection, payment_ids: Sequence[str]) -> set[str]:
    """Return those of these payments that were found astray: no charge counts them."""
    query = select(col(StrayPayment.gateway_payment_id)).where(col(StrayPayment.gateway_payment_id).in_(payment_ids))
    return set(tx.execute(query).scalars())


def _owner(tx: Connection, charge_id: UUID | None) -> UUID | None:
    if charge_id is None:
        return None
    owner = tx.execute(select(col(Charge.subscription_id)).where(col(Charge.id) == charge_id)).scalar_one()
    lock_subscriptions(tx, [owner])
    return owner
