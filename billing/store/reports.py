"""Reads for people and for the test clock: lists with a limit, newest first, and what is due next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, bindparam, func, select, text, type_coerce, union_all
from sqlmodel import SQLModel, col

from billing.domain.cases import ChargeKind, InvoiceKind
from billing.domain.public_ids import Kind
from billing.domain.states import ChargeState, InvoiceState, SourceState, SubscriptionState
from billing.store.columns import UtcDateTime
from billing.store.due import Kind as DueKind
from billing.store.due import due_by
from billing.store.installation_tables import Installation
from billing.store.tables import (
    LIVE_SUBSCRIPTION,
    UNSETTLED_CHARGE,
    Charge,
    Customer,
    Invoice,
    Plan,
    Price,
    Source,
    Subscription,
)
from billing.store.writes import table_of
from plans.calendar import IntervalUnit

AnySelect = Select[*tuple[Any, ...]]


def next_due_instant(tx: Connection, after: datetime, *, even_rechecks: bool = True) -> datetime | None:
    """Return the first instant later than ``after`` (both UTC) at which anything is due, or None.

    Without ``even_rechecks`` charges that have ended do not count: to look at one again can wait for something else.
    """
    return tx.execute(_first_instant(even_rechecks), {"after": after}).scalar_one()


@cache
def _first_instant(even_rechecks: bool) -> Select[*tuple[datetime]]:
    after = bindparam("after", type_=UtcDateTime())
    firsts = []
    for row in map(due_by, DueKind):
        table = table_of(row.model)
        due = table.c[row.column]
        counts = f" AND {UNSETTLED_CHARGE}" if row.model is Charge and not even_rechecks else ""
        firsts.append(select(func.min(due).label("at")).where(text(f"{table.name}.{row.where}{counts}"), due > after))
    held: AnySelect = select(col(Installation.held_until).label("at")).where(col(Installation.held_until) > after)
    each = union_all(*firsts, held).subquery()
    return select(type_coerce(func.min(each.c.at), UtcDateTime()))


@dataclass(frozen=True, slots=True)
class PriceRow:
    """A version of a plan's price, and how many live subscriptions pay it."""

    plan_code: str
    plan_name: str
    version: int
    amount_minor: int
    currency: str
    interval_unit: IntervalUnit
    interval_count: int
    trial_days: int
    created_at: datetime
    archived_at: datetime | None
    paused_at: datetime | None
    subscriptions: int


def list_prices(tx: Connection, plan_code: str | None = None) -> list[PriceRow]:
    """Return every price version, by plan and newest first; of one plan if it is named."""
    live = (
        select(func.count())
        .select_from(Subscription)
        .where(col(Subscription.price_id) == col(Price.id), text(f"subscription.{LIVE_SUBSCRIPTION}"))
        .scalar_subquery()
    )
    query: AnySelect = (
        select(
            col(Price.plan_code),
            col(Plan.name),
            col(Price.version),
            col(Price.amount_minor),
            col(Price.currency),
            col(Price.interval_unit),
            col(Price.interval_count),
            col(Price.trial_days),
            col(Price.created_at),
            col(Plan.archived_at),
            col(Plan.paused_at),
            live,
        )
        .join(Plan, col(Plan.code) == col(Price.plan_code))
        .order_by(col(Price.plan_code), col(Price.version).desc())
    )
    if plan_code is not None:
        query = query.where(col(Price.plan_code) == plan_code)
    return [PriceRow(*row) for row in tx.execute(query)]


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription with its customer, the price it is pinned to and its KakaoPay agreement."""

    KIND = Kind.SUBSCRIPTION

    id: UUID
    customer_reference: str
    customer_name: str
    plan_code: str
    price_version: int
    amount_minor: int
    currency: str
    interval_unit: IntervalUnit
    interval_count: int
    state: SubscriptionState
    zone: str
    anchor: date
    billed_index: int
    paid_through: date | None
    next_due_at: datetime
    expires_at: datetime
    pause_at: datetime | None
    resume_at: datetime | None
    cancel_at: datetime | None
    canceled_at: datetime | None
    cancel_reason: str | None
    parked_reason: str | None
    plan_paused_at: datetime | None
    source_id: UUID | None
    gateway_source_id: str | None
    source_state: SourceState | None
    created_at: datetime


def list_subscriptions(
    tx: Connection,
    limit: int,
    *,
    ids: Sequence[UUID] | None = None,
    states: Sequence[str] = (),
    plan_code: str | None = None,
    customer_reference: str | None = None,
) -> list[SubscriptionRow]:
    """Return subscriptions, newest first, that meet every condition that is given."""
    query: AnySelect = (
        select(
            *columns_of(Subscription, "id"),
            *columns_of(Customer, "reference", "name"),
            *columns_of(Subscription, "plan_code"),
            *columns_of(Price, "version", "amount_minor", "currency", "interval_unit", "interval_count"),
            *columns_of(
                Subscription, "state", "zone", "anchor", "billed_index", "paid_through", "next_due_at", "expires_at",
                "pause_at", "resume_at", "cancel_at", "canceled_at", "cancel_reason", "parked_reason",
            ),
            *columns_of(Plan, "paused_at"),
            *columns_of(Source, "id", "gateway_source_id", "state"),
            *columns_of(Subscription, "created_at"),
        )
        .select_from(Subscription)
        .join(Customer, col(Customer.id) == col(Subscription.customer_id))
        .join(Price, col(Price.id) == col(Subscription.price_id))
        .join(Plan, col(Plan.code) == col(Subscription.plan_code))
        .join(Source, col(Source.id) == col(Subscription.source_id), isouter=True)
        .order_by(col(Subscription.created_at).desc(), col(Subscription.id))
        .limit(limit)
    )  # fmt: skip
    if ids is not None:
        query = query.where(col(Subscription.id).in_(ids))
    if states:
        query = query.where(col(Subscription.state).in_(states))
    if plan_code is not None:
        query = query.where(col(Subscription.plan_code) == plan_code)
    if customer_reference is not None:
        query = query.where(col(Customer.reference) == customer_reference)
    return [SubscriptionRow(*row) for row in tx.execute(query)]


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """A charge with its invoice and whose it is. The period's end is exclusive."""

    KIND = Kind.CHARGE

    id: UUID
    invoice_id: UUID
    subscription_id: UUID
    customer_reference: str
    customer_name: str
    plan_code: str
    price_version: int
    zone: str
    kind: ChargeKind
    automatic: bool
    state: ChargeState
    attempt_no: int
    amount_minor: int
    currency: str
    invoice_kind: InvoiceKind
    invoice_state: InvoiceState
    period_start: date
    period_end: date
    next_attempt_at: datetime | None
    give_up_at: datetime | None
    reference: str
    gateway_payment_id: str | None
    gateway_source_id: str | None
    response_code: str | None
    decline_class: str | None
    error: str | None
    created_at: datetime
    sent_at: datetime
    sends: int
    captured_at: datetime | None
    check_at: datetime | None


def list_charges(
    tx: Connection,
    limit: int,
    *,
    ids: Sequence[UUID] | None = None,
    states: Sequence[str] = (),
    subscription_id: UUID | None = None,
) -> list[ChargeRow]:
    """Return charges, newest first, that meet every condition that is given."""
    query: AnySelect = (
        select(
            *columns_of(Charge, "id", "invoice_id", "subscription_id"),
            *columns_of(Customer, "reference", "name"),
            *columns_of(Subscription, "plan_code"),
            *columns_of(Price, "version"),
            *columns_of(Subscription, "zone"),
            *columns_of(Charge, "kind", "automatic", "state", "attempt_no", "amount_minor", "currency"),
            *columns_of(Invoice, "kind", "state", "period_start", "period_end", "next_attempt_at", "give_up_at"),
            *columns_of(Charge, "reference", "gateway_payment_id"),
            *columns_of(Source, "gateway_source_id"),
            *columns_of(
                Charge, "response_code", "decline_class", "error", "created_at", "sent_at", "sends", "captured_at",
                "check_at",
            ),
        )
        .select_from(Charge)
        .join(Invoice, col(Invoice.id) == col(Charge.invoice_id))
        .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
        .join(Customer, col(Customer.id) == col(Subscription.customer_id))
        .join(Price, col(Price.id) == col(Subscription.price_id))
        .join(Source, col(Source.id) == col(Charge.source_id), isouter=True)
        .order_by(col(Charge.created_at).desc(), col(Charge.id))
        .limit(limit)
    )  # fmt: skip
    if ids is not None:
        query = query.where(col(Charge.id).in_(ids))
    if states:
        query = query.where(col(Charge.state).in_(states))
    if subscription_id is not None:
        query = query.where(col(Charge.subscription_id) == subscription_id)
    return [ChargeRow(*row) for row in tx.execute(query)]


def columns_of(model: type[SQLModel], *names: str) -> list[Any]:
    """Return these columns of a table, to select them in the order of a row's fields."""
    return [table_of(model).c[name] for name in names]
