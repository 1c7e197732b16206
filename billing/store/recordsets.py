"""Statements that write any number of rows at once, for PostgreSQL: one text for them, one value for all rows."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (  # fmt: skip
    JSON,
    Insert,
    Select,
    Table,
    TableValuedAlias,
    Text,
    Update,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.types import TypeEngine

from billing.domain.days.records import DayRecord
from billing.store.columns import span_as_json


def recordset(rows: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """Return the parameter of such a statement.

    One text for all rows, because a driver that is written in Python takes longer over each value than over it.

    :raises ValueError: an instant has no zone.
    """
    return {"rows": json.dumps(rows, default=_as_json, separators=(",", ":"))}


@cache
def insert_of(table: Table, columns: tuple[str, ...]) -> Insert:
    """Return the statement that inserts rows of these columns, with the table's own defaults for the others."""
    return insert(table).from_select(columns, selection_of(table, columns))


def selection_of(table: Table, columns: tuple[str, ...]) -> Select[Any]:
    """Return what selects these columns, of the table's types, from the rows in the parameter."""
    new = unpacked({name: table.c[name].type for name in columns})
    return select(*(new.c[name] for name in columns))


@cache
def update_of(table: Table, columns: tuple[str, ...]) -> Update:
    """Return the statement that writes these columns of rows named by ``id_is`` that are still in ``state_is``.

    It returns the ids of the rows that were written.
    """
    types = {"id_is": table.c.id.type, "state_is": table.c.state.type}
    new = unpacked(types | {name: table.c[name].type for name in columns})
    return (
        update(table)
        .where(table.c.id == new.c.id_is, table.c.state == new.c.state_is)
        .values({name: new.c[name] for name in columns})
        .returning(table.c.id)
    )


def unpacked(types: Mapping[str, TypeEngine[Any]]) -> TableValuedAlias:
    """Return the rows in the parameter as a table of these columns."""
    rows = cast(bindparam("rows", type_=Text), JSON)
    columns = (column(name, type_) for name, type_ in types.items())
    return func.json_to_recordset(rows).table_valued(*columns, name="new_rows").render_derived(with_types=True)


def _as_json(value: object) -> str | list[str]:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: instants are stored with a zone")
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        return rf"\x{value.hex()}"  # PostgreSQL's own notation
    if isinstance(value, DayRecord):
        return span_as_json(value)
    raise TypeError(f"{type(value).__name__} cannot be written to a row")
