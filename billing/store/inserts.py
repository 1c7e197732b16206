"""Inserts that leave a row alone that is already there."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from billing.store.writes import table_of


def insert_if_absent(tx: Connection, model: type[SQLModel], rows: Sequence[Mapping[str, object]]) -> int:
    """Insert rows that violate no unique rule, leave out the others, and return how many were inserted."""
    if not rows:
        return 0
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table_of(model)).values([dict(row) for row in rows]).on_conflict_do_nothing()
    # Without the option psycopg reports -1.
    return tx.execute(statement, execution_options={"preserve_rowcount": True}).rowcount
