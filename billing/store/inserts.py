"""Inserts that leave a row alone that is already there."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from billing.store.writes import table_of


def insert_if_absent(tx: Connection, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows that violate no unique rule, leave out the others, and return how many were inserted.

    The rows have the same columns.
    """
    if not rows:
        return 0
    statement = _insert_or_leave(model, tuple(rows[0]), tx.dialect.name)
    # Without the option psycopg reports -1.
    options = {"preserve_rowcount": True}
    return tx.execute(statement, [dict(row) for row in rows], execution_options=options).rowcount


@cache
def _insert_or_leave(model: type[SQLModel], columns: tuple[str, ...], dialect: str) -> Insert:
    table = table_of(model)
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    # `inline` because nothing is read back: many rows go out as one executemany.
    values = {name: bindparam(name, type_=table.c[name].type) for name in columns}
    return insert(table).values(values).on_conflict_do_nothing().inline()
