"""Writes the invoice of every subscription whose next period has come."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from billing.domain.cases import InvoiceKind, Note
from billing.domain.consent import consent_counts
from billing.domain.identity import row_id
from billing.domain.invoicing import HoldForDecision, Renewal, plan_renewal
from billing.domain.states import InvoiceState, SubscriptionEvent, SubscriptionState
from billing.operations.batches import pages_of, together_or_alone
from billing.operations.engine import Engine, Tally
from billing.operations.parking import park_subscription
from billing.store.billable import DueSubscription, load_due_subscriptions
from billing.store.births import invoice_issued
from billing.store.due import Kind
from billing.store.settlements import void_open_invoices
from billing.store.tables import Event, Invoice, Subscription
from billing.store.writes import Author, Change, Move, change, insert_rows, move, note
from plans.calendar import Period


def renew_due(engine: Engine, *, now: datetime) -> Tally:
    """Write a renewal invoice for each subscription that is due at ``now`` (UTC). Charges nothing.

    After downtime a subscription gets one invoice, for the period the catch-up policy names.
    """
    tally = Tally()
    for ids in pages_of(engine, Kind.SUBSCRIPTION, now, takes_turns=True):
        tally.add(
            together_or_alone(
                ids,
                lambda batch: _renew(engine, batch, now),
                lambda row, why: park_subscription(engine, row, why, now),
            )
        )
    return tally


def _renew(engine: Engine, ids: Sequence[UUID], now: datetime) -> Tally:
    author = Author(engine.actor, now)
    tally = Tally()
    invoices: list[dict[str, Any]] = []
    changes: list[Change] = []
    with engine.database.transaction() as tx:
        for due in load_due_subscriptions(tx, ids, now):
            plan = plan_renewal(due.schedule, now=now, catch_up=engine.rules.catch_up, window=engine.rules.window)
            if plan is None:
                continue
            if isinstance(plan, HoldForDecision):
                _hold(tx, due, plan, author)
                tally.acts["renewals_held"] += 1
            elif due.cancel_at is not None and due.cancel_at <= now:
                continue  # it ends instead
            elif due.pause_at is not None and due.pause_at <= now:
                continue  # it is paused instead
            elif due.state is SubscriptionState.TRIALING and not _consented(due, plan.period):
                _end_without_consent(tx, due, author)
                tally.acts["trials_ended_without_consent"] += 1
            else:
                invoices.append(_invoice(due, plan, now))
                written = {"billed_index": plan.index, "next_due_at": plan.next_due_at}
                changes.append(Change(due.schedule.subscription_id, due.state, written))
                _note_missed(tx, due, plan.missed, author)
        insert_rows(tx, Invoice, invoices)
        insert_rows(tx, Event, [invoice_issued(invoice, author) for invoice in invoices])
        change(tx, Subscription, changes)
    tally.acts["invoices_issued"] += len(invoices)
    return tally


def _invoice(due: DueSubscription, plan: Renewal, now: datetime) -> dict[str, Any]:
    subscription_id = due.schedule.subscription_id
    return {
        "id": row_id(subscription_id, "renewal", plan.period.start),
        "subscription_id": subscription_id,
        "kind": InvoiceKind.RENEWAL,
        "period_start": plan.period.start,
        "period_end": plan.period.end,
        "amount_minor": due.amount.minor,
        "currency": due.amount.currency,
        "state": InvoiceState.OPEN,
        "next_attempt_at": now,
        "created_at": now,
    }


def _consented(due: DueSubscription, first_paid: Period) -> bool:
    return due.consented_at is not None and consent_counts(due.consented_at, first_paid.start, due.schedule.zone)


def _end_without_consent(tx: Connection, due: DueSubscription, author: Author) -> None:
    reason = "the trial ended without the subscriber's consent to be charged"
    written = {"canceled_at": author.now, "cancel_reason": reason}
    move(
        tx,
        Subscription,
        [
            Move(
                due.schedule.subscription_id,
                due.state,
                SubscriptionEvent.CANCEL,
                written,
                data={"cause": "no_consent"},
            )
        ],
        author,
    )
    void_open_invoices(tx, [due.schedule.subscription_id], author)


def _hold(tx: Connection, due: DueSubscription, held: HoldForDecision, author: Author) -> None:
    subscription_id = due.schedule.subscription_id
    reason = (
        f"{len(held.missed)} periods passed unbilled ({held.missed[0].start} to {held.missed[-1].end}); "
        "decide which to bill, then release it"
    )
    change(tx, Subscription, [Change(subscription_id, due.state, {"parked_reason": reason})])
    told = Note("subscription.parked", {"reason": reason})
    note(tx, subscription_id, told, author, subject=("subscription", str(subscription_id)))


def _note_missed(tx: Connection, due: DueSubscription, missed: Sequence[Period], author: Author) -> None:
    if not missed:
        return
    subscription_id = due.schedule.subscription_id
    told = Note(
        "subscription.periods_missed",
        {"count": len(missed), "from": missed[0].start.isoformat(), "to": missed[-1].end.isoformat()},
    )
    note(tx, subscription_id, told, author, subject=("subscription", str(subscription_id)))
