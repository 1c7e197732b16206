"""Writes what days were that no invoice explains, each with its event."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection

from billing.domain.cases import Note
from billing.domain.days import records
from billing.domain.days.records import DayKind
from billing.domain.event_types import EventType
from billing.domain.identity import row_id
from billing.store.tables import DayRecord
from billing.store.writes import Author, insert_rows, note


def write_day_records(tx: Connection, days: Sequence[tuple[UUID, records.DayRecord]], author: Author) -> None:
    """Write what days of these subscriptions were. Days that nobody is billed for have a public event."""
    insert_rows(tx, DayRecord, [_row(owner, each, author) for owner, each in days])
    for owner, each in days:
        if each.kind is not DayKind.OWED:
            told = Note(EventType.SUBSCRIPTION_NOT_BILLED, _told(each))
            note(tx, owner, told, author, subject=("subscription", str(owner)))


def _row(owner: UUID, days: records.DayRecord, author: Author) -> dict[str, object]:
    return {
        "id": row_id(owner, "days", days.start.isoformat(), days.kind.value),
        "subscription_id": owner,
        "starts_on": days.start,
        "ends_on": days.end,
        "kind": days.kind,
        "reason": days.reason,
        "written_at": author.now,
    }


def _told(days: records.DayRecord) -> dict[str, object]:
    return {
        "from": days.start.isoformat(),
        "to": days.end.isoformat(),
        "kind": days.kind.value,
        "reason": days.reason.value,
    }
