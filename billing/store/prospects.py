"""Reads what the preview of a subscription's next charge is made from."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, select
from sqlmodel import col

from billing.domain.cases import InvoiceKind
from billing.domain.days.grace import needs_confirmation
from billing.domain.preview import OwedNext, Prospect
from billing.domain.states import InvoiceState, SourceState
from billing.store.billable import last_captures
from billing.store.columns import AnyRow
from billing.store.installation import load_installation
from billing.store.queries import has_live_charge, is_billed_late, open_invoice_of
from billing.store.schedules import schedule_of
from billing.store.tables import Invoice, Plan, Price, Source, Subscription
from plans.calendar import Period, billing_day
from plans.money import Money


def load_prospect(tx: Connection, subscription_id: UUID, now: datetime) -> Prospect | None:
    """Return what the next charge of a subscription depends on at ``now`` (UTC), or None: there is no such one."""
    row = tx.execute(_prospects().where(col(Subscription.id) == subscription_id)).one_or_none()
    if row is None:
        return None
    invoices = _open_invoices(tx, subscription_id)
    tried = [each for each in invoices if each.next_attempt_at is not None]
    waiting = [each.give_up_at for each in invoices if each.give_up_at is not None and each.next_attempt_at is None]
    return Prospect(
        schedule=schedule_of(row),
        state=row.state,
        price=Money(row.amount_minor, row.currency),
        next_due_at=row.next_due_at,
        expires_at=row.expires_at,
        consented=row.consented_at is not None,
        pause_at=row.pause_at,
        resume_at=row.resume_at,
        cancel_at=row.cancel_at,
        is_parked=row.parked_reason is not None,
        plan_is_paused=row.plan_paused_at is not None,
        charging_is_stopped=load_installation(tx).why_not_charge(now) is not None,
        charge_is_under_way=has_live_charge(tx, subscription_id),
        source_id=row.source_id if row.source_state is SourceState.ACTIVE else None,
        owed=_owed(min(tried, key=lambda each: (each.next_attempt_at, each.id)), row.zone, now) if tried else None,
        open_invoices=[open_invoice_of(each) for each in invoices],
        give_up_at=max(waiting, default=None),
        last_captured_at=last_captures(tx, [subscription_id]).get(subscription_id),
    )


def _prospects() -> Select[*tuple[Any, ...]]:
    return (
        select(
            col(Subscription.id),
            col(Subscription.state),
            col(Subscription.anchor),
            col(Subscription.zone),
            col(Subscription.billed_index),
            col(Subscription.next_due_at),
            col(Subscription.expires_at),
            col(Subscription.consented_at),
            col(Subscription.pause_at),
            col(Subscription.resume_at),
            col(Subscription.cancel_at),
            col(Subscription.parked_reason),
            col(Price.amount_minor),
            col(Price.currency),
            col(Price.interval_unit),
            col(Price.interval_count),
            col(Plan.paused_at).label("plan_paused_at"),
            col(Source.id).label("source_id"),
            col(Source.state).label("source_state"),
        )
        .join(Price, col(Price.id) == col(Subscription.price_id))
        .join(Plan, col(Plan.code) == col(Subscription.plan_code))
        .join(Source, col(Source.id) == col(Subscription.source_id), isouter=True)
    )


def _open_invoices(tx: Connection, subscription_id: UUID) -> list[AnyRow]:
    rows = tx.execute(
        select(
            col(Invoice.id),
            col(Invoice.amount_minor),
            col(Invoice.currency),
            col(Invoice.period_start),
            col(Invoice.period_end),
            col(Invoice.attempts),
            col(Invoice.first_failed_on),
            col(Invoice.lost_spans),
            is_billed_late(),
            col(Invoice.grace_until),
            col(Invoice.lost_days),
            col(Invoice.next_attempt_at),
            col(Invoice.give_up_at),
        ).where(
            col(Invoice.subscription_id) == subscription_id,
            col(Invoice.state) == InvoiceState.OPEN,
            col(Invoice.kind) != InvoiceKind.AGREEMENT,
        )
    )
    return list(rows)


def _owed(row: AnyRow, zone: str, now: datetime) -> OwedNext:
    period = Period(row.period_start, row.period_end)
    day = billing_day(max(row.next_attempt_at, now), zone)
    return OwedNext(
        invoice_id=row.id,
        amount=Money(row.amount_minor, row.currency),
        period=period,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        needs_confirmation=row.grace_until is not None
        and needs_confirmation(period, grace_ended_on=row.grace_until, lost_days=row.lost_days, today=day),
    )
