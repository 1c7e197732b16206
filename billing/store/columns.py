"""Column types that keep what SQLite and drivers would lose: zones, enums, ids."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Enum, Index, Integer, Row, TypeDecorator, text
from sqlalchemy.engine import Dialect
from sqlmodel import Field

from billing.domain.days.records import DayKind, DayRecord, UnbilledReason


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. Naive values are refused; SQLite keeps wall time only, so everything is UTC on the way in."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: instants are stored with a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        told: datetime = value
        return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)


def span_as_json(days: DayRecord) -> list[str]:
    """Return days without access as :class:`DaysWithoutAccess` keeps them."""
    return [days.start.isoformat(), days.end.isoformat(), days.reason.value]


class DaysWithoutAccess(TypeDecorator[tuple[DayRecord, ...]]):
    """Spans of days without access, oldest first, as JSON; null where there are none."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> Any | None:
        return [span_as_json(each) for each in value or ()] or None

    def process_result_value(self, value: Any | None, dialect: Dialect) -> tuple[DayRecord, ...]:
        return tuple(
            DayRecord(date.fromisoformat(start), date.fromisoformat(end), DayKind.NONE, UnbilledReason(reason))
            for start, end, reason in value or ()
        )


def as_instant(told: Any) -> datetime:
    """Return an instant of a query without types, which SQLite tells as text."""
    at = datetime.fromisoformat(told) if isinstance(told, str) else told
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def instant(*, nullable: bool = False) -> Any:
    """Return the field of a table that holds an instant, annotated as a ``datetime``."""
    return Field(default=None, sa_type=UtcDateTime, nullable=nullable)


def enum_of(states: type[StrEnum]) -> Enum:
    """Return a text column type that allows just these values, checked by the database."""
    return Enum(
        states,
        native_enum=False,
        create_constraint=True,
        length=32,
        name=f"is_a_{states.__name__.lower()}",
        values_callable=lambda members: [member.value for member in members],
    )


def state_in(states: Iterable[StrEnum], column: str = "state") -> str:
    """Return the literal condition that a column holds one of these values: ``state IN ('active', 'trialing')``.

    The order is kept: SQLite takes a partial index only for the very condition that it was made with.
    """
    return f"{column} IN ({', '.join(repr(each.value) for each in states)})"


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index of the rows for which ``where`` holds, on either database."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


MinorUnits = BigInteger().with_variant(Integer(), "sqlite")
"""An amount in minor units of its row's currency; KRW has none, so won."""

Sequence = BigInteger().with_variant(Integer(), "sqlite")
"""A growing number; SQLite auto-increments only INTEGER primary keys."""

AnyRow = Row[*tuple[Any, ...]]
"""A row of a select whose columns are read by name."""
