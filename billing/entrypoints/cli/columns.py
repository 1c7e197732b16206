"""The columns of lists, by the kind of what stands in them; and lists, which are cut and told as JSON in one way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from billing.domain.public_ids import Kind, brief_id
from billing.entrypoints.cli.output import moments, money, print_json, print_table, say

Row = TypeVar("Row")


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A name as :func:`print_table` takes it, and how it and its cells are written for all rows at once."""

    name: str
    write: Callable[[str, Sequence[Row]], tuple[str, list[str]]]


class Amounts(Protocol):
    """A row of an amount in minor units."""

    @property
    def amount_minor(self) -> int: ...
    @property
    def currency(self) -> str: ...


def words(name: str, read: Callable[[Row], str]) -> Column[Row]:
    """Make a column of text."""
    return Column(name, lambda name, rows: (name, [read(row) for row in rows]))


def ids(name: str, kind: Kind, read: Callable[[Row], UUID]) -> Column[Row]:
    """Make a column of ids, of each its beginning, which commands take for the whole."""
    return words(name, lambda row: brief_id(kind, read(row)))


def instants(name: str, read: Callable[[Row], tuple[datetime | None, str]]) -> Column[Row]:
    """Make a column of instants, each with its zone; one that all share stands in the name."""
    return Column(name, lambda name, rows: moments(name, [read(row) for row in rows]))


def amounts(name: str) -> Column[Any]:
    """Make a column of the rows' amounts."""

    def read(row: Amounts) -> str:
        return money(row.amount_minor, row.currency)

    return words(f">{name}", read)


def print_list(rows: Sequence[Row], limit: int, columns: Sequence[Column[Row]], *, as_json: bool, empty: str) -> None:
    """Print the first ``limit`` rows, as JSON if asked so, and say when there are more: one was read to know."""
    shown = rows[:limit]
    if as_json:
        print_json(shown)
        return
    written = [column.write(column.name, shown) for column in columns]
    print_table([name for name, _ in written], list(zip(*(cells for _, cells in written), strict=True)), empty=empty)
    if len(rows) > limit:
        say(f"These are the newest {limit}; --limit shows more.", "dim")
