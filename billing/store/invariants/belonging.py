"""Invariants about what belongs to whom: no misattribution, no orphan, no access beyond what is paid."""
# ruff: noqa: S608 - what is put into the queries are constants of our own

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from zoneinfo import available_timezones

from sqlalchemy import Connection

from billing.domain.states import ENDED_SUBSCRIPTIONS
from billing.store.columns import state_in
from billing.store.invariants.model import COUNTED_REFUND, Bounds, Found, ask, id_as_text, invariant, text_of

_PARENTS: Final = (
    ("price", "plan_code", "plan", "code"),
    ("source", "customer_id", "customer", "id"),
    ("subscription", "customer_id", "customer", "id"),
    ("subscription", "price_id", "price", "id"),
    ("subscription", "source_id", "source", "id"),
    ("invoice", "subscription_id", "subscription", "id"),
    ("charge", "invoice_id", "invoice", "id"),
    ("charge", "subscription_id", "subscription", "id"),
    ("charge", "source_id", "source", "id"),
    ("refund", "charge_id", "charge", "id"),
    ("refund_obligation", "charge_id", "charge", "id"),
    ("stray_payment", "charge_id", "charge", "id"),
)


@invariant(14, "Every payment at the gateway belongs to one charge, and every row to the row it names.")
def no_orphans(tx: Connection, now: datetime, bounds: Bounds) -> Iterator[Found]:
    for child, column, parent, key in _PARENTS:
        ident = "gateway_payment_id" if child == "stray_payment" else "id"
        for row in ask(
            tx,
            f"SELECT c.{ident}, c.{column} FROM {child} c LEFT JOIN {parent} p ON p.{key} = c.{column}"
            f" WHERE c.{column} IS NOT NULL AND p.{key} IS NULL",
        ):
            yield child, row[0], f"it names {parent} {text_of(row[1])}, which is not there"
    since = now - bounds.stray
    for row in ask(
        tx,
        "SELECT gateway_payment_id, status, charge_id FROM stray_payment"
        " WHERE resolved_at IS NULL AND found_at < :since",
        since=since,
    ):
        of = f"beside charge {text_of(row[2])}" if row[2] is not None else "without a charge"
        yield "payment", row[0], f"it is {row[1]} at the gateway {of}, and nobody has dealt with it"


@invariant(15, "A charge, its invoice and the agreement it is charged to belong to one subscriber.")
def no_misattribution(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx,
        "SELECT c.id, i.subscription_id FROM charge c JOIN invoice i ON i.id = c.invoice_id"
        " WHERE i.subscription_id <> c.subscription_id",
    ):
        yield "charge", row[0], f"its invoice belongs to subscription {text_of(row[1])}"
    for row in ask(
        tx,
        "SELECT c.id FROM charge c JOIN source o ON o.id = c.source_id"
        " JOIN subscription s ON s.id = c.subscription_id WHERE o.customer_id <> s.customer_id",
    ):
        yield "charge", row[0], "it was charged to the agreement of another customer"
    for row in ask(
        tx, "SELECT s.id FROM subscription s JOIN source o ON o.id = s.source_id WHERE o.customer_id <> s.customer_id"
    ):
        yield "subscription", row[0], "it would be charged to the agreement of another customer"
    for row in ask(
        tx, "SELECT s.id FROM subscription s JOIN price p ON p.id = s.price_id WHERE p.plan_code <> s.plan_code"
    ):
        yield "subscription", row[0], "its price is one of another plan"


@invariant(19, "Nothing is charged after a subscription ended; what was on its way then is given back.")
def cancel_safety(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    # By the order of the audit trail: two processes whose clocks differ by a second are no breach.
    ended = (
        " JOIN subscription s ON s.id = e.subscription_id JOIN (SELECT subscription_id, MAX(id) AS id FROM event"
        " WHERE type = 'subscription.canceled' GROUP BY subscription_id) o ON o.subscription_id = s.id AND e.id > o.id"
    )
    for row in ask(
        tx,
        f"SELECT e.subject_id, s.canceled_at FROM event e{ended}"
        " WHERE s.state = 'canceled' AND e.type = 'charge.started'",
    ):
        yield "charge", row[0], f"it was made after the subscription ended on {row[1]}"
    for row in ask(
        tx,
        f"SELECT e.subject_id FROM event e{ended} LEFT JOIN refund r"
        f" ON {id_as_text(tx, 'r.charge_id')} = e.subject_id AND r.{COUNTED_REFUND}"
        " WHERE s.state = 'canceled' AND e.type = 'charge.captured' AND r.id IS NULL AND NOT EXISTS (SELECT 1 FROM"
        f" refund_obligation b WHERE {id_as_text(tx, 'b.charge_id')} = e.subject_id)",
    ):
        yield "charge", row[0], "it was captured after the subscription ended, and is not being given back"


@invariant(19, "What has ended is not parked: nobody has anything to decide about it.")
def ended_is_not_parked(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx,
        f"SELECT id, state FROM subscription WHERE parked_reason IS NOT NULL AND {state_in(ENDED_SUBSCRIPTIONS)}",
    ):
        yield "subscription", row[0], f"it is {row[1]}, and still parked"


@invariant(21, "Every subscription has a zone, in which its days begin.")
def zones(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(tx, "SELECT zone, COUNT(*), MIN(CAST(id AS VARCHAR(36))) FROM subscription GROUP BY zone"):
        if row[0] not in available_timezones():
            yield "subscription", row[2], f"{row[0]!r} is no time zone ({row[1]} subscriptions)"


@invariant(23, "Nobody is paid through a day that no captured payment covers.")
def entitlement(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx,
        "SELECT s.id, s.paid_through, MAX(i.period_end) FROM subscription s"
        " LEFT JOIN invoice i ON i.subscription_id = s.id AND i.state = 'paid'"
        " WHERE s.paid_through IS NOT NULL GROUP BY s.id, s.paid_through"
        " HAVING MAX(i.period_end) IS NULL OR s.paid_through > MAX(i.period_end)",
    ):
        until = f"the last paid period ends on {row[2]}" if row[2] else "nothing was ever paid"
        yield "subscription", row[0], f"it is paid through {row[1]}, but {until}"
