"""How far the audit trail can be read without leaving an event out that is still being written."""

import threading
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select, text
from sqlmodel import col

from billing.store.tables import Event

_LOOKS: Final = 40
_SECONDS_BETWEEN: Final = 0.05
_MARGIN: Final = 1000
# Who writes an event holds this lock on the table from before its number is drawn until the transaction ends.
_WRITERS: Final = text(
    "SELECT virtualtransaction FROM pg_locks WHERE relation = 'event'::regclass AND mode = 'RowExclusiveLock'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True, slots=True)
class Horizon:
    """The newest event, and the transactions that may still write an older one: ``oldest`` ≤ running < ``next``."""

    newest: int
    oldest: int
    next: int


def read_horizon(tx: Connection) -> Horizon:
    """Return how far the table of events reaches.

    On PostgreSQL a number is drawn before the row is committed, so an event may appear below the newest;
    SQLite's one writer cannot do that.
    """
    newest = select(func.coalesce(func.max(col(Event.id)), 0)).scalar_subquery()
    if tx.dialect.name != "postgresql":
        return Horizon(tx.execute(select(newest)).scalar_one(), 0, 0)
    # One statement, so that all three are of one moment.
    row = tx.execute(
        select(
            newest,
            text("pg_snapshot_xmin(pg_current_snapshot())::text::bigint"),
            text("pg_snapshot_xmax(pg_current_snapshot())::text::bigint"),
        )
    ).one()
    return Horizon(*row)


def settled_from(tx: Connection) -> int:
    """Return an event below which none can appear any more, near the newest: where a new reader may begin.

    Transactions that are writing events now are waited for, 2 s at most. If one is open still, the answer lies 1000
    events before the newest: more than it will have been overtaken by, and the reader is told those once more.
    """
    newest = tx.execute(select(func.max(col(Event.id)))).scalar_one() or 0
    if tx.dialect.name != "postgresql":
        return newest
    # What begins to write from here on draws a greater number than the newest: only who writes already matters.
    writing = set(tx.execute(_WRITERS).scalars())
    for _ in range(_LOOKS):
        if not writing:
            return newest
        tx.execute(select(func.pg_sleep(_SECONDS_BETWEEN)))
        writing &= set(tx.execute(_WRITERS).scalars())
    return max(0, newest - _MARGIN) if writing else newest


class SettledEvents:
    """Up to which event no older one can appear any more, so that a reader who goes on from there misses none.

    An event draws its number before its transaction commits. What is the newest at one moment is settled as soon
    as every transaction that ran at that moment has ended.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settled = 0
        self._waiting: Horizon | None = None

    def up_to(self, seen: Horizon) -> int:
        """Take note of a moment and return the newest settled event."""
        with self._lock:
            if seen.oldest == seen.next:
                self._settled, self._waiting = max(self._settled, seen.newest), None
            elif self._waiting is None:
                self._waiting = seen
            elif seen.oldest >= self._waiting.next:
                self._settled, self._waiting = max(self._settled, self._waiting.newest), seen
            return self._settled
