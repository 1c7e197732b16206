"""Inserts and guarded moves: the only place where a state column changes.

A move names the state it expects; the row is written only if it is still in it,
and the event row goes into the same transaction.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Table, Update, bindparam, insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel

from billing.domain.cases import Note
from billing.domain.event_types import EventType
from billing.domain.states import (
    CHARGE_MOVES,
    ENDED_SUBSCRIPTIONS,
    INVOICE_MOVES,
    OBLIGATION_MOVES,
    REFUND_MOVES,
    SOURCE_MOVES,
    SUBSCRIPTION_MOVES,
    next_state,
)
from billing.store.audit import enter_events
from billing.store.event_rows import append_events, hold_subject
from billing.store.obligation_tables import RefundObligation
from billing.store.recordsets import insert_of, recordset, update_of
from billing.store.tables import Charge, Event, Invoice, Refund, Source, Subscription

MOST_ROWS_IN_A_STATEMENT: Final = 500
_UNPARKED: Final = {"parked_reason": None}
"""Of a subscription that has ended a person has nothing to decide any more."""


class StaleRow(RuntimeError):
    """A row was not in the state that the move expected, so nothing of the act was written."""


def is_lost_race(error: Exception) -> bool:
    """Say whether another process was quicker: it wrote the same row, or moved it on."""
    return isinstance(error, IntegrityError | StaleRow)


@dataclass(frozen=True, slots=True)
class Move:
    """``event`` on the row ``id``, which must still be in ``state``; ``changes`` are written with it."""

    id: UUID
    state: StrEnum
    event: StrEnum
    changes: Mapping[str, object] = field(default_factory=dict)
    subscription_id: UUID | None = None
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """Columns to write on the row ``id``, which must still be in ``state`` and stays in it."""

    id: UUID | int
    state: StrEnum | str
    changes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Author:
    """Who does it and when (UTC); written with every event."""

    actor: str
    now: datetime


_MOVES: Final[Mapping[type[SQLModel], Mapping[Any, Mapping[Any, Any]]]] = {
    Subscription: SUBSCRIPTION_MOVES,
    Invoice: INVOICE_MOVES,
    Charge: CHARGE_MOVES,
    Refund: REFUND_MOVES,
    RefundObligation: OBLIGATION_MOVES,
    Source: SOURCE_MOVES,
}


def table_of(model: type[SQLModel]) -> Table:
    """Return the Core table of a SQLModel class."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


def _takes_recordsets(tx: Connection) -> bool:
    # SQLite has no round trips that many statements would cost.
    return tx.dialect.name == "postgresql"


def insert_rows(tx: Connection, model: type[SQLModel], rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows of the same columns, at most :data:`MOST_ROWS_IN_A_STATEMENT` a statement.

    An event gets the next number of its subject.
    """
    for start in range(0, len(rows), MOST_ROWS_IN_A_STATEMENT):
        some = rows[start : start + MOST_ROWS_IN_A_STATEMENT]
        if model is Event:
            append_events(tx, table_of(model), some)
            enter_events(tx, some)
        elif _takes_recordsets(tx):
            tx.execute(insert_of(table_of(model), tuple(some[0])), recordset(some))
        else:
            tx.execute(insert(model), [dict(row) for row in some])


def move(tx: Connection, model: type[SQLModel], moves: Sequence[Move], author: Author) -> None:
    """Move rows along the table of states and record an event for each.

    :raises IllegalMove: the table of states has no such move.
    :raises StaleRow: a row is no longer in the expected state.
    """
    if not moves:
        return
    subject = table_of(model).name
    changes, events = [], []
    for each in moves:
        reached = next_state(_MOVES[model], each.state, each.event)
        ended = _UNPARKED if reached in ENDED_SUBSCRIPTIONS and model is Subscription else {}
        changes.append(Change(each.id, each.state, {**each.changes, **ended, "state": reached}))
        events.append(
            {
                "subject_type": subject,
                "subject_id": str(each.id),
                "subscription_id": each.id if model is Subscription else each.subscription_id,
                "type": EventType(f"{subject}.{each.event.value}"),
                "from_state": each.state.value,
                "to_state": reached.value,
                "data": dict(each.data),
                "at": author.now,
                "actor": author.actor,
            }
        )
    change(tx, model, changes)
    insert_rows(tx, Event, events)


def change(tx: Connection, model: type[SQLModel], changes: Sequence[Change]) -> None:
    """Write columns of rows that stay in (or, by :func:`move`, leave) an expected state.

    :raises StaleRow: a row is no longer in the expected state.
    """
    asked = sum(bool(each.changes) for each in changes)
    written = change_those_left(tx, model, changes)
    if written != asked:
        raise StaleRow(f"{asked - written} of {asked} {table_of(model).name} rows had changed state")


def change_those_left(tx: Connection, model: type[SQLModel], changes: Sequence[Change]) -> int:
    """Write columns of those rows that are still in the expected state, and return how many they were."""
    written = 0
    alike: dict[tuple[str, ...], list[Change]] = defaultdict(list)
    for each in changes:
        if each.changes:
            alike[tuple(sorted(each.changes))].append(each)
    for columns, rows in alike.items():
        for start in range(0, len(rows), MOST_ROWS_IN_A_STATEMENT):
            written += _update(tx, table_of(model), columns, rows[start : start + MOST_ROWS_IN_A_STATEMENT])
    return written


def note(
    tx: Connection, subscription_id: UUID | None, note_: Note, author: Author, *, subject: tuple[str, str]
) -> None:
    """Record an event that is no change of state. What belongs to no subscription is locked by its name."""
    if subscription_id is None:
        hold_subject(tx, subject)
    insert_rows(
        tx,
        Event,
        [
            {
                "subject_type": subject[0],
                "subject_id": subject[1],
                "subscription_id": subscription_id,
                "type": note_.type,
                "from_state": None,
                "to_state": None,
                "data": dict(note_.data),
                "at": author.now,
                "actor": author.actor,
            }
        ],
    )


def _update(tx: Connection, table: Table, columns: tuple[str, ...], rows: list[Change]) -> int:
    return (_update_at_once if _takes_recordsets(tx) else _update_each)(tx, table, columns, rows)


def _update_each(tx: Connection, table: Table, columns: tuple[str, ...], rows: list[Change]) -> int:
    written = [
        {"id_is": row.id, "state_is": row.state, **{f"new_{name}": row.changes[name] for name in columns}}
        for row in rows
    ]
    return tx.execute(_update_of(table, columns), written).rowcount


@cache
def _update_of(table: Table, columns: tuple[str, ...]) -> Update:
    return (
        update(table)
        .where(table.c.id == bindparam("id_is"), table.c.state == bindparam("state_is"))
        .values({name: bindparam(f"new_{name}", type_=table.c[name].type) for name in columns})
    )


def _update_at_once(tx: Connection, table: Table, columns: tuple[str, ...], rows: list[Change]) -> int:
    new = [{**row.changes, "id_is": row.id, "state_is": row.state} for row in rows]
    return len(tx.execute(update_of(table, columns), recordset(new)).all())
