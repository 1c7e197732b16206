"""Takes up what Checkout.com tells of disputes: a mark on the charge, an event, and a hold on its refunds."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

import structlog
from sqlalchemy import Connection, delete, insert, select, update
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.disputes import CHARGEBACK, DisputeState, Known, Told, held_because, is_news, meaning_of
from billing.domain.event_types import EventType
from billing.operations.engine import Engine
from billing.operations.follow_refunds import follow_refunds
from billing.operations.obligations import park_obligations, release_obligations
from billing.store.cases import lock_subscriptions
from billing.store.columns import AnyRow
from billing.store.dispute_tables import Dispute
from billing.store.disputes import owner_of_payment
from billing.store.writes import Author, note

log = structlog.get_logger()
End = tuple[str, str | None]
"""The state that a stored webhook ends in, and why."""


def record_disputes(engine: Engine, told: Sequence[tuple[int, Told]], prefix: str, *, now: datetime) -> dict[int, End]:
    """Write down what stored events tell of disputes, oldest first, and return how each event ends (``now``: UTC).

    ``prefix`` begins the reference of every payment of this installation.
    """
    ends: dict[int, End] = {}
    for webhook_id, each in told:
        with engine.database.transaction() as tx:
            owner = owner_of_payment(tx, each.payment_id)
            if owner is None:
                ends[webhook_id] = _without_owner(each, prefix)
                continue
            lock_subscriptions(tx, [owner.subscription_id])
            ends[webhook_id] = ("processed", _record(tx, owner, each, Author(engine.actor, now)))
    return ends


def _without_owner(told: Told, prefix: str) -> End:
    if told.reference is not None and not told.reference.startswith(prefix):
        return "ignored", "a payment of another system"
    # It may not be known here yet.
    return "received", f"{told.type} of a payment that no charge accounts for"


def _record(tx: Connection, owner: AnyRow, told: Told, author: Author) -> str | None:
    """Write what an event tells; return why nothing was written, or None."""
    rows = tx.execute(
        select(Dispute.__table__).where(col(Dispute.gateway_payment_id) == told.payment_id)  # type: ignore[attr-defined]
    ).all()
    if told.type == CHARGEBACK and rows:
        return "its dispute is known"
    row = next((each for each in rows if each.gateway_dispute_id == told.dispute_id), None)
    # A chargeback that came before its dispute was kept under the payment's own id.
    placeholder = next((each for each in rows if each.gateway_dispute_id == told.payment_id), None)
    known = Known(row.state, row.rank, row.updated_at) if row is not None else None
    if not is_news(known, told):
        return "older than what is known"
    rank, state = meaning_of(told.type)
    written = _columns(owner, told, row or placeholder, state, rank, author)
    if row is not None:
        tx.execute(update(Dispute).where(col(Dispute.gateway_dispute_id) == told.dispute_id).values(**written))
    else:
        if placeholder is not None:
            tx.execute(delete(Dispute).where(col(Dispute.gateway_dispute_id) == told.payment_id))
        tx.execute(insert(Dispute).values(gateway_dispute_id=told.dispute_id, charge_id=owner.id, **written))
    if state is DisputeState.OPEN:
        park_obligations(tx, [told.payment_id], held_because(told.dispute_id, written["respond_by"]), author)
    else:
        let_refunds_go_on(tx, told.payment_id, told.dispute_id, state, author)
    tell_dispute(tx, owner, told.dispute_id, written, is_new=row is None and placeholder is None, author=author)
    return None


def _columns(
    owner: AnyRow, told: Told, before: AnyRow | None, state: DisputeState, rank: int, author: Author
) -> dict[str, Any]:
    """Return the columns after an event; what it does not tell stays as it was."""
    return {
        "gateway_payment_id": told.payment_id,
        "amount_minor": _amount(owner, told, before),
        "currency": owner.currency,
        "state": state,
        "status": told.type,
        "rank": rank,
        "reason": told.reason or (before.reason if before is not None else None),
        "respond_by": told.respond_by or (before.respond_by if before is not None else None),
        "updated_at": told.updated_at,
        "opened_at": before.opened_at if before is not None else author.now,
        "ended_at": None if state is DisputeState.OPEN else author.now,
    }


def _amount(owner: AnyRow, told: Told, before: AnyRow | None) -> int:
    """Return the amount that is disputed, in minor units of the charge's currency.

    What is told in another currency, as the payer's bank may tell it, cannot be subtracted from the charge: all of it
    counts as disputed, so that nothing of it is given back twice.
    """
    if told.currency not in (None, owner.currency):
        return int(owner.amount_minor)
    return int(told.amount_minor or (before.amount_minor if before is not None else owner.amount_minor))


def let_refunds_go_on(tx: Connection, payment_id: str, dispute_id: str, state: DisputeState, author: Author) -> None:
    """Let what is owed of a payment whose dispute is decided go on, or end it, by the outcome."""
    follow_refunds(tx, [payment_id], author)  # what went back by chargeback is not owed any more
    release_obligations(tx, [payment_id], f"the dispute {dispute_id} is {state.value}", author)


def tell_dispute(
    tx: Connection, owner: AnyRow, dispute_id: str, written: Mapping[str, Any], *, is_new: bool, author: Author
) -> None:
    """Write the event that tells of a dispute of a charge (``id`` and ``subscription_id``), as it is written now."""
    state: DisputeState = written["state"]
    respond_by: datetime | None = written["respond_by"]
    data = {
        "dispute": dispute_id,
        "status": written["status"],
        "amount_minor": written["amount_minor"],
        "currency": written["currency"],
        "reason": written["reason"],
        "respond_by": respond_by.isoformat() if respond_by is not None else None,
    }
    type_ = _type_of(state, is_new=is_new)
    log.warning("dispute", dispute=dispute_id, charge=str(owner.id), state=state.value)
    note(tx, owner.subscription_id, Note(type_, data), author, subject=("charge", str(owner.id)))


def _type_of(state: DisputeState, *, is_new: bool) -> EventType:
    match state:
        case DisputeState.OPEN:
            return EventType.CHARGE_DISPUTED if is_new else EventType.CHARGE_DISPUTE_UPDATED
        case DisputeState.WON:
            return EventType.CHARGE_DISPUTE_WON
        case DisputeState.LOST:
            return EventType.CHARGE_DISPUTE_LOST
        case _:
            assert_never(state)
