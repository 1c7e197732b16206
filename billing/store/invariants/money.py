"""Invariants about money: one attempt at a time, one capture for an invoice, the right amount, no refund too many."""
# ruff: noqa: S608 - what is put into the queries are constants of our own

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from billing.store.invariants.model import COUNTED_REFUND, Bounds, Found, ask, invariant, text_of
from billing.store.tables import LIVE_CHARGE

_REFUNDED = (
    "COALESCE((SELECT SUM(r.amount_minor) FROM refund r WHERE r.charge_id = c.id"
    f" AND r.gateway_payment_id = c.gateway_payment_id AND r.{COUNTED_REFUND}), 0)"
)
"""What was given back, or is being given back, of charge ``c``'s own payment."""
_CHARGED_BACK = (
    "COALESCE((SELECT SUM(d.amount_minor) FROM dispute d"
    " WHERE d.gateway_payment_id = c.gateway_payment_id AND d.state = 'lost'), 0)"
)
_GIVEN_BACK = f"{_REFUNDED} + {_CHARGED_BACK}"
"""What was given back, is being given back, or went back by chargeback, of charge ``c``'s own payment."""
_IS_OWED = "EXISTS (SELECT 1 FROM refund_obligation o WHERE o.gateway_payment_id = c.gateway_payment_id)"
"""Charge ``c``'s own payment must go back: until it did, or a person settled it, another invariant names it."""
_IS_KEPT = f"c.amount_minor > {_GIVEN_BACK} AND NOT {_IS_OWED}"
"""Nothing says that charge ``c``'s own payment goes back."""


@invariant(1, "A subscription, and so an invoice, has at most one charge under way.")
def live_attempt(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx, f"SELECT subscription_id, COUNT(*) FROM charge WHERE {LIVE_CHARGE} GROUP BY 1 HAVING COUNT(*) > 1"
    ):
        yield "subscription", row[0], f"{row[1]} charges are under way"


@invariant(2, "A period of a subscription has at most one invoice that is not void.")
def period_uniqueness(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx,
        "SELECT subscription_id, period_start, COUNT(*) FROM invoice"
        " WHERE state <> 'void' AND kind IN ('first', 'renewal') GROUP BY 1, 2 HAVING COUNT(*) > 1",
    ):
        yield "subscription", row[0], f"{row[2]} invoices for the period that begins on {row[1]}"


@invariant(3, "At most one charge of an invoice is captured and kept.")
def at_most_once(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx,
        "SELECT c.invoice_id, COUNT(*) FROM charge c"
        f" WHERE c.state = 'captured' AND {_IS_KEPT} GROUP BY 1 HAVING COUNT(*) > 1",
    ):
        yield "invoice", row[0], f"{row[1]} captured charges are kept: refund all but one"


@invariant(5, "An invoice is paid if, and only if, a charge of it is captured (or captured and given back).")
def paid_means_captured(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx,
        "SELECT i.id FROM invoice i WHERE i.state = 'paid' AND NOT EXISTS (SELECT 1 FROM charge c"
        " WHERE c.invoice_id = i.id AND c.state = 'captured' AND c.gateway_payment_id IS NOT NULL)",
    ):
        yield "invoice", row[0], "it is paid, but no charge of it is captured"
    for row in ask(
        tx,
        "SELECT c.id, i.state FROM charge c JOIN invoice i ON i.id = c.invoice_id"
        f" WHERE c.state = 'captured' AND i.state <> 'paid' AND {_IS_KEPT}",
    ):
        yield "charge", row[0], f"it is captured, its invoice is {row[1]}, and the money is not on its way back"


@invariant(7, "A charge asks for its invoice's amount, and an invoice for the price the subscription is pinned to.")
def amount_fidelity(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx,
        "SELECT c.id, c.amount_minor, c.currency, i.amount_minor, i.currency FROM charge c"
        " JOIN invoice i ON i.id = c.invoice_id WHERE c.amount_minor <> i.amount_minor OR c.currency <> i.currency",
    ):
        yield "charge", row[0], f"it asks for {row[1]} {row[2]}, its invoice for {row[3]} {row[4]}"
    for row in ask(
        tx,
        "SELECT i.id, i.amount_minor, i.currency, p.amount_minor, p.currency FROM invoice i"
        " JOIN subscription s ON s.id = i.subscription_id JOIN price p ON p.id = s.price_id"
        " WHERE i.kind IN ('first', 'renewal') AND i.state <> 'void'"
        " AND (i.amount_minor <> p.amount_minor OR i.currency <> p.currency)",
    ):
        yield "invoice", row[0], f"it asks for {row[1]} {row[2]}, the price is {row[3]} {row[4]}"


@invariant(20, "No more is given back than was captured, and only of captured charges.")
def refund_bound(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(tx, f"SELECT c.id, c.amount_minor, {_REFUNDED} FROM charge c WHERE {_REFUNDED} > c.amount_minor"):
        yield "charge", row[0], f"{row[2]} is being given back of {row[1]} captured"
    for row in ask(
        tx,
        "SELECT r.id, c.id, c.state FROM refund r JOIN charge c ON c.id = r.charge_id"
        " WHERE r.gateway_payment_id = c.gateway_payment_id AND c.state <> 'captured'",
    ):
        yield "refund", row[0], f"it gives back charge {text_of(row[1])}, which is {row[2]}"


@invariant(58, "No money went back twice, by a refund and by a chargeback.", may_be_settled=True)
def refunded_and_charged_back(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx,
        f"SELECT c.invoice_id, c.amount_minor, {_REFUNDED}, {_CHARGED_BACK} FROM charge c"
        f" WHERE {_CHARGED_BACK} > 0 AND {_GIVEN_BACK} > c.amount_minor AND {_REFUNDED} <= c.amount_minor",
    ):
        told = f"of {row[1]} captured {row[2]} was refunded and {row[3]} was charged back"
        yield "invoice", row[0], f"{told}: claim the difference, then settle the finding with what came of it"
