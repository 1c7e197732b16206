"""Invariants about refunds that are owed: each is written down, and named until the money went back."""
# ruff: noqa: S608 - what is put into the queries are constants of our own

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from billing.domain.states import ObligationState
from billing.store.columns import AnyRow, as_instant
from billing.store.invariants.model import Bounds, Found, ask, invariant, text_of
from billing.store.obligation_tables import OPEN_OBLIGATION
from billing.store.tables import UNSETTLED_REFUND
from plans.money import Money

_DONE = (
    "COALESCE((SELECT SUM(r.amount_minor) FROM refund r"
    " WHERE r.gateway_payment_id = o.gateway_payment_id AND r.state = 'refunded'), 0)"
    " + COALESCE((SELECT SUM(d.amount_minor) FROM dispute d"
    " WHERE d.gateway_payment_id = o.gateway_payment_id AND d.state = 'lost'), 0)"
)
"""What went back of the payment of obligation ``o``: by refunds, and by chargeback."""
_UNDER_WAY = (
    f"EXISTS (SELECT 1 FROM refund r WHERE r.gateway_payment_id = o.gateway_payment_id AND r.{UNSETTLED_REFUND})"
)


@invariant(40, "What is owed to a subscriber has gone back, by a refund or, as a person said, by other means.")
def owed_went_back(tx: Connection, now: datetime, bounds: Bounds) -> Iterator[Found]:
    # A first refund under way is no breach; a failed one is, until the money went back.
    for row in ask(
        tx,
        "SELECT o.id, o.state, o.amount_minor, o.currency, o.created_at, o.reason, o.parked_reason, o.failures,"
        f" o.shortages, {_DONE} FROM refund_obligation o WHERE o.ended_at IS NULL AND (o.state = 'parked'"
        " OR o.failures > 0 OR o.shortages > 0 OR o.created_at < :since)",
        since=now - bounds.refunding,
    ):
        yield "refund_obligation", row[0], _owed(row, now)


def _owed(row: AnyRow, now: datetime) -> str:
    days = (now - as_instant(row[4])).days
    since = f"for {days} day{'s' if days != 1 else ''}"
    left = Money(int(row[2] - row[9]), row[3])
    if row[1] == ObligationState.PARKED:
        return f"{left} is owed {since} ({row[5]}), and parked: {row[6]}"
    failed = row[7] + row[8]
    tried = "no refund of it has ended"
    if failed:
        tried = "a refund of it failed" if failed == 1 else f"{failed} refunds of it failed"
    return f"{left} is owed {since} ({row[5]}): {tried}"


@invariant(41, "What was captured and is not rightly kept is owed, or has gone back.")
def captured_is_kept_rightly(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    # Two captures of one invoice, and a capture of one that is not paid, have invariants of their own.
    no_obligation = "NOT EXISTS (SELECT 1 FROM refund_obligation o WHERE o.gateway_payment_id = {})"
    for row in ask(
        tx,
        "SELECT c.id FROM charge c JOIN invoice i ON i.id = c.invoice_id WHERE c.state = 'captured'"
        f" AND i.kind = 'agreement' AND {no_obligation.format('c.gateway_payment_id')} AND c.amount_minor >"
        " COALESCE((SELECT SUM(r.amount_minor) FROM refund r WHERE r.gateway_payment_id = c.gateway_payment_id"
        " AND r.state = 'refunded'), 0)",
    ):
        yield "charge", row[0], "it only made an agreement, and nothing says that the amount goes back"
    for row in ask(
        tx,
        "SELECT s.gateway_payment_id, s.charge_id FROM stray_payment s WHERE s.resolution = 'refunded' AND"
        f" {no_obligation.format('s.gateway_payment_id')} AND NOT EXISTS (SELECT 1 FROM refund r"
        " WHERE r.gateway_payment_id = s.gateway_payment_id AND r.state = 'refunded')",
    ):
        yield "payment", row[0], f"it was captured beside charge {text_of(row[1])}, and nothing says that it goes back"


@invariant(42, "An obligation is in the state that its refunds, or a person's words, put it in.")
def obligations_add_up(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx,
        f"SELECT o.id, o.state, o.amount_minor, {_DONE}, o.settled_minor FROM refund_obligation o"
        f" WHERE (o.state = 'refunded' AND {_DONE} < o.amount_minor)"
        f" OR (o.{OPEN_OBLIGATION} AND {_DONE} >= o.amount_minor)",
    ):
        yield "refund_obligation", row[0], f"it is {row[1]}, and {row[3]} of {row[2]} went back (minor units)"
    for row in ask(
        tx,
        "SELECT o.id, o.state FROM refund_obligation o WHERE (o.state = 'owed' AND o.check_at IS NULL)"
        f" OR (o.state = 'refunding' AND NOT {_UNDER_WAY})",
    ):
        yield "refund_obligation", row[0], f"it is {row[1]}, and nothing is done about it"
    for row in ask(
        tx,
        "SELECT o.id FROM refund_obligation o WHERE o.state = 'settled' AND (o.settled_minor IS NULL"
        " OR o.settled_how IS NULL OR o.settled_reason IS NULL OR o.settled_by IS NULL)",
    ):
        yield "refund_obligation", row[0], "it is settled, and nobody says how and why"


@invariant(43, "A charge that was set aside with a payment at the gateway is looked at within a week.")
def set_aside_with_money(tx: Connection, now: datetime, bounds: Bounds) -> Iterator[Found]:
    # What hangs is asked about without end, and may be settled by hand; this waits for a person and nothing else.
    for row in ask(
        tx,
        "SELECT id, gateway_payment_id, error FROM charge WHERE state = 'parked' AND check_at IS NULL"
        " AND gateway_payment_id IS NOT NULL AND sent_at < :since",
        since=now - bounds.refunding,
    ):
        yield "charge", row[0], f"payment {row[1]} was set aside, and nobody has settled it: {row[2]}"
