"""Cancel, undo, pause and resume: under the row lock, seeing no live charge or leaving it to finish by itself."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.invoicing import BillingSchedule, due_at
from billing.domain.states import InvoiceState, SubscriptionEvent, SubscriptionState
from billing.operations.engine import Engine, NotFound, Refusal
from billing.store.cases import lock_subscriptions
from billing.store.columns import AnyRow
from billing.store.queries import has_live_charge, owed_invoices
from billing.store.settlements import void_open_invoices
from billing.store.tables import Invoice, Price, Subscription
from billing.store.writes import Author, Change, Move, change, move, note
from plans.calendar import Interval, nth_period, start_of_day

_S = SubscriptionState
_ENDED = (_S.CANCELED, _S.INCOMPLETE_EXPIRED)


@dataclass(frozen=True, slots=True)
class Managed:
    """What a subscription is after the act. ``charge_under_way``: its outcome will still be settled."""

    subscription_id: UUID
    state: SubscriptionState
    cancel_at: datetime | None = None
    resume_at: datetime | None = None
    charge_under_way: bool = False


def cancel_now(engine: Engine, subscription_id: UUID, *, reason: str, now: datetime) -> Managed:
    """End a subscription at ``now`` (UTC) with everything that is open: invoices are voided, no charge follows.

    A charge already on its way is settled when its outcome comes; if it is captured, it is refunded.

    :raises NotFound: there is no such subscription. :raises Refusal: it has ended already.
    """
    with engine.database.transaction() as tx:
        row = _locked(tx, subscription_id)
        _refuse_if_ended(row)
        return _cancel(tx, row, reason, Author(engine.actor, now))


def end_canceled_period(engine: Engine, subscription_id: UUID, *, now: datetime) -> Managed:
    """End a subscription that was canceled at the end of a period which is over at ``now`` (UTC).

    :raises NotFound: there is no such subscription. :raises Refusal: the cancellation was taken back meanwhile.
    """
    with engine.database.transaction() as tx:
        row = _locked(tx, subscription_id)
        _refuse_if_ended(row)
        if row.cancel_at is None or row.cancel_at > now:
            raise Refusal(f"subscription {subscription_id} is not going to be canceled")
        return _cancel(tx, row, "canceled at the end of the period", Author(engine.actor, now))


def cancel_at_period_end(engine: Engine, subscription_id: UUID, *, reason: str, now: datetime) -> Managed:
    """Let a subscription end with the period that is paid (``now``: UTC). Undo with :func:`undo_cancel`.

    One without a paid period to run out (unpaid, past due, paused) ends at once.

    :raises NotFound: there is no such subscription. :raises Refusal: it has ended already.
    """
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        row = _locked(tx, subscription_id)
        _refuse_if_ended(row)
        if row.state not in (_S.ACTIVE, _S.TRIALING) or row.paid_through is None:
            return _cancel(tx, row, reason, author)
        cancel_at = max(start_of_day(row.paid_through, row.zone), now)
        change(
            tx,
            Subscription,
            [Change(row.id, row.state, {"cancel_at": cancel_at, "cancel_reason": reason[:200]})],
        )
        told = Note("subscription.cancel_scheduled", {"cancel_at": cancel_at.isoformat(), "reason": reason[:200]})
        _note(tx, row, told, author)
        return Managed(row.id, row.state, cancel_at=cancel_at, charge_under_way=has_live_charge(tx, row.id))


def undo_cancel(engine: Engine, subscription_id: UUID, *, now: datetime) -> Managed:
    """Take back a cancellation at period end.

    :raises NotFound: there is no such subscription. :raises Refusal: none is scheduled, or it has ended.
    """
    with engine.database.transaction() as tx:
        row = _locked(tx, subscription_id)
        _refuse_if_ended(row)
        if row.cancel_at is None:
            raise Refusal(f"subscription {subscription_id} is not going to be canceled")
        change(tx, Subscription, [Change(row.id, row.state, {"cancel_at": None, "cancel_reason": None})])
        _note(tx, row, Note("subscription.cancel_undone"), Author(engine.actor, now))
        return Managed(row.id, row.state)


def pause(engine: Engine, subscription_id: UUID, *, resume_at: datetime | None, now: datetime) -> Managed:
    """Pause at ``now`` (UTC): no invoice and no charge until it is resumed, by hand or at ``resume_at``.

    The paid period keeps running. An open invoice stays open and is not tried.

    :raises NotFound: there is no such subscription. :raises Refusal: its state or the date does not allow it.
    """
    if resume_at is not None and resume_at <= now:
        raise Refusal(f"resume_at {resume_at.isoformat()} is not in the future")
    with engine.database.transaction() as tx:
        row = _locked(tx, subscription_id)
        if row.state not in (_S.ACTIVE, _S.PAST_DUE):
            raise Refusal(f"subscription {subscription_id} is {row.state.value}; only active or past_due can be paused")
        paused = Move(row.id, row.state, SubscriptionEvent.PAUSE, {"resume_at": resume_at})
        move(tx, Subscription, [paused], Author(engine.actor, now))
        for invoice in owed_invoices(tx, row.id):
            change(
                tx,
                Invoice,
                [Change(invoice, InvoiceState.OPEN, {"next_attempt_at": None, "give_up_at": None})],
            )
        return Managed(row.id, _S.PAUSED, resume_at=resume_at, charge_under_way=has_live_charge(tx, row.id))


def resume(engine: Engine, subscription_id: UUID, *, now: datetime) -> Managed:
    """Resume at ``now`` (UTC).

    Up to the day on which the next period begins nothing changes; after it a new period begins today and is
    charged. Days that were paused are never billed. An open invoice is tried again at once.

    :raises NotFound: there is no such subscription. :raises Refusal: it is not paused.
    """
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        row = _locked(tx, subscription_id)
        if row.state is not _S.PAUSED:
            raise Refusal(f"subscription {subscription_id} is {row.state.value}, not paused")
        open_invoices = owed_invoices(tx, row.id)
        event = SubscriptionEvent.RESUME_IN_ARREARS if open_invoices else SubscriptionEvent.RESUME
        written: dict[str, Any] = {"resume_at": None}
        today = now.astimezone(ZoneInfo(row.zone)).date()
        if not open_invoices and _billed_through(row) < today:
            written |= _fresh_start(engine, row, today)
        move(tx, Subscription, [Move(row.id, row.state, event, written)], author)
        for invoice in open_invoices:
            change(tx, Invoice, [Change(invoice, InvoiceState.OPEN, {"next_attempt_at": now})])
        reached = _S.PAST_DUE if open_invoices else _S.ACTIVE
        return Managed(row.id, reached, charge_under_way=has_live_charge(tx, row.id))


def _billed_through(row: AnyRow) -> date:
    """Return the end of the last period that was invoiced. One that was forgiven is not invoiced again."""
    if row.billed_index < 0:
        anchor: date = row.anchor
        return anchor
    return nth_period(row.anchor, Interval(row.interval_unit, row.interval_count), row.billed_index).end


def _fresh_start(engine: Engine, row: AnyRow, today: date) -> dict[str, Any]:
    interval = Interval(row.interval_unit, row.interval_count)
    schedule = BillingSchedule(row.id, today, interval, row.zone, -1)
    return {"anchor": today, "billed_index": -1, "next_due_at": due_at(schedule, 0, engine.rules.window)}


def _cancel(tx: Connection, row: AnyRow, reason: str, author: Author) -> Managed:
    written = {"canceled_at": author.now, "cancel_reason": reason[:200], "cancel_at": None, "resume_at": None}
    told = Move(row.id, row.state, SubscriptionEvent.CANCEL, written, data={"reason": reason[:200]})
    move(tx, Subscription, [told], author)
    void_open_invoices(tx, [row.id], author)
    return Managed(row.id, _S.CANCELED, charge_under_way=has_live_charge(tx, row.id))


def _locked(tx: Connection, subscription_id: UUID) -> AnyRow:
    lock_subscriptions(tx, [subscription_id])
    row = tx.execute(
        select(
            col(Subscription.id),
            col(Subscription.state),
            col(Subscription.zone),
            col(Subscription.anchor),
            col(Subscription.billed_index),
            col(Subscription.paid_through),
            col(Subscription.cancel_at),
            col(Price.interval_unit),
            col(Price.interval_count),
        )
        .join(Price, col(Price.id) == col(Subscription.price_id))
        .where(col(Subscription.id) == subscription_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no subscription {subscription_id}")
    return row


def _refuse_if_ended(row: AnyRow) -> None:
    if row.state in _ENDED:
        raise Refusal(f"subscription {row.id} is {row.state.value} already")


def _note(tx: Connection, row: AnyRow, told: Note, author: Author) -> None:
    note(tx, row.id, told, author, subject=("subscription", str(row.id)))
