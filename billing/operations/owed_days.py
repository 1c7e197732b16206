"""Owed periods, and days that an outage left unbilled, when a subscription is paused, resumed or ends."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.cases import InvoiceKind
from billing.domain.days.grace import given_until, grace_until, needs_confirmation
from billing.domain.days.records import DayKind, DayRecord, UnbilledReason
from billing.domain.days.renewing import CatchUp, waits_for_debt
from billing.domain.days.schedule import BillingSchedule, slot_on
from billing.domain.states import InvoiceEvent, InvoiceState, SubscriptionState
from billing.operations.engine import Engine
from billing.store.billable import last_captures
from billing.store.columns import AnyRow
from billing.store.day_records import write_day_records
from billing.store.queries import open_invoices
from billing.store.schedules import schedule_of
from billing.store.tables import Invoice
from billing.store.writes import Author, Change, Move, change, move
from plans.calendar import Period, billing_day, start_of_day

_S = SubscriptionState


def was_charged_today(tx: Connection, row: AnyRow, now: datetime) -> bool:
    """Say whether money was taken for a subscription on the day of ``now`` (UTC): then none is until the next day."""
    captured = last_captures(tx, [row.id]).get(row.id)
    return captured is not None and billing_day(captured, row.zone) == billing_day(now, row.zone)


def forgive_unbilled(tx: Connection, engine: Engine, row: AnyRow, author: Author) -> dict[str, Any]:
    """Forgive the days before today that gave access and have no bill; return where the next begin.

    An outage kept the bill away, or its charge was not due yet: the period began yesterday, with a return that paid.

    ``row``: a subscription under its lock, which is about to be paused or to end. If that was planned for a day that
    passed in the outage, access ended on that day, and none behind it is forgiven.
    """
    schedule, last = schedule_of(row), _last_day(row, author.now)
    gives_access = row.state is _S.ACTIVE or (row.state is _S.TRIALING and row.consented_at is not None)
    if not gives_access or last <= schedule.next_start:
        return {}
    owed = open_invoices(tx, [row.id]).get(row.id, [])
    if waits_for_debt(schedule, owed):
        return {}
    over = [each.id for each in owed if each.is_untried and each.period.end <= last]
    forgive_invoices(tx, over, row.id, author)
    until = last
    if row.parked_reason is not None or engine.rules.catch_up is CatchUp.HOLD:
        until = schedule.next_start if owed else min(last, schedule.period(schedule.billed_index + 1).end)
    days = []
    if schedule.next_start < until:
        was_due = row.next_due_at < start_of_day(last, row.zone)
        reason = UnbilledReason.OUTAGE if was_due else UnbilledReason.NOT_DUE
        days.append(DayRecord(schedule.next_start, until, DayKind.FORGIVEN, reason))
    if until < last:
        days.append(DayRecord(until, last, DayKind.NONE, UnbilledReason.NO_ACCESS))
    write_day_records(tx, [(row.id, each) for each in days], author)
    return begin_on(engine, schedule, last)


def _last_day(row: AnyRow, now: datetime) -> date:
    """Return the first day that gives no access: today, or the earlier one for which the end or pause was planned."""
    planned = [billing_day(at, row.zone) for at in (row.cancel_at, row.pause_at) if at is not None]
    return min([billing_day(now, row.zone), *planned])


def begin_on(engine: Engine, schedule: BillingSchedule, day: date) -> dict[str, Any]:
    """Return the columns of a subscription whose next period begins on ``day``, and is charged then."""
    next_due_at = slot_on(day, schedule.zone, schedule.subscription_id, engine.rules.window)
    return {"anchor": day, "billed_index": -1, "next_due_at": next_due_at}


def forgive_invoices(tx: Connection, invoice_ids: Sequence[UUID], subscription_id: UUID, author: Author) -> None:
    """Void open invoices that an outage kept from being charged."""
    cleared = {"next_attempt_at": None, "give_up_at": None}
    told = {"cause": "outage"}
    voided = [Move(each, InvoiceState.OPEN, InvoiceEvent.VOID, cleared, subscription_id, told) for each in invoice_ids]
    move(tx, Invoice, voided, author)


def pause_owed(tx: Connection, subscription_id: UUID, zone: str, author: Author) -> None:
    """Leave what is owed untried, and without access, while the subscription is paused."""
    today = billing_day(author.now, zone)
    changes = []
    for row in _owed(tx, subscription_id):
        ends = given_until(
            today, before=row.grace_until, lost_days=row.lost_days, lost_spans=row.lost_spans, today=today
        )
        unplanned = {"next_attempt_at": None, "give_up_at": None, **ends}
        changes.append(Change(row.id, InvoiceState.OPEN, unplanned))
    change(tx, Invoice, changes)


def resume_owed(tx: Connection, engine: Engine, subscription_id: UUID, zone: str, author: Author) -> None:
    """Try what is owed again at once, and give access for it as after a failure on its first day of trying."""
    today = billing_day(author.now, zone)
    changes = []
    for row in _owed(tx, subscription_id):
        again = {"next_attempt_at": author.now, **_grace_again(engine, row, today)}
        changes.append(Change(row.id, InvoiceState.OPEN, again))
    change(tx, Invoice, changes)


def _grace_again(engine: Engine, row: AnyRow, today: date) -> dict[str, object]:
    period, before = Period(row.period_start, row.period_end), row.grace_until
    if before is None or needs_confirmation(period, grace_ended_on=before, lost_days=row.lost_days, today=today):
        return {}
    until = period.end
    if row.first_failed_on is not None:
        until = grace_until(
            period,
            failed_on=row.first_failed_on,
            ladder_days=engine.rules.settlement.dunning.days,
            tried_on=today,
        )
    return given_until(
        until,
        before=before,
        lost_days=row.lost_days,
        lost_spans=row.lost_spans,
        today=today,
        reason=UnbilledReason.PAUSED,
    )


def _owed(tx: Connection, subscription_id: UUID) -> list[AnyRow]:
    return list(
        tx.execute(
            select(
                col(Invoice.id),
                col(Invoice.period_start),
                col(Invoice.period_end),
                col(Invoice.first_failed_on),
                col(Invoice.grace_until),
                col(Invoice.lost_days),
                col(Invoice.lost_spans),
            ).where(
                col(Invoice.subscription_id) == subscription_id,
                col(Invoice.state) == InvoiceState.OPEN,
                col(Invoice.kind) != InvoiceKind.AGREEMENT,
            )
        )
    )
