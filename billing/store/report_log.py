"""Reads for people: the event log, refunds, stored webhooks, what is parked, and how much waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, null, select, text, type_coerce
from sqlmodel import col

from billing.domain.public_ids import Kind
from billing.domain.states import STARTED_SUBSCRIPTIONS, RefundState
from billing.store.columns import UtcDateTime
from billing.store.obligation_tables import RefundObligation
from billing.store.reports import AnySelect, columns_of
from billing.store.tables import (
    AUTO_CHARGED,
    DUE_INVOICE,
    LIVE_CHARGE,
    RENEWABLE,
    UNSETTLED_CHARGE,
    Charge,
    Customer,
    Event,
    Invoice,
    Plan,
    Refund,
    Source,
    StrayPayment,
    Subscription,
    Webhook,
)


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of the audit trail."""

    KIND = Kind.EVENT

    id: int
    at: datetime
    actor: str
    subject_type: str
    subject_id: str
    subscription_id: UUID | None
    type: str
    from_state: str | None
    to_state: str | None
    data: dict[str, Any]


def list_events(
    tx: Connection,
    limit: int,
    *,
    subscription_id: UUID | None = None,
    type_prefix: str | None = None,
    after_id: int | None = None,
) -> list[EventRow]:
    """Return events, newest first; with ``after_id``, those that follow it, oldest first."""
    query: AnySelect = select(*(getattr(Event, name) for name in EventRow.__dataclass_fields__)).limit(limit)
    if subscription_id is not None:
        query = query.where(col(Event.subscription_id) == subscription_id)
    if type_prefix is not None:
        query = query.where(col(Event.type).startswith(type_prefix, autoescape=True))
    if after_id is None:
        query = query.order_by(col(Event.id).desc())
    else:
        query = query.where(col(Event.id) > after_id).order_by(col(Event.id))
    return [EventRow(*row) for row in tx.execute(query)]


@dataclass(frozen=True, slots=True)
class RefundLine:
    """A refund with the charge it gives back."""

    KIND = Kind.REFUND

    id: UUID
    charge_id: UUID
    state: RefundState
    amount_minor: int
    currency: str
    reason: str
    requested_by: str
    gateway_payment_id: str
    response_code: str | None
    error: str | None
    created_at: datetime
    check_at: datetime | None


def list_refunds(
    tx: Connection, limit: int, *, ids: Sequence[UUID] | None = None, charge_ids: Sequence[UUID] | None = None
) -> list[RefundLine]:
    """Return refunds, newest first; of some charges if they are named."""
    names = RefundLine.__dataclass_fields__
    query: AnySelect = select(*columns_of(Refund, *names)).order_by(col(Refund.created_at).desc()).limit(limit)
    if ids is not None:
        query = query.where(col(Refund.id).in_(ids))
    if charge_ids is not None:
        query = query.where(col(Refund.charge_id).in_(charge_ids))
    return [RefundLine(*row) for row in tx.execute(query)]


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """A stored webhook and how far it is."""

    id: int
    event_id: str
    type: str
    payment_id: str | None
    reference: str | None
    state: str
    received_at: datetime
    next_try_at: datetime
    tries: int
    why: str | None


def list_webhooks(tx: Connection, limit: int, *, state: str | None = None) -> list[WebhookRow]:
    """Return webhooks, newest first."""
    names = WebhookRow.__dataclass_fields__
    query: AnySelect = select(*(getattr(Webhook, name) for name in names)).order_by(col(Webhook.id).desc())
    if state is not None:
        query = query.where(col(Webhook.state) == state)
    return [WebhookRow(*row) for row in tx.execute(query.limit(limit))]


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """Something that was set aside for a person. ``kind`` is what ``billing parked release`` calls it."""

    kind: str
    id: str
    why: str | None
    subscription_id: UUID | None
    customer_reference: str | None


def list_parked(tx: Connection, limit: int) -> list[ParkedRow]:
    """Return what is parked, at most ``limit`` rows of each kind."""
    owner = (col(Subscription.id), col(Customer.reference))
    queries: list[tuple[str, AnySelect]] = [
        (
            "subscription",
            select(col(Subscription.id), col(Subscription.parked_reason), *owner)
            .join(Customer, col(Customer.id) == col(Subscription.customer_id))
            .where(col(Subscription.parked_reason).is_not(None)),
        ),
        (
            "charge",
            select(col(Charge.id), col(Charge.error), *owner)
            .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
            .join(Customer, col(Customer.id) == col(Subscription.customer_id))
            .where(text("charge.state = 'parked'")),
        ),
        (
            "refund",
            select(col(Refund.id), col(Refund.error), *owner)
            .join(Charge, col(Charge.id) == col(Refund.charge_id))
            .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
            .join(Customer, col(Customer.id) == col(Subscription.customer_id))
            .where(text("refund.state = 'parked'")),
        ),
        (
            "source",
            select(col(Source.id), col(Source.revocation_error), null(), col(Customer.reference))
            .join(Customer, col(Customer.id) == col(Source.customer_id))
            .where(text("source.revocation = 'parked'")),
        ),
        (
            "refund_obligation",
            select(col(RefundObligation.id), col(RefundObligation.parked_reason), *owner)
            .join(Charge, col(Charge.id) == col(RefundObligation.charge_id))
            .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
            .join(Customer, col(Customer.id) == col(Subscription.customer_id))
            .where(text("refund_obligation.state = 'parked'")),
        ),
        ("webhook", select(col(Webhook.id), col(Webhook.why)).where(text("webhook.state = 'parked'"))),
    ]
    found = [
        ParkedRow(kind, str(row[0]), row[1], *(row[2:] or (None, None)))
        for kind, query in queries
        for row in tx.execute(query.limit(limit))
    ]
    return found + _open_strays(tx, limit)


def _open_strays(tx: Connection, limit: int) -> list[ParkedRow]:
    rows = tx.execute(
        select(col(StrayPayment.gateway_payment_id), col(StrayPayment.status), col(Charge.subscription_id))
        .join(Charge, col(Charge.id) == col(StrayPayment.charge_id), isouter=True)
        .where(col(StrayPayment.resolved_at).is_(None))
        .order_by(col(StrayPayment.found_at))
        .limit(limit)
    )
    told = {True: "a payment that no charge explains", False: "a second payment for a charge"}
    return [
        ParkedRow("payment", row[0], f"{told[row[2] is None]}; the gateway says {row[1]}", row[2], None) for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits, as of an instant."""

    oldest_unsettled: datetime | None
    """When the oldest charge without an outcome was made."""
    overdue_renewals: int
    """Subscriptions whose period began before the bound and that have no invoice for it."""
    overdue_charges: int
    """Open invoices whose attempt was due before the bound."""
    oldest_webhook: datetime | None
    paused_plans: dict[str, int]
    """Paused plans, and how many of their subscriptions are due."""


def load_backlog(tx: Connection, now: datetime, overdue_since: datetime) -> Backlog:
    """Return what waits at ``now``; overdue is what was due before ``overdue_since`` (both UTC)."""
    charges = select(func.min(col(Charge.created_at))).where(text(f"charge.{UNSETTLED_CHARGE}"))
    webhooks = select(func.min(col(Webhook.received_at))).where(text("webhook.state = 'received'"))
    return Backlog(
        oldest_unsettled=_instant(tx, charges),
        overdue_renewals=_overdue_renewals(tx, overdue_since),
        overdue_charges=_overdue_charges(tx, overdue_since),
        oldest_webhook=_instant(tx, webhooks),
        paused_plans=due_on_paused_plans(tx, now),
    )


def due_on_paused_plans(tx: Connection, now: datetime) -> dict[str, int]:
    """Return the paused plans that somebody would have been renewed on by ``now`` (UTC), and how many."""
    rows = tx.execute(
        select(col(Plan.code), func.count())
        .join(Subscription, col(Subscription.plan_code) == col(Plan.code))
        .where(
            col(Plan.paused_at).is_not(None), text(f"subscription.{RENEWABLE}"), col(Subscription.next_due_at) <= now
        )
        .group_by(col(Plan.code))
    )
    return {row[0]: row[1] for row in rows}


def count_without_agreement(tx: Connection) -> int:
    """Return how many subscriptions that were begun have no source at all: their payment made no agreement."""
    started = col(Subscription.state).in_(STARTED_SUBSCRIPTIONS)
    query = select(func.count()).select_from(Subscription).where(started, col(Subscription.source_id).is_(None))
    return tx.execute(query).scalar_one()


def count_events(tx: Connection) -> int:
    """Return how many events there are."""
    return tx.execute(select(func.count()).select_from(Event)).scalar_one()


def newest_event_at(tx: Connection) -> datetime | None:
    """Return the instant of the newest event: time must not run backwards past it."""
    return tx.execute(select(col(Event.at)).order_by(col(Event.id).desc()).limit(1)).scalar_one_or_none()


def _overdue_renewals(tx: Connection, since: datetime) -> int:
    query = (
        select(func.count())
        .select_from(Subscription)
        .join(Plan, col(Plan.code) == col(Subscription.plan_code))
        .where(text(f"subscription.{RENEWABLE}"), col(Subscription.next_due_at) < since, col(Plan.paused_at).is_(None))
    )
    return tx.execute(query).scalar_one()


def _overdue_charges(tx: Connection, since: datetime) -> int:
    live = select(col(Charge.id)).where(
        col(Charge.subscription_id) == col(Invoice.subscription_id), text(f"charge.{LIVE_CHARGE}")
    )
    query = (
        select(func.count())
        .select_from(Invoice)
        .join(Subscription, col(Subscription.id) == col(Invoice.subscription_id))
        .join(Plan, col(Plan.code) == col(Subscription.plan_code))
        .where(
            text(f"invoice.{DUE_INVOICE}"),
            col(Invoice.next_attempt_at) < since,
            text(f"subscription.{AUTO_CHARGED}"),
            col(Subscription.parked_reason).is_(None),
            col(Plan.paused_at).is_(None),
            ~live.exists(),
        )
    )
    return tx.execute(query).scalar_one()


def _instant(tx: Connection, query: AnySelect) -> datetime | None:
    found: datetime | None = tx.execute(select(type_coerce(query.scalar_subquery(), UtcDateTime()))).scalar_one()
    return found
