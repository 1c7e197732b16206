"""Invariants about the audit trail: every state is explained by it, and nothing in it was altered."""
# ruff: noqa: S608 - what is put into the queries are constants of our own

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, select
from sqlmodel import SQLModel, col

from billing.domain.identity import idempotency_key, reference_prefix
from billing.domain.states import (
    CHARGE_MOVES,
    INVOICE_MOVES,
    OBLIGATION_MOVES,
    REFUND_MOVES,
    SOURCE_MOVES,
    SUBSCRIPTION_MOVES,
)
from billing.store.installation import load_installation
from billing.store.invariants.model import Bounds, Found, ask, id_as_text, invariant
from billing.store.tables import Charge, Event, Invoice
from billing.store.writes import table_of

_MOVES: Final[Mapping[str, Mapping[Any, Mapping[Any, Any]]]] = {
    "subscription": SUBSCRIPTION_MOVES,
    "invoice": INVOICE_MOVES,
    "charge": CHARGE_MOVES,
    "refund": REFUND_MOVES,
    "refund_obligation": OBLIGATION_MOVES,
    "source": SOURCE_MOVES,
}
_BORN: Final = {
    ("subscription", "subscription.created", None, "incomplete"),
    ("invoice", "invoice.issued", None, "open"),
    ("charge", "charge.started", None, "sending"),
    ("source", "source.created", None, "pending"),
    ("refund", "refund.created", None, "requested"),
    # Made past us, at the gateway: done when it is first heard of.
    ("refund", "refund.created", None, "refunded"),
    ("refund_obligation", "refund_obligation.created", None, "owed"),
}
_LEGAL: Final = _BORN | {
    (subject, f"{subject}.{event.value}", state.value, reached.value)
    for subject, moves in _MOVES.items()
    for state, edges in moves.items()
    for event, reached in edges.items()
}
_PAGE: Final = 500
_MOVED: Final = "invoice.period_moved"
"""The period begins on the day of the capture: that of a first payment, or of a debt that buys a new one."""


@invariant(11, "Every state was reached by legal moves, each with its event.")
def legal_edges(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    yield from _illegal_events(tx)
    yield from _broken_chains(tx)
    for table in _MOVES:
        yield from _unexplained_states(tx, table)


def _illegal_events(tx: Connection) -> Iterator[Found]:
    for row in ask(
        tx,
        "SELECT subject_type, type, from_state, to_state, COUNT(*), MIN(id) FROM event"
        " WHERE to_state IS NOT NULL GROUP BY 1, 2, 3, 4",
    ):
        if (row[0], row[1], row[2], row[3]) not in _LEGAL:
            yield "event", row[5], f"{row[1]} is no move from {row[2]} to {row[3]} ({row[4]} events)"


def _broken_chains(tx: Connection) -> Iterator[Found]:
    for row in ask(
        tx,
        "SELECT id, subject_type, subject_id, type, from_state, before FROM ("
        " SELECT id, subject_type, subject_id, type, from_state,"
        " LAG(to_state) OVER (PARTITION BY subject_type, subject_id ORDER BY id) AS before"
        " FROM event WHERE to_state IS NOT NULL) chain"
        " WHERE (before IS NOT NULL AND (from_state IS NULL OR from_state <> before))"
        " OR (before IS NULL AND from_state IS NOT NULL)",
    ):
        was = row[5] or "nothing"
        yield "event", row[0], f"{row[3]} of {row[1]} {row[2]} leaves {row[4]}, but the event before left {was}"


def _unexplained_states(tx: Connection, table: str) -> Iterator[Found]:
    for row in ask(
        tx,
        f"SELECT t.id, t.state, e.to_state FROM {table} t LEFT JOIN ("
        f" SELECT subject_id, to_state FROM event WHERE id IN (SELECT MAX(id) FROM event"
        f" WHERE subject_type = '{table}' AND to_state IS NOT NULL GROUP BY subject_id)) e"
        f" ON e.subject_id = {id_as_text(tx, 't.id')}"
        " WHERE t.state <> COALESCE(e.to_state, '')",
    ):
        told = f"its last event says {row[2]}" if row[2] else "no event says so"
        yield table, row[0], f"it is {row[1]}, but {told}"


@invariant(9, "A charge's idempotency key is made from its reference, and its reference is this installation's.")
def key_discipline(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    prefix = reference_prefix(load_installation(tx).id)
    for row in tx.execute(select(col(Charge.id), col(Charge.reference), col(Charge.idempotency_key))):
        if row.idempotency_key != idempotency_key(row.reference):
            yield "charge", row.id, "its idempotency key is not the one of its reference"
        if not row.reference.startswith(prefix):
            yield "charge", row.id, f"its reference {row.reference} does not begin with {prefix}"


@invariant(29, "What an invoice or a charge asks for never changes after it was issued.")
def issued_is_final(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    invoice, period = ("amount_minor", "currency"), ("period_start", "period_end")
    charge = ("amount_minor", "currency", "attempt_no", "reference", "automatic")
    yield from _altered(tx, Invoice, "invoice.issued", (*invoice, *period), unless=(_MOVED, period))
    yield from _altered(tx, Invoice, _MOVED, period)
    yield from _altered(tx, Charge, "charge.started", charge)


def _altered(
    tx: Connection,
    model: type[SQLModel],
    kind: str,
    names: tuple[str, ...],
    *,
    unless: tuple[str, tuple[str, ...]] | None = None,
) -> Iterator[Found]:
    """Compare rows with what an event of theirs told. ``unless``: another event tells these columns later."""
    table = table_of(model)
    told_later: set[str] = set()
    if unless is not None:
        later = select(col(Event.subject_id)).where(col(Event.type) == unless[0])
        told_later = set(tx.execute(later).scalars())
    last = 0
    while True:
        query = select(col(Event.id), col(Event.subject_id), col(Event.data)).where(col(Event.type) == kind)
        events = tx.execute(query.where(col(Event.id) > last).order_by(col(Event.id)).limit(_PAGE)).all()
        if not events:
            return
        last = int(events[-1][0])
        told = {UUID(event.subject_id): event.data for event in events}
        for row in tx.execute(select(table.c.id, *(table.c[name] for name in names)).where(table.c.id.in_(told))):
            for name in names:
                if unless is not None and name in unless[1] and str(row.id) in told_later:
                    continue
                value = getattr(row, name)
                now_is = value.isoformat() if isinstance(value, date) else value
                was = told[row.id].get(name)
                if was is not None and was != now_is:
                    yield table.name, row.id, f"its {name} is {now_is}, but {was} when it was made"


@invariant(24, "Nothing happened later than now: time has not run backwards.")
def clock(tx: Connection, now: datetime, _bounds: Bounds) -> Iterator[Found]:
    late = now + timedelta(minutes=5)
    for row in ask(tx, "SELECT id, type, at FROM event WHERE at > :late ORDER BY id", late=late):
        yield "event", row[0], f"{row[1]} is dated {row[2]}, which is still to come"


@invariant(30, "Every event says who did it.")
def audit(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(tx, "SELECT id, type FROM event WHERE TRIM(actor) = ''"):
        yield "event", row[0], f"{row[1]} has no actor"


@invariant(31, "The events of a subject are numbered 1, 2, 3 …: none is missing.")
def numbering(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx,
        "SELECT subject_type, subject_id, COUNT(*), MAX(sequence) FROM event"
        " GROUP BY 1, 2 HAVING MAX(sequence) <> COUNT(*) ORDER BY 1, 2",
    ):
        yield row[0], row[1], f"it has {row[2]} events, but the last of them is number {row[3]}"
