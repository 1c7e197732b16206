"""What an invariant is, and the few words its queries are written in."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, select, text
from sqlmodel import col

from billing.domain.event_types import EventType
from billing.domain.states import COUNTED_REFUND_STATES
from billing.store.columns import AnyRow, UtcDateTime, state_in
from billing.store.tables import Event

MOST_BREACHES: Final = 1000
"""No more rows than this are reported of one invariant."""
SETTLED: Final = EventType.INVOICE_FINDING_SETTLED
"""The event that says that a person settled what an invariant found about an invoice."""
COUNTED_REFUND: Final = state_in(COUNTED_REFUND_STATES)
"""States in which a refund uses up what can be refunded, as a SQL list."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long things may take before they are a breach, and how often an invoice may be tried."""

    overdue: timedelta = timedelta(hours=2)
    sending: timedelta = timedelta(hours=2)
    unknown: timedelta = timedelta(hours=25)
    pending: timedelta = timedelta(days=7)
    refunding: timedelta = timedelta(days=7)
    webhook: timedelta = timedelta(hours=12)
    stray: timedelta = timedelta(hours=1)
    ladder_steps: int = 5
    set_up_tries: int = 3


@dataclass(frozen=True, slots=True)
class Breach:
    """A row that breaks an invariant. ``id`` is the row's own, as text."""

    number: int
    name: str
    sentence: str
    subject: str
    id: str
    detail: str


Found = tuple[str, object, str]
"""The kind of row, its id, and what is wrong with it."""
Finder = Callable[[Connection, datetime, Bounds], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class Invariant:
    """A sentence that is true of every row, with the query for rows of which it is not."""

    number: int
    name: str
    sentence: str
    find: Finder
    may_be_settled: bool = False
    """Whether a person may settle what is found with a reason: it lies in the past, and cannot be undone by a row."""

    def check(self, tx: Connection, now: datetime, bounds: Bounds) -> list[Breach]:
        """Return the rows in breach at ``now`` (UTC), at most :data:`MOST_BREACHES`."""
        settled = settled_rows(tx, self.number) if self.may_be_settled else frozenset()
        unsettled = (each for each in self.find(tx, now, bounds) if text_of(each[1]) not in settled)
        found = islice(unsettled, MOST_BREACHES)
        return [
            Breach(self.number, self.name, self.sentence, kind, text_of(ident), detail) for kind, ident, detail in found
        ]


def invariant(number: int, sentence: str, *, may_be_settled: bool = False) -> Callable[[Finder], Invariant]:
    """Make an invariant of a function that yields the rows in breach."""

    def make(find: Finder) -> Invariant:
        return Invariant(number, str(getattr(find, "__name__", "")), sentence, find, may_be_settled)

    return make


def settled_rows(tx: Connection, number: int) -> frozenset[str]:
    """Return the ids of the rows whose breach of an invariant a person has settled with a reason."""
    rows = tx.execute(select(col(Event.subject_id), col(Event.data)).where(col(Event.type) == SETTLED))
    return frozenset(row.subject_id for row in rows if row.data.get("rule") == number)


def ask(tx: Connection, query: str, **values: object) -> Iterator[AnyRow]:
    """Run a query that both databases understand; instants are bound as the tables store them."""
    statement = text(query)
    instants = [bindparam(name, type_=UtcDateTime()) for name, value in values.items() if isinstance(value, datetime)]
    return iter(tx.execute(statement.bindparams(*instants) if instants else statement, values))


def id_as_text(tx: Connection, column: str) -> str:
    """Return SQL for a uuid column as the event table writes it, with dashes."""
    if tx.dialect.name != "sqlite":
        return f"CAST({column} AS TEXT)"
    parts = [f"substr({column}, {start}, {length})" for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))]
    return "(" + " || '-' || ".join(parts) + ")"


def instant_of(value: datetime | str) -> datetime:
    """Return an instant as a raw query gives it: text on SQLite, a datetime on PostgreSQL."""
    told = datetime.fromisoformat(value) if isinstance(value, str) else value
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told


def text_of(ident: object) -> str:
    """Return an id with dashes, whatever the database gave."""
    if isinstance(ident, str) and len(ident) == 32:
        try:
            return str(UUID(ident))
        except ValueError:
            return ident
    return str(ident)
