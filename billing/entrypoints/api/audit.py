"""What people decided, for admins."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from billing.domain.audit import Entry
from billing.domain.public_fields import told_outside
from billing.domain.public_ids import subject_id
from billing.entrypoints.api.desk import DeskOfRequest
from billing.entrypoints.api.paging import ListOf, read_cursor, write_cursor
from billing.entrypoints.api.shapes import Answered, PageQuery
from billing.store.audit import list_entries

router = APIRouter(prefix="/v1/audit", tags=["audit"])


class AuditEntry(Answered):
    """What somebody decided. ``subject_id`` is the prefixed id of what has one, and the code of a plan.

    ``hash`` is SHA-256 over this entry as it is stored and the hash of the one before it.
    """

    object: Literal["audit_entry"] = "audit_entry"
    number: int
    at: datetime
    actor: str
    act: str
    subject_type: str
    subject_id: str
    reason: str
    details: dict[str, Any]
    previous_hash: str
    hash: str

    @classmethod
    def of(cls, entry: Entry) -> "AuditEntry":
        """Return what is shown of an entry."""
        told = entry.decision
        return cls(
            number=entry.number,
            at=told.at,
            actor=told.actor,
            act=told.act,
            subject_type=told.subject_type,
            subject_id=subject_id(told.subject_type, told.subject_id),
            reason=told.reason,
            details=told_outside(told.details),
            previous_hash=entry.previous_hash,
            hash=entry.hash,
        )


class AuditEntryList(ListOf[AuditEntry]):
    pass


@router.get("", operation_id="list_audit_entries")
def read_entries(query: Annotated[PageQuery, Query()], desk: DeskOfRequest) -> AuditEntryList:
    """List what was decided with the command line and with admins' keys, newest first."""
    before = int(read_cursor("audit", query.cursor, r"[1-9][0-9]{0,17}")[0]) if query.cursor is not None else None
    with desk.reading() as tx:
        entries = list_entries(tx, query.limit + 1, before=before)
    shown, more = entries[: query.limit], len(entries) > query.limit
    following = write_cursor("audit", str(shown[-1].number)) if more else None
    return AuditEntryList(data=[AuditEntry.of(entry) for entry in shown], has_more=more, next_cursor=following)
