"""Forgives what is owed: an invoice is voided or written off, and its subscription goes on without the debt."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.cases import InvoiceKind
from billing.domain.days.grace import given_until
from billing.domain.days.records import UnbilledReason
from billing.domain.days.returning import return_on
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
from billing.operations.owed_days import was_charged_today
from billing.operations.request_keys import done
from billing.store.cases import lock_subscriptions
from billing.store.columns import AnyRow
from billing.store.day_records import write_day_records
from billing.store.queries import is_billed_late, live_charge_of, owed_invoices, subscription_of_invoice
from billing.store.schedules import schedule_of
from billing.store.tables import Invoice, Price, Subscription
from billing.store.writes import Author, Change, Move, change, move
from plans.calendar import billing_day

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

    What is captured for it all the same pays it; it goes back if more than 31 days gave no access before it was written
    off, unless the subscriber had confirmed the charge. Writing off the last invoice that a past due or unpaid
    subscription owes makes the subscription active.

    :raises NotFound: there is no such invoice. :raises Conflict: its state, or a charge under way, does not allow it.
    """
    return _forgive(engine, invoice_id, InvoiceEvent.WRITE_OFF, reason, Author(engine.actor, now))


def _forgive(engine: Engine, invoice_id: UUID, event: InvoiceEvent, reason: str, author: Author) -> ForgivenInvoice:
    with engine.database.transaction() as tx:
        row = _locked(tx, invoice_id)
        _refuse_unless_forgivable(tx, row, event)
        told = {"reason": reason[:200]}
        written = {"next_attempt_at": None, "give_up_at": None, **_access_again(row, author)}
        move(tx, Invoice, [Move(row.invoice_id, row.state, event, written, row.id, told)], author)
        reached = _free_of_debt(tx, engine, row, author)
        done(tx, engine)
    return ForgivenInvoice(row.invoice_id, next_state(INVOICE_MOVES, row.state, event), row.id, reached)


def _access_again(row: AnyRow, author: Author) -> dict[str, object]:
    """Return the columns of an invoice that locks nobody out any more: its period may be used to the end."""
    if row.state is not InvoiceState.OPEN or row.subscription_state is _S.CANCELED:
        return {}
    today = billing_day(author.now, row.zone)
    return given_until(
        row.period_end, before=row.grace_until, lost_days=row.lost_days, lost_spans=row.lost_spans, today=today
    )


def _locked(tx: Connection, invoice_id: UUID) -> AnyRow:
    owner = subscription_of_invoice(tx, invoice_id)
    if owner is None:
        raise NotFound(f"there is no invoice {invoice_id}")
    lock_subscriptions(tx, [owner])
    return tx.execute(
        select(
            col(Invoice.id).label("invoice_id"),
            col(Invoice.kind),
            col(Invoice.state),
            col(Invoice.attempts),
            col(Invoice.first_failed_on),
            col(Invoice.period_end),
            col(Invoice.grace_until),
            col(Invoice.lost_days),
            col(Invoice.lost_spans),
            is_billed_late(),
            col(Subscription.id),
            col(Subscription.state).label("subscription_state"),
            col(Subscription.paused_by_dunning),
            col(Subscription.zone),
            col(Subscription.anchor),
            col(Subscription.billed_index),
            col(Price.interval_unit),
            col(Price.interval_count),
        )
        .join(Subscription, col(Subscription.id) == col(Invoice.subscription_id))
        .join(Price, col(Price.id) == col(Subscription.price_id))
        .where(col(Invoice.id) == invoice_id)
    ).one()


def _refuse_unless_forgivable(tx: Connection, row: AnyRow, event: InvoiceEvent) -> None:
    if row.state is InvoiceState.PAID:
        raise Conflict(f"invoice {row.invoice_id} is paid: refund its charge instead")
    if not can_move(INVOICE_MOVES, row.state, event):
        raise Conflict(f"invoice {row.invoice_id} is {row.state.value} already")
    if row.subscription_state is _S.INCOMPLETE:
        raise Conflict(
            f"invoice {row.invoice_id} is the first payment of an enrolment that is not completed: "
            f"cancel subscription {row.id} instead, or let the enrolment expire"
        )
    live = live_charge_of(tx, row.invoice_id)
    if live is not None:
        raise Conflict(
            f"charge {live.id} of invoice {row.invoice_id} is {live.state.value}: try again when it has ended"
        )


def _free_of_debt(tx: Connection, engine: Engine, row: AnyRow, author: Author) -> SubscriptionState:
    """Move the subscription on if nothing is owed any more, and return the state it is in."""
    state: SubscriptionState = row.subscription_state
    event = SubscriptionEvent.RESUME if state is _S.PAUSED and row.paused_by_dunning else _FREED.get(state)
    was_a_debt = row.attempts > 0 or row.first_failed_on is not None or row.is_billed_late
    was_in_the_way = row.state is InvoiceState.OPEN and was_a_debt
    goes_on = event is not None or (state is _S.ACTIVE and was_in_the_way)
    if not goes_on or row.kind is InvoiceKind.AGREEMENT or owed_invoices(tx, row.id):
        return state
    came_back = return_on(
        schedule_of(row),
        author.now,
        reason=UnbilledReason.NO_ACCESS,
        charged=was_charged_today(tx, row, author.now),
        window=engine.rules.window,
    )
    if event is None:
        change(tx, Subscription, [Change(row.id, state, came_back.columns)])
    else:
        told = {"invoice": str(row.invoice_id)}
        move(tx, Subscription, [Move(row.id, state, event, came_back.columns, data=told)], author)
    write_day_records(tx, [(row.id, each) for each in came_back.records], author)
    return _S.ACTIVE
