"""Appends events. Each gets the next number of its subject, in the statement that writes it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Insert, Table, Text, bindparam, cast, func, insert, select

from billing.domain.event_types import EventType
from billing.store.recordsets import recordset, unpacked

SEQUENCE: Final = "sequence"


def append_events(tx: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Append events of the same columns to the table of events, in one statement.

    Whoever writes about a subject holds its row, or the lock of :func:`hold_subject`: two numbers cannot be the same.

    :raises ValueError: a type is none of :class:`EventType`.
    """
    rows = [{**row, "type": EventType(str(row["type"])).value} for row in rows]
    columns = tuple(rows[0])
    if tx.dialect.name == "postgresql":
        tx.execute(_insert_all(table, columns), recordset(_counted(rows)))
    else:
        tx.execute(_insert_each(table, columns), [dict(row) for row in rows])


def hold_subject(tx: Connection, subject: tuple[str, str]) -> None:
    """Let nobody else write about a subject that has no row to lock, until the transaction ends."""
    if tx.dialect.name == "postgresql":  # SQLite has one writer
        tx.execute(_LOCK, {"subject": "/".join(subject)})


_LOCK: Final = select(func.pg_advisory_xact_lock(func.hashtextextended(cast(bindparam("subject"), Text), 0)))


def _counted(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return the rows, each with its place among those of its subject: the statement adds the newest number to it."""
    seen: Counter[tuple[object, object]] = Counter()
    counted = []
    for row in rows:
        subject = (row["subject_type"], row["subject_id"])
        seen[subject] += 1
        counted.append({**row, SEQUENCE: seen[subject]})
    return counted


@cache
def _insert_all(table: Table, columns: tuple[str, ...]) -> Insert:
    new = unpacked({name: table.c[name].type for name in (*columns, SEQUENCE)})
    number = _newest(table, new.c.subject_type, new.c.subject_id) + new.c[SEQUENCE]
    written = select(*(new.c[name] for name in columns), number.label(SEQUENCE))
    return insert(table).from_select((*columns, SEQUENCE), written)


@cache
def _insert_each(table: Table, columns: tuple[str, ...]) -> Insert:
    values: dict[str, Any] = {name: bindparam(name, type_=table.c[name].type) for name in columns}
    number = _newest(table, values["subject_type"], values["subject_id"]) + 1
    return insert(table).values(values | {SEQUENCE: number}).inline()


def _newest(table: Table, subject_type: Any, subject_id: Any) -> Any:
    old = table.alias("old")
    newest = select(func.max(old.c[SEQUENCE])).where(old.c.subject_type == subject_type, old.c.subject_id == subject_id)
    return func.coalesce(newest.scalar_subquery(), 0)
