"""Pages of rows, newest first: where one begins, and how far it reaches.

Rows of one instant, which the test clock makes many of, come in the order of their ids: always the same, so that no
page skips or repeats a row, but not that in which they were made. Decision 25 says what a number for it would cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Select
from sqlmodel import col

from billing.store.columns import AnyRow

MOST_ROWS: Final = 100


class Position(NamedTuple):
    """A row's place in its list."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Page:
    """``limit`` rows (at most :data:`MOST_ROWS`) behind a position; from the first one without it."""

    limit: int
    behind: Position | None = None


def newest_first(tx: Connection, query: Select[*tuple[Any, ...]], table: Any, page: Page) -> Sequence[AnyRow]:
    """Return a page of the rows of ``table`` that a query finds, and one row more if there are more."""
    created_at, row_id = col(table.created_at), col(table.id)
    found = query.order_by(created_at.desc(), row_id.desc()).limit(min(page.limit, MOST_ROWS) + 1)
    if page.behind is not None:
        # The first condition says nothing new, but an index can be entered by it.
        at = page.behind.created_at
        found = found.where(created_at <= at, (created_at < at) | (row_id < page.behind.id))
    return tx.execute(found).all()


Span = tuple[datetime | None, datetime | None]
"""From one instant on, and before another; None leaves an end open."""
ANY_TIME: Final[Span] = (None, None)


def within(query: Select[*tuple[Any, ...]], column: Any, span: Span) -> Select[*tuple[Any, ...]]:
    """Return a query for the rows whose instant lies in a span."""
    begin, end = span
    if begin is not None:
        query = query.where(column >= begin)
    return query if end is None else query.where(column < end)
