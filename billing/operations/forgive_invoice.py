"""Forgives what is owed: an invoice is voided or written off, and its subscription goes on without the debt."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.cases import InvoiceKind
from billing.domain.states import (
    INVOICE_MOVES,
    InvoiceEvent,
    InvoiceState,
    SubscriptionEvent,
    SubscriptionState,
    can_move,
    next_state,
)
from billing.operations.engine import Conflict, Engine, NotFound
from billing.operations.request_keys import done
from billing.store.cases import lock_subscriptions
from billing.store.columns import AnyRow
from billing.store.queries import live_charge_of, owed_invoices, subscription_of_invoice
from billing.store.tables import Invoice, Subscription
from billing.store.writes import Author, Move, move

_S = SubscriptionState
_FREED: Final = {
    _S.PAST_DUE: SubscriptionEvent.FORGIVE,
    _S.UNPAID: SubscriptionEvent.FORGIVE,
    # Its first period was invoiced, so the trial is over.
    _S.TRIALING: SubscriptionEvent.ACTIVATE,
}
"""How a subscription moves to active when nothing is owed any more."""


@dataclass(frozen=True, slots=True)
class ForgivenInvoice:
    """What an invoice and its subscription are after the act."""

    invoice_id: UUID
    state: InvoiceState
    subscription_id: UUID
    subscription_state: SubscriptionState


def void_invoice(engine: Engine, invoice_id: UUID, *, reason: str, now: datetime) -> ForgivenInvoice:
    """Void an invoice at ``now`` (UTC): it should not have been issued, and nothing is owed for it.

    Its period is not invoiced again. What is captured for it all the same goes back to the subscriber. Voiding the
    last invoice that a past due or unpaid subscription owes makes the subscription active.

    :raises NotFound: there is no such invoice. :raises Conflict: its state, or a charge under way, does not allow it.
    """
    return _forgive(engine, invoice_id, InvoiceEvent.VOID, reason, Author(engine.actor, now))


def mark_uncollectible(engine: Engine, invoice_id: UUID, *, reason: str, now: datetime) -> ForgivenInvoice:
    """Write an invoice off at ``now`` (UTC): it is rightly owed, but is not charged any more.

    What is captured for it all the same pays it. Writing off the last invoice that a past due or unpaid
    subscription owes makes the subscription active.

    :raises NotFound: there is no such invoice. :raises Conflict: its state, or a charge under way, does not allow it.
    """
    return _forgive(engine, invoice_id, InvoiceEvent.WRITE_OFF, reason, Author(engine.actor, now))


def _forgive(engine: Engine, invoice_id: UUID, event: InvoiceEvent, reason: str, author: Author) -> ForgivenInvoice:
    with engine.database.transaction() as tx:
        row = _locked(tx, invoice_id)
        _refuse_unless_forgivable(tx, row, event)
        told = {"reason": reason[:200]}
        cleared = {"next_attempt_at": None, "give_up_at": None}
        move(tx, Invoice, [Move(row.id, row.state, event, cleared, row.subscription_id, told)], author)
        reached = _free_of_debt(tx, row, author)
        done(tx, engine)
    return ForgivenInvoice(row.id, next_state(INVOICE_MOVES, row.state, event), row.subscription_id, reached)


def _locked(tx: Connection, invoice_id: UUID) -> AnyRow:
    owner = subscription_of_invoice(tx, invoice_id)
    if owner is None:
        raise NotFound(f"there is no invoice {invoice_id}")
    lock_subscriptions(tx, [owner])
    return tx.execute(
        select(
            col(Invoice.id),
            col(Invoice.kind),
            col(Invoice.state),
            col(Invoice.subscription_id),
            col(Subscription.state).label("subscription_state"),
        )
        .join(Subscription, col(Subscription.id) == col(Invoice.subscription_id))
        .where(col(Invoice.id) == invoice_id)
    ).one()


def _refuse_unless_forgivable(tx: Connection, row: AnyRow, event: InvoiceEvent) -> None:
    if row.state is InvoiceState.PAID:
        raise Conflict(f"invoice {row.id} is paid: refund its charge instead")
    if not can_move(INVOICE_MOVES, row.state, event):
        raise Conflict(f"invoice {row.id} is {row.state.value} already")
    if row.subscription_state is _S.INCOMPLETE:
        raise Conflict(
            f"invoice {row.id} is the first payment of an enrolment that is not completed: "
            f"cancel subscription {row.subscription_id} instead, or let the enrolment expire"
        )
    live = live_charge_of(tx, row.id)
    if live is not None:
        raise Conflict(f"charge {live.id} of invoice {row.id} is {live.state.value}: try again when it has ended")


def _free_of_debt(tx: Connection, row: AnyRow, author: Author) -> SubscriptionState:
    """Move the subscription on if nothing is owed any more, and return the state it is in."""
    state: SubscriptionState = row.subscription_state
    event = _FREED.get(state)
    if event is None or row.kind is InvoiceKind.AGREEMENT or owed_invoices(tx, row.subscription_id):
        return state
    move(tx, Subscription, [Move(row.subscription_id, state, event, data={"invoice": str(row.id)})], author)
    return _S.ACTIVE
