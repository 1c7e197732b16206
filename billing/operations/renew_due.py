"""Writes the invoice of every subscription whose next period has come."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from billing.domain.cases import Note
from billing.domain.consent import consent_counts, consent_ends_on
from billing.domain.days.records import DayKind, DayRecord, UnbilledReason
from billing.domain.days.renewing import (
    CatchUp,
    HoldForDecision,
    OpenInvoice,
    Renewal,
    WaitForTheDebt,
    plan_renewal,
)
from billing.domain.days.schedule import BillingSchedule, slot_on
from billing.domain.event_types import EventType
from billing.domain.states import SubscriptionEvent, SubscriptionState
from billing.operations.batches import pages_of, together_or_alone
from billing.operations.engine import Engine, Tally
from billing.operations.issuing import issue_renewals, renewal_invoice
from billing.operations.owed_days import forgive_invoices
from billing.operations.parking import park_subscription
from billing.store.billable import DueSubscription, load_due_subscriptions
from billing.store.day_records import write_day_records
from billing.store.due import Kind
from billing.store.queries import open_invoices
from billing.store.settlements import void_open_invoices
from billing.store.tables import Subscription
from billing.store.writes import Author, Change, Move, change, move, note
from plans.calendar import billing_day

_A_DAY = timedelta(days=1)


@dataclass(slots=True)
class _Batch:
    """What is written for a batch of subscriptions, kind by kind."""

    invoices: list[dict[str, Any]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    forgiven: list[tuple[UUID, Sequence[UUID]]] = field(default_factory=list)
    days: list[tuple[UUID, DayRecord]] = field(default_factory=list)


def renew_due(engine: Engine, *, now: datetime) -> Tally:
    """Write a renewal invoice for each subscription that is due at ``now`` (UTC). Charges nothing.

    After an outage a subscription gets the invoices that the catch-up policy names; while its last period is still
    being charged for it gets none.
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
    batch = _Batch()
    with engine.database.transaction() as tx:
        due = load_due_subscriptions(tx, ids, now)
        owed = _owed(tx, due)
        for each in due:
            name = _renew_one(tx, engine, each, owed.get(each.schedule.subscription_id, ()), batch, author)
            if name is not None:
                tally.acts[name] += 1
        for owner, invoices in batch.forgiven:
            forgive_invoices(tx, invoices, owner, author)
        issue_renewals(tx, batch.invoices, author)
        change(tx, Subscription, batch.changes)
        write_day_records(tx, batch.days, author)
    tally.acts["invoices_issued"] += len(batch.invoices)
    return tally


def _owed(tx: Connection, due: Sequence[DueSubscription]) -> Mapping[UUID, Sequence[OpenInvoice]]:
    owing = [each.schedule.subscription_id for each in due if each.may_owe]
    return open_invoices(tx, owing) if owing else {}


def _renew_one(
    tx: Connection,
    engine: Engine,
    due: DueSubscription,
    owed: Sequence[OpenInvoice],
    batch: _Batch,
    author: Author,
) -> str | None:
    """Add what is written for one subscription to the batch; what is not an invoice is named."""
    today = billing_day(author.now, due.schedule.zone)
    plan = plan_renewal(
        due.schedule, today=today, owed=owed, policy=engine.rules.catching_up, window=engine.rules.window
    )
    if plan is None:
        return None
    if isinstance(plan, WaitForTheDebt):
        batch.changes.append(_tomorrow(engine, due, today))
        return "renewals_waiting"
    if any(at is not None and at <= author.now for at in (due.cancel_at, due.pause_at)):
        return None  # it ends, or is paused, instead
    if due.state is SubscriptionState.TRIALING and not _consented(due, today):
        _end_without_consent(tx, engine, due, today, author)
        return "trials_ended_without_consent"
    if isinstance(plan, HoldForDecision):
        _hold(tx, due, plan, author)
        return "renewals_held"
    _bill(engine, due, plan, today, batch, author)
    return None


def _bill(engine: Engine, due: DueSubscription, plan: Renewal, today: date, batch: _Batch, author: Author) -> None:
    schedule = due.schedule
    periods = [*plan.late, plan.period]
    for behind, period in enumerate(periods):
        # One a day, oldest first.
        on = today + behind * _A_DAY
        at = author.now if not behind else slot_on(on, schedule.zone, schedule.subscription_id, engine.rules.window)
        batch.invoices.append(renewal_invoice(schedule.subscription_id, due.amount, period, at, author.now))
    written = {"billed_index": plan.index, "next_due_at": plan.next_due_at}
    batch.changes.append(Change(schedule.subscription_id, due.state, written))
    batch.days += [(schedule.subscription_id, each) for each in plan.records]
    if plan.forgiven_invoices:
        batch.forgiven.append((schedule.subscription_id, plan.forgiven_invoices))


def _tomorrow(engine: Engine, due: DueSubscription, today: date) -> Change:
    schedule = due.schedule
    at = slot_on(today + _A_DAY, schedule.zone, schedule.subscription_id, engine.rules.window)
    return Change(schedule.subscription_id, due.state, {"next_due_at": at})


def _consented(due: DueSubscription, today: date) -> bool:
    # Counted from the day of the charge, which an outage may have put off (E-Commerce Act art. 13(6)).
    return due.consented_at is not None and consent_counts(due.consented_at, today, due.schedule.zone)


def _end_without_consent(tx: Connection, engine: Engine, due: DueSubscription, today: date, author: Author) -> None:
    subscription_id = due.schedule.subscription_id
    reason = "the trial ended without the subscriber's consent to be charged"
    written = {"canceled_at": author.now, "cancel_reason": reason}
    told = {"cause": "no_consent"}
    ended = Move(subscription_id, due.state, SubscriptionEvent.CANCEL, written, data=told)
    move(tx, Subscription, [ended], author)
    void_open_invoices(tx, [subscription_id], author)
    if due.consented_at is not None and due.schedule.next_start < today:
        days = _waited_with_consent(engine, due.schedule, due.consented_at, today)
        write_day_records(tx, [(subscription_id, each) for each in days], author)


def _waited_with_consent(
    engine: Engine, schedule: BillingSchedule, given_at: datetime, today: date
) -> Iterator[DayRecord]:
    """Yield the days of an outage at the end of which consent was too old: it gave access as long as it counted."""
    until = min(today, max(schedule.next_start, consent_ends_on(given_at, schedule.zone)))
    if engine.rules.catch_up is CatchUp.HOLD:
        until = min(until, schedule.period(schedule.billed_index + 1).end)
    if schedule.next_start < until:
        yield DayRecord(schedule.next_start, until, DayKind.FORGIVEN, UnbilledReason.OUTAGE)
    if until < today:
        yield DayRecord(until, today, DayKind.NONE, UnbilledReason.NO_ACCESS)


def _hold(tx: Connection, due: DueSubscription, held: HoldForDecision, author: Author) -> None:
    subscription_id = due.schedule.subscription_id
    reason = (
        f"{len(held.missed)} periods passed unbilled ({held.missed[0].start} to {held.missed[-1].end}); "
        "decide which to bill, then release it"
    )
    change(tx, Subscription, [Change(subscription_id, due.state, {"parked_reason": reason})])
    told = Note(EventType.SUBSCRIPTION_PARKED, {"reason": reason})
    note(tx, subscription_id, told, author, subject=("subscription", str(subscription_id)))
