"""What is due: each a named read with a limit, that pages past rows it already gave."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, literal, select, text, tuple_
from sqlmodel import SQLModel, col

from billing.store.tables import (
    DUE_INVOICE,
    LIVE_CHARGE,
    RENEWABLE,
    UNSETTLED_CHARGE,
    UNSETTLED_REFUND,
    Charge,
    Invoice,
    Plan,
    Refund,
    StrayPayment,
    Subscription,
    Webhook,
)
from billing.store.writes import table_of


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the due instant and the id of its last row."""

    at: datetime
    id: Any


def due_subscriptions(tx: Connection, now: datetime, limit: int, after: Place | None) -> list[Place]:
    """Return subscriptions whose next period has come and whose plan is not paused."""
    query = _due(Subscription, "next_due_at", RENEWABLE, now, limit, after)
    paused = select(literal(1)).where(col(Plan.code) == col(Subscription.plan_code), col(Plan.paused_at).is_not(None))
    return _places(tx, query.where(~paused.exists()))


def due_invoices(tx: Connection, now: datetime, limit: int, after: Place | None) -> list[Place]:
    """Return open invoices that are to be charged, none of a subscription with a live charge."""
    live = select(literal(1)).where(
        col(Charge.subscription_id) == col(Invoice.subscription_id), text(f"charge.{LIVE_CHARGE}")
    )
    held = (
        select(literal(1))
        .select_from(Subscription)
        .join(Plan, col(Plan.code) == col(Subscription.plan_code))
        .where(
            col(Subscription.id) == col(Invoice.subscription_id),
            col(Subscription.parked_reason).is_not(None)
            | col(Plan.paused_at).is_not(None)
            | text("subscription.state NOT IN ('active', 'trialing', 'past_due')"),
        )
    )
    query = _due(Invoice, "next_attempt_at", DUE_INVOICE, now, limit, after)
    return _places(tx, query.where(~live.exists(), ~held.exists()))


def unsettled_charges(tx: Connection, now: datetime, limit: int, after: Place | None) -> list[Place]:
    """Return charges whose outcome must be asked for, those of a crashed sender included."""
    return _places(tx, _due(Charge, "check_at", UNSETTLED_CHARGE, now, limit, after))


def unsettled_refunds(tx: Connection, now: datetime, limit: int, after: Place | None) -> list[Place]:
    """Return refunds that are to be sent or asked about."""
    return _places(tx, _due(Refund, "check_at", UNSETTLED_REFUND, now, limit, after))


def expired_enrolments(tx: Connection, now: datetime, limit: int, after: Place | None) -> list[Place]:
    """Return incomplete subscriptions whose time is over."""
    return _places(tx, _due(Subscription, "expires_at", "state = 'incomplete'", now, limit, after))


def pauses_to_end(tx: Connection, now: datetime, limit: int, after: Place | None) -> list[Place]:
    """Return paused subscriptions that are to be resumed."""
    where = "state = 'paused' AND resume_at IS NOT NULL"
    return _places(tx, _due(Subscription, "resume_at", where, now, limit, after))


def periods_to_end(tx: Connection, now: datetime, limit: int, after: Place | None) -> list[Place]:
    """Return subscriptions canceled at the end of a period that is over."""
    where = "cancel_at IS NOT NULL AND state <> 'canceled'"
    return _places(tx, _due(Subscription, "cancel_at", where, now, limit, after))


def invoices_to_give_up(tx: Connection, now: datetime, limit: int, after: Place | None) -> list[Place]:
    """Return open invoices whose subscriber did not make a new agreement in time."""
    return _places(tx, _due(Invoice, "give_up_at", "state = 'open' AND give_up_at IS NOT NULL", now, limit, after))


def webhooks_to_process(tx: Connection, now: datetime, limit: int, after: Place | None) -> list[Place]:
    """Return stored webhooks that wait to be processed."""
    return _places(tx, _due(Webhook, "next_try_at", "state = 'received'", now, limit, after))


def open_strays(tx: Connection, now: datetime, limit: int, after: Place | None) -> list[Place]:
    """Return payments nobody accounts for yet."""
    key = "gateway_payment_id"
    return _places(tx, _due(StrayPayment, "check_at", "resolved_at IS NULL", now, limit, after, key=key))


def _due(
    model: type[SQLModel],
    due_column: str,
    where: str,
    now: datetime,
    limit: int,
    after: Place | None,
    key: str = "id",
) -> Select[Any]:
    # The condition is literal text, so that it is recognised as the partial index's own.
    table: Table = table_of(model)
    due, ident = table.c[due_column], table.c[key]
    query = select(due.label("at"), ident.label("id")).where(text(f"{table.name}.{where}"), due <= now)
    if after is not None:
        query = query.where(tuple_(due, ident) > tuple_(literal(after.at, due.type), literal(after.id, ident.type)))
    return query.order_by(due, ident).limit(limit)


def _places(tx: Connection, query: Select[Any]) -> list[Place]:
    return [Place(row.at, row.id) for row in tx.execute(query)]
