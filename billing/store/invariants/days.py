"""Invariants about days: a day is billed if and only if the subscriber had access on it.

They read what each day was when it passed: invoices, the records of days, and the events of pauses. Configuration that
was changed since does not change what is found.
"""
# ruff: noqa: S608 - what is put into the queries are constants of our own

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.cases import InvoiceKind
from billing.domain.states import InvoiceState
from billing.store.columns import AnyRow
from billing.store.invariants.day_spans import (
    KEPT,
    charged,
    closed,
    day_of,
    days_of,
    debtors,
    forgiven,
    forgiven_subscriptions,
    groups,
    late_days,
    locked_out,
    paused_subscriptions,
    pauses,
)
from billing.store.invariants.model import Bounds, Found, ask, invariant
from billing.store.tables import Invoice, Subscription

_OLD: Final = "; the period was billed before days were recorded: settle it with `billing verify --settle`"


@invariant(50, "No period is charged that lies wholly in a pause.", may_be_settled=True)
def paused_days(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for owners in groups(tx, paused_subscriptions()):
        paused = pauses(tx, owners)
        for owner, invoices in charged(tx, owners).items():
            for pause in paused.get(owner, ()):
                for invoice in invoices:
                    if pause.start < invoice.start and invoice.end <= pause.end:
                        told = f"it was paid for the days {days_of(invoice)}, all of which were paused"
                        yield "invoice", invoice.row.id, told + _whether_old(invoice.row)


@invariant(51, "No period is charged that lies wholly behind a debt, when there was no access.", may_be_settled=True)
def locked_out_days(tx: Connection, now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for owners in groups(tx, debtors()):
        late, paid = late_days(tx, owners), charged(tx, owners)
        for owner, locked in locked_out(tx, owners, now).items():
            for invoice in paid.get(owner, ()):
                if any(days.holds(invoice) for days in late.get(owner, ())):
                    continue  # billed late by the catch-up policy, after an outage
                for days in locked:
                    if days.row.id != invoice.row.id and days.holds(invoice):
                        told = f"it was paid for the days {days_of(invoice)}, which gave no access: a debt was open"
                        yield "invoice", invoice.row.id, told + _whether_old(invoice.row)


@invariant(52, "The first period begins on the day on which it was paid for.", may_be_settled=True)
def first_day(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    rows = tx.execute(
        select(col(Invoice.id), col(Invoice.period_start), col(Invoice.paid_at), col(Subscription.zone))
        .join(Subscription, col(Subscription.id) == col(Invoice.subscription_id))
        .where(col(Invoice.kind) == InvoiceKind.FIRST, col(Invoice.state) == InvoiceState.PAID)
    )
    for row in rows:
        paid_on = day_of(row.paid_at, row.zone)
        if row.period_start < paid_on:
            yield "invoice", row.id, f"its period begins on {row.period_start}, but it was paid on {paid_on}{_OLD}"


@invariant(53, "A subscription owes one period at a time; only an outage leaves more.")
def one_debt(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx,
        "SELECT i.subscription_id, COUNT(*), MIN(i.period_start) FROM invoice i"
        " JOIN subscription s ON s.id = i.subscription_id"
        " WHERE i.state = 'open' AND i.kind = 'renewal' AND s.state <> 'canceled' AND NOT EXISTS (SELECT 1"
        " FROM day_record d WHERE d.subscription_id = i.subscription_id AND d.kind = 'owed'"
        " AND d.starts_on <= i.period_start AND i.period_end <= d.ends_on) GROUP BY 1 HAVING COUNT(*) > 1",
    ):
        yield "subscription", row[0], f"it owes {row[1]} periods, the first from {row[2]} on"


@invariant(54, "An unpaid period gives access to its end, at the latest.")
def bounded_grace(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx,
        "SELECT id, grace_until, period_start, period_end FROM invoice WHERE state = 'open' AND kind = 'renewal'"
        " AND (grace_until IS NULL OR grace_until > period_end OR grace_until < period_start)",
    ):
        yield "invoice", row[0], f"it gives access until {row[1]}, but it is for the days from {row[2]} to {row[3]}"


@invariant(55, "A day that is recorded as not billed is not paid for, and is recorded once.")
def one_kind_a_day(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx,
        "SELECT i.id, d.starts_on, d.ends_on, d.kind FROM day_record d JOIN invoice i"
        " ON i.subscription_id = d.subscription_id AND i.kind IN ('first', 'renewal') AND i.state = 'paid'"
        " AND i.period_start < d.ends_on AND d.starts_on < i.period_end WHERE d.kind <> 'owed'",
    ):
        yield "invoice", row[0], f"it is paid, but the days from {row[1]} to {row[2]} are recorded as {row[3]}"
    for row in ask(
        tx,
        "SELECT a.subscription_id, a.starts_on, a.ends_on, b.starts_on, b.ends_on FROM day_record a JOIN day_record b"
        " ON b.subscription_id = a.subscription_id AND b.id <> a.id AND a.starts_on < b.ends_on"
        " AND b.starts_on < a.ends_on AND (a.starts_on, a.kind) < (b.starts_on, b.kind)"
        # What was to be billed late may be forgiven in the end.
        " AND NOT (a.kind IN ('owed', 'forgiven') AND b.kind IN ('owed', 'forgiven') AND a.kind <> b.kind)",
    ):
        yield "subscription", row[0], f"its days from {row[1]} to {row[2]} and from {row[3]} to {row[4]} overlap"


@invariant(
    56, "A customer pays for a day of a plan once, whatever number of subscriptions they had.", may_be_settled=True
)
def one_payment_a_day(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    one, other = (
        "i.state = 'paid' AND i.kind IN ('first', 'renewal')",
        "j.state = 'paid' AND j.kind IN ('first', 'renewal')",
    )
    for row in ask(
        tx,
        "SELECT j.id, i.id, j.period_start, j.period_end FROM subscription s JOIN subscription t"
        " ON t.customer_id = s.customer_id AND t.plan_code = s.plan_code AND t.id <> s.id"
        f" JOIN invoice i ON i.subscription_id = s.id AND {one}"
        f" JOIN invoice j ON j.subscription_id = t.id AND {other}"
        " AND i.period_start < j.period_end AND j.period_start < i.period_end AND"
        " (i.created_at < j.created_at OR (i.created_at = j.created_at AND i.id < j.id))"
        f" WHERE {KEPT.replace('invoice.id', 'i.id')} AND {KEPT.replace('invoice.id', 'j.id')}",
    ):
        yield "invoice", row[0], f"its days from {row[2]} to {row[3]} were paid before, by another subscription"


@invariant(57, "A forgiven day gave access: it was not paused, and not behind the end.")
def forgiven_days(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for owners in groups(tx, forgiven_subscriptions()):
        without = closed(tx, owners)
        for owner, records in forgiven(tx, owners).items():
            for record in records:
                for days in without.get(owner, ()):
                    if days.start < record.end and record.start < days.end:
                        told = f"its days {days_of(record)} are recorded as forgiven, but it gave no access"
                        yield "subscription", owner, f"{told} from {days.start} on"


def _whether_old(row: AnyRow) -> str:
    return _OLD if row.grace_until is None else ""
