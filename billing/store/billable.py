"""Locks what an act is about to bill or charge, and reads it again: the last look before money moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, bindparam, case, func, literal, select, text, type_coerce
from sqlmodel import col

from billing.domain.cases import ChargeKind, InvoiceKind
from billing.domain.days.grace import needs_confirmation
from billing.domain.days.records import DayRecord
from billing.domain.days.schedule import BillingSchedule
from billing.domain.states import SourceState, SubscriptionState
from billing.store.among import among
from billing.store.cases import lock_subscriptions
from billing.store.columns import AnyRow, UtcDateTime
from billing.store.payers import PAYER_COLUMNS
from billing.store.schedules import schedule_of
from billing.store.tables import (
    LIVE_CHARGE,
    RENEWABLE,
    Charge,
    Customer,
    Invoice,
    Plan,
    Price,
    Source,
    Subscription,
)
from plans.calendar import Period
from plans.money import Money


@dataclass(frozen=True, slots=True)
class DueSubscription:
    """A subscription whose next period may have come, with the price it is pinned to."""

    schedule: BillingSchedule
    state: SubscriptionState
    plan_name: str
    amount: Money
    consented_at: datetime | None
    pause_at: datetime | None
    cancel_at: datetime | None
    next_due_at: datetime
    paid_through: date | None

    @property
    def may_owe(self) -> bool:
        """Whether the last period that was billed is not paid: an open invoice may be in the way of the next one."""
        return self.paid_through is None or self.paid_through < self.schedule.next_start


def load_due_subscriptions(tx: Connection, ids: Sequence[UUID], now: datetime) -> list[DueSubscription]:
    """Lock these subscriptions, leaving those that another daemon holds, and return what is still due."""
    locked = lock_subscriptions(tx, ids, skip_locked=True)
    rows = tx.execute(_due_subscriptions(), {"ids": list(locked), "now": now})
    return [_due_subscription(row) for row in rows]


@cache
def _due_subscriptions() -> Select[*tuple[Any, ...]]:
    return (
        select(
            col(Subscription.id),
            col(Subscription.state),
            col(Subscription.anchor),
            col(Subscription.zone),
            col(Subscription.billed_index),
            col(Subscription.consented_at),
            col(Subscription.pause_at),
            col(Subscription.cancel_at),
            col(Subscription.next_due_at),
            col(Subscription.paid_through),
            col(Price.amount_minor),
            col(Price.currency),
            col(Price.interval_unit),
            col(Price.interval_count),
            col(Plan.name).label("plan_name"),
        )
        .join(Price, col(Price.id) == col(Subscription.price_id))
        .join(Plan, col(Plan.code) == col(Subscription.plan_code))
        .where(
            among(col(Subscription.id)),
            text(f"subscription.{RENEWABLE}"),
            col(Subscription.next_due_at) <= bindparam("now", type_=UtcDateTime()),
            col(Plan.paused_at).is_(None),
        )
        .order_by(col(Subscription.id))
    )


@dataclass(frozen=True, slots=True)
class ChargeableInvoice:
    """An open invoice with what a charge for it needs."""

    id: UUID
    subscription_id: UUID
    kind: InvoiceKind
    subscription_state: SubscriptionState
    zone: str
    amount: Money
    period: Period
    paid_through: date | None
    """The first day of the subscription that is not known as paid."""
    grace_until: date | None
    lost_days: int
    lost_spans: tuple[DayRecord, ...]
    attempts: int
    failures: int
    first_failed_on: date | None
    plan_name: str
    plan_code: str
    source_id: UUID | None
    gateway_source_id: str | None
    source_state: SourceState | None
    first_payment_id: str | None
    customer_name: str
    customer_email: str
    customer_country: str | None
    gateway_customer_id: str | None

    def needs_confirmation(self, today: date) -> bool:
        """Say whether it is charged only after the subscriber confirmed it: most of its days gave no access."""
        if self.grace_until is None:
            return False
        return needs_confirmation(self.period, grace_ended_on=self.grace_until, lost_days=self.lost_days, today=today)


def load_chargeable(tx: Connection, ids: Sequence[UUID], *, skip_locked: bool = True) -> list[ChargeableInvoice]:
    """Lock the subscriptions of these invoices and return those that are open and have no live charge.
    An invoice that no longer qualifies is left out.
    """
    owners = tx.execute(_owners(), {"ids": list(ids)})
    locked = lock_subscriptions(tx, list(owners.scalars()), skip_locked=skip_locked)
    # Which of them are locked is told here: the database would search the list anew for each row.
    rows = tx.execute(_chargeables(), {"ids": list(ids)})
    return [_chargeable(row) for row in rows if row.subscription_id in locked]


@cache
def _owners() -> Select[UUID]:
    return select(col(Invoice.subscription_id)).where(among(col(Invoice.id)))


@cache
def _chargeables() -> Select[*tuple[Any, ...]]:
    live = select(literal(1)).where(
        col(Charge.subscription_id) == col(Invoice.subscription_id), text(f"charge.{LIVE_CHARGE}")
    )
    return (
        select(
            col(Invoice.id),
            col(Invoice.subscription_id),
            col(Invoice.kind),
            col(Subscription.state),
            col(Subscription.zone),
            col(Invoice.amount_minor),
            col(Invoice.currency),
            col(Invoice.period_start),
            col(Invoice.period_end),
            col(Subscription.paid_through),
            col(Invoice.grace_until),
            col(Invoice.lost_days),
            col(Invoice.lost_spans),
            col(Invoice.attempts),
            col(Invoice.failures),
            col(Invoice.first_failed_on),
            col(Plan.name).label("plan_name"),
            col(Source.id).label("source_id"),
            col(Source.gateway_source_id),
            col(Source.state).label("source_state"),
            col(Source.first_payment_id),
            col(Plan.code).label("plan_code"),
            *PAYER_COLUMNS,
        )
        .join(Subscription, col(Subscription.id) == col(Invoice.subscription_id))
        .join(Plan, col(Plan.code) == col(Subscription.plan_code))
        .join(Customer, col(Customer.id) == col(Subscription.customer_id))
        .join(Source, col(Source.id) == col(Subscription.source_id), isouter=True)
        .where(
            among(col(Invoice.id)),
            text("invoice.state = 'open'"),
            col(Subscription.parked_reason).is_(None),
            col(Plan.paused_at).is_(None),
            ~live.exists(),
        )
        .order_by(col(Invoice.subscription_id), col(Invoice.period_start))
    )


def last_captures(tx: Connection, subscription_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """Return when money was last taken for days of each of these subscriptions: the daily ceiling looks at it.

    A token amount, which makes an agreement and goes back at once, pays for none. By a link the money is taken when the
    subscriber pays, which may be on the day after the link was made.
    """
    newest = func.max(
        case((col(Charge.kind) == ChargeKind.RENEWAL, col(Charge.sent_at)), else_=col(Charge.captured_at))
    )
    token = select(literal(1)).where(
        col(Invoice.id) == col(Charge.invoice_id), col(Invoice.kind) == InvoiceKind.AGREEMENT
    )
    rows = tx.execute(
        select(col(Charge.subscription_id), type_coerce(newest, UtcDateTime()).label("at"))
        .where(
            among(col(Charge.subscription_id), subscription_ids),
            text("charge.state = 'captured'"),
            (col(Charge.kind) == ChargeKind.RENEWAL) | ~token.exists(),
        )
        .group_by(col(Charge.subscription_id))
    )
    return {row.subscription_id: row.at for row in rows}


def _due_subscription(row: AnyRow) -> DueSubscription:
    return DueSubscription(
        schedule=schedule_of(row),
        state=row.state,
        plan_name=row.plan_name,
        amount=Money(row.amount_minor, row.currency),
        consented_at=row.consented_at,
        pause_at=row.pause_at,
        cancel_at=row.cancel_at,
        next_due_at=row.next_due_at,
        paid_through=row.paid_through,
    )


def _chargeable(row: AnyRow) -> ChargeableInvoice:
    return ChargeableInvoice(
        id=row.id,
        subscription_id=row.subscription_id,
        kind=row.kind,
        subscription_state=row.state,
        zone=row.zone,
        amount=Money(row.amount_minor, row.currency),
        period=Period(row.period_start, row.period_end),
        paid_through=row.paid_through,
        grace_until=row.grace_until,
        lost_days=row.lost_days,
        lost_spans=row.lost_spans,
        attempts=row.attempts,
        failures=row.failures,
        first_failed_on=row.first_failed_on,
        plan_name=row.plan_name,
        plan_code=row.plan_code,
        source_id=row.source_id,
        gateway_source_id=row.gateway_source_id,
        source_state=row.source_state,
        first_payment_id=row.first_payment_id,
        customer_name=row.customer_name,
        customer_email=row.customer_email,
        customer_country=row.customer_country,
        gateway_customer_id=row.gateway_customer_id,
    )
