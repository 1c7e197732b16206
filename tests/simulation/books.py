"""What our database says, read by a connection of its own that sees only what is committed."""

import sqlite3
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from billing.store.due import Kind, due_by
from tests.simulation.clock import START

_DUE = {
    kind: f"SELECT min({due.column}) FROM {due.model.__tablename__} WHERE {due.where}"
    for kind in Kind
    for due in [due_by(kind)]
}


class Books:
    """Cheap reads for the course of a world and for its invariants."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.deaf_to: frozenset[Kind] = frozenset()
        self.open()

    def open(self) -> None:
        self._connection = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self.last_event = 0

    def close(self) -> None:
        self._connection.close()

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        return self._connection.execute(query, values).fetchall()

    def by(self, column: str, query: str, *values: Any) -> dict[Any, list[sqlite3.Row]]:
        """Return the rows of a query, grouped by a column."""
        grouped: dict[Any, list[sqlite3.Row]] = defaultdict(list)
        for row in self.rows(query, *values):
            grouped[row[column]].append(row)
        return grouped

    def next_due(self) -> datetime | None:
        """Return when the engine has something to do next, by its own clock."""
        query = " UNION ALL ".join(each for kind, each in _DUE.items() if kind not in self.deaf_to)
        instants = [row[0] for row in self.rows(query) if row[0] is not None]
        return instant(min(instants)) if instants else None

    def next_page_at(self, since: datetime) -> datetime | None:
        """Return when a page is due, by the engine's clock, of a round that is under way or has not begun ``since``."""
        [(turn, due, known)] = self.rows(
            "SELECT (SELECT next_page_at FROM reconciliation_turn), min(due_at) FILTER (WHERE began_at IS NULL"
            " OR began_at < ? OR coalesce(place, 'null') <> 'null'), count(*) FROM reconciliation_round",
            since.strftime("%Y-%m-%d %H:%M:%S.%f"),
        )
        if not known:
            return START
        return instant(max(turn or due, due)) if due is not None else None

    def alive_at(self) -> datetime | None:
        """Return when a daemon last gave a sign of life."""
        at = self.rows("SELECT alive_at FROM installation")[0][0]
        return instant(at) if at is not None else None

    def new_events(self) -> list[sqlite3.Row]:
        """Return the events that were committed since this was last asked."""
        found = self.rows("SELECT * FROM event WHERE id > ? ORDER BY id", self.last_event)
        if found:
            self.last_event = found[-1]["id"]
        return found


def instant(text: str) -> datetime:
    """Read an instant as SQLite keeps it."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
