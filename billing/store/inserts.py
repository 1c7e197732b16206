"""Inserts that leave a row alone that is already there."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from billing.store.recordsets import recordset, selection_of
from billing.store.writes import table_of


def insert_if_absent(tx: Connection, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows that violate no unique rule, leave out the others, and return how many were inserted.

    The rows have the same columns.
    """
    if not rows:
        return 0
    table, columns = table_of(model), tuple(rows[0])
    # Without the option psycopg reports -1.
    options = {"preserve_rowcount": True}
    if tx.dialect.name == "postgresql":
        return tx.execute(_insert_or_leave_all(table, columns), recordset(rows), execution_options=options).rowcount
    return tx.execute(_insert_or_leave_each(table, columns), [dict(row) for row in rows]).rowcount


@cache
def _insert_or_leave_all(table: Table, columns: tuple[str, ...]) -> Insert:
    return postgresql.insert(table).from_select(columns, selection_of(table, columns)).on_conflict_do_nothing()


@cache
def _insert_or_leave_each(table: Table, columns: tuple[str, ...]) -> Insert:
    # `inline` because nothing is read back: many rows go out as one executemany.
    values = {name: bindparam(name, type_=table.c[name].type) for name in columns}
    return sqlite.insert(table).values(values).on_conflict_do_nothing().inline()
