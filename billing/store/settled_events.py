"""How far the audit trail can be read without leaving an event out that is still being written."""

import threading
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select, text
from sqlmodel import col

from billing.store.tables import Event

_LOOKS: Final = 40
_SECONDS_BETWEEN: Final = 0.05
# Who writes an event holds this lock on the table from before its number is drawn until the transaction ends. (What a
# snapshot tells of running transactions is not enough: its xmax is one past the last that has ended, not that began.)
_WRITERS: Final = (
    "SELECT virtualtransaction FROM pg_locks WHERE relation = 'event'::regclass AND mode = 'RowExclusiveLock'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True, slots=True)
class Horizon:
    """The newest event at a moment, and the transactions that may still write an older one."""

    newest: int
    writers: frozenset[str] = frozenset()


def read_horizon(tx: Connection) -> Horizon:
    """Return how far the table of events reaches.

    On PostgreSQL a number is drawn before the row is committed, so an event may appear below the newest;
    SQLite's one writer cannot do that.
    """
    newest = select(func.coalesce(func.max(col(Event.id)), 0)).scalar_subquery()
    if tx.dialect.name != "postgresql":
        return Horizon(tx.execute(select(newest)).scalar_one())
    # The snapshot that the newest is read from is older than the look at the locks: who writes an older event either
    # holds one still, or has committed it by now.
    row = tx.execute(select(newest, text(f"ARRAY({_WRITERS})"))).one()
    return Horizon(row[0], frozenset(row[1]))


def settled_from(tx: Connection) -> int | None:
    """Return the newest event, once none can appear below it any more: where a new reader may begin.

    Transactions that are writing events now are waited for, 2 s at most. None: one of them is open still, and nobody
    can tell which numbers it has drawn.
    """
    newest = tx.execute(select(func.max(col(Event.id)))).scalar_one() or 0
    if tx.dialect.name != "postgresql":
        return newest
    # What begins to write from here on draws a greater number than the newest: only who writes already matters.
    writing = set(tx.execute(text(_WRITERS)).scalars())
    for _ in range(_LOOKS):
        if not writing:
            return newest
        tx.execute(select(func.pg_sleep(_SECONDS_BETWEEN)))
        writing &= set(tx.execute(text(_WRITERS)).scalars())
    return None if writing else newest


class SettledEvents:
    """Up to which event no older one can appear any more, so that a reader who goes on from there misses none.

    An event draws its number before its transaction commits. What is the newest at one moment is settled as soon
    as every transaction that was writing events at that moment has ended.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settled = 0
        self._waiting: Horizon | None = None

    def up_to(self, tx: Connection) -> int:
        """Look once more and return the newest settled event; read it in a statement that follows."""
        with self._lock:  # so that looks are noted in the order in which they were taken
            return self.note(read_horizon(tx))

    def note(self, seen: Horizon) -> int:
        """Take note of a moment, which is later than those before, and return the newest settled event."""
        if self._waiting is not None:
            left = self._waiting.writers & seen.writers
            if not left:
                self._settled = max(self._settled, self._waiting.newest)
            self._waiting = Horizon(self._waiting.newest, left) if left else None
        if not seen.writers:
            self._settled, self._waiting = max(self._settled, seen.newest), None
        elif self._waiting is None:
            self._waiting = seen
        return self._settled
