"""What ends, or begins again, because its time has come."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import assert_never
from uuid import UUID

from sqlalchemy import Connection, select, text
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.event_types import EventType
from billing.domain.failing import NO_NEW_AGREEMENT, UNPROVEN, LastMove, end_of_ladder
from billing.domain.states import (
    InvoiceEvent,
    InvoiceState,
    SubscriptionEvent,
    SubscriptionState,
)
from billing.operations.batches import pages_of
from billing.operations.engine import Engine, Refusal, Tally
from billing.operations.manage import begin_planned_pause, end_canceled_period, resume
from billing.store.cases import lock_subscriptions
from billing.store.due import Kind
from billing.store.set_up_evidence import asked_for_set_up_since, was_captured_since
from billing.store.settlements import void_open_invoices
from billing.store.tables import LIVE_CHARGE, Charge, Invoice, Subscription
from billing.store.writes import Author, Change, Move, change, move, note


def expire_enrolments(engine: Engine, *, now: datetime) -> Tally:
    """Expire enrolments whose first payment was not captured in time.

    The first payment may still be open at the gateway; it stays watched, and a late capture is settled.
    """
    pages = pages_of(engine, Kind.ENROLMENT, now)
    return _each("enrolments_expired", (row for page in pages for row in page), lambda row: _expire(engine, row, now))


def resume_pauses(engine: Engine, *, now: datetime) -> Tally:
    """Resume subscriptions whose pause is over."""
    pages = pages_of(engine, Kind.PAUSE, now)

    def act(row: UUID) -> None:
        resume(engine, row, now=now)

    return _each("pauses_ended", (row for page in pages for row in page), act)


def end_canceled_periods(engine: Engine, *, now: datetime) -> Tally:
    """End subscriptions whose last paid period is over."""
    pages = pages_of(engine, Kind.LAST_PERIOD, now)

    def act(row: UUID) -> None:
        end_canceled_period(engine, row, now=now)

    return _each("subscriptions_ended", (row for page in pages for row in page), act)


def begin_pauses(engine: Engine, *, now: datetime) -> Tally:
    """Pause subscriptions whose pause was planned for an instant that has come."""
    pages = pages_of(engine, Kind.PAUSE_TO_COME, now)

    def act(row: UUID) -> None:
        begin_planned_pause(engine, row, now=now)

    return _each("pauses_begun", (row for page in pages for row in page), act)


def give_up_unpaid(engine: Engine, *, now: datetime) -> Tally:
    """End dunning where only a new agreement could have helped and none was made in time."""
    pages = pages_of(engine, Kind.GIVING_UP, now)
    return _each("invoices_given_up", (row for page in pages for row in page), lambda row: _give_up(engine, row, now))


def _each(name: str, rows: Iterable[UUID], act: Callable[[UUID], None]) -> Tally:
    tally = Tally()
    for row in rows:
        try:
            act(row)
            tally.acts[name] += 1
        except Refusal:
            continue  # somebody else was quicker
        except Exception as error:  # noqa: BLE001 - one bad row must not stop the others
            tally.problems.append(f"{row}: {type(error).__name__}: {str(error)[:200]}")
    return tally


def _expire(engine: Engine, subscription_id: UUID, now: datetime) -> None:
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        state = _lock(tx, subscription_id)
        if state is not SubscriptionState.INCOMPLETE:
            raise Refusal("no longer incomplete")
        expired = Move(subscription_id, state, SubscriptionEvent.EXPIRE_ENROLMENT)
        move(tx, Subscription, [expired], author)
        # Written off, not void: a first payment that is captured late can still pay it.
        rows = tx.execute(
            select(col(Invoice.id)).where(
                col(Invoice.subscription_id) == subscription_id, col(Invoice.state) == InvoiceState.OPEN
            )
        )
        move(
            tx,
            Invoice,
            [Move(row, InvoiceState.OPEN, InvoiceEvent.WRITE_OFF, {}, subscription_id) for row in rows.scalars()],
            author,
        )


def _give_up(engine: Engine, invoice_id: UUID, now: datetime) -> None:
    author = Author(engine.actor, now)
    policy = engine.rules.settlement.dunning
    with engine.database.transaction() as tx:
        owner = tx.execute(select(col(Invoice.subscription_id)).where(col(Invoice.id) == invoice_id)).scalar_one()
        state = _lock(tx, owner)
        invoice_state = tx.execute(select(col(Invoice.state)).where(col(Invoice.id) == invoice_id)).scalar_one()
        live = select(col(Charge.id)).where(col(Charge.subscription_id) == owner, text(f"charge.{LIVE_CHARGE}"))
        if invoice_state is not InvoiceState.OPEN or tx.execute(live).first() is not None:
            raise Refusal("paid, or being paid")
        # A later period was paid meanwhile, so the wallet pays again: what is still owed is tried again.
        again = {"next_attempt_at": now} if state is SubscriptionState.ACTIVE else {}
        change(tx, Invoice, [Change(invoice_id, invoice_state, {"give_up_at": None, **again})])
        if state is not SubscriptionState.PAST_DUE:
            return
        if _is_unproven(tx, owner, invoice_id):
            _set_aside(tx, owner, state, invoice_id, author)
            return
        subscription_event, invoice_event = end_of_ladder(state, policy.end)
        if invoice_event is not None:
            move(tx, Invoice, [Move(invoice_id, invoice_state, invoice_event, {}, owner)], author)
        if subscription_event is not None:
            move(tx, Subscription, [Move(owner, state, subscription_event, _written(subscription_event, now))], author)
            if subscription_event is SubscriptionEvent.CANCEL:
                void_open_invoices(tx, [owner], author)
        told = Note(EventType.DUNNING_EXHAUSTED, {"end": policy.end.value})
        note(tx, owner, told, author, subject=("invoice", str(invoice_id)))


def _written(event: LastMove, now: datetime) -> dict[str, object]:
    match event:
        case SubscriptionEvent.CANCEL:
            return {"canceled_at": now, "cancel_reason": NO_NEW_AGREEMENT}
        case SubscriptionEvent.PAUSE:
            return {"paused_by_dunning": True}
        case SubscriptionEvent.GIVE_UP:
            return {}
        case _:
            assert_never(event)


def _is_unproven(tx: Connection, owner: UUID, invoice_id: UUID) -> bool:
    """Say whether it waits because of a set-up class, and nobody was captured since: it may be our account."""
    since = asked_for_set_up_since(tx, owner, invoice_id)
    return since is not None and not was_captured_since(tx, since)


def _set_aside(tx: Connection, owner: UUID, state: SubscriptionState, invoice_id: UUID, author: Author) -> None:
    # Once the subscription is released, the invoice is due at once.
    change(tx, Invoice, [Change(invoice_id, InvoiceState.OPEN, {"next_attempt_at": author.now})])
    change(tx, Subscription, [Change(owner, state, {"parked_reason": UNPROVEN})])
    note(
        tx,
        owner,
        Note(EventType.SUBSCRIPTION_PARKED, {"reason": UNPROVEN}),
        author,
        subject=("subscription", str(owner)),
    )


def _lock(tx: Connection, subscription_id: UUID) -> SubscriptionState:
    lock_subscriptions(tx, [subscription_id])
    query = select(col(Subscription.state)).where(col(Subscription.id) == subscription_id)
    return tx.execute(query).scalar_one()
