"""Appends to the audit trail and reads it.

A person's acts run on :meth:`Database.for_people`. Every event that they write there is entered in the trail if it is a
decision; what people decide without an event is entered by hand. The reason is that of the decision itself, or what
they said when they acted. Entries are written last in their transaction:
whoever holds the trail's lock wants no other one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from sqlalchemy import Connection, func, insert, select
from sqlmodel import col

from billing.domain.audit import Decision, Entry, follow, genesis, is_decision
from billing.store.audit_tables import AuditEntry
from billing.store.database import before_commit, is_for_people, reason_of
from billing.store.installation_tables import Installation

_LOCK: Final = select(func.pg_advisory_xact_lock(7_310_604_410_873_001))
_PAGE: Final = 1000
_COLUMNS: Final = (
    col(AuditEntry.number),
    col(AuditEntry.at),
    col(AuditEntry.actor),
    col(AuditEntry.act),
    col(AuditEntry.subject_type),
    col(AuditEntry.subject_id),
    col(AuditEntry.reason),
    col(AuditEntry.details),
    col(AuditEntry.previous_hash),
    col(AuditEntry.hash),
)


def enter(tx: Connection, decision: Decision) -> None:
    """Enter a decision in the trail, if a person acts in this transaction."""
    if is_for_people(tx):
        if not decision.reason:
            decision = replace(decision, reason=reason_of(tx)[:500])
        before_commit(lambda: _append(tx, decision))


def enter_events(tx: Connection, events: Sequence[Mapping[str, object]]) -> None:
    """Enter those events in the trail that are decisions, if a person acts in this transaction."""
    if not is_for_people(tx):
        return
    for event in events:
        if is_decision(str(event["type"])):
            enter(tx, _decision_of(event))


def head_of(tx: Connection) -> Entry | None:
    """Return the last entry, or None."""
    row = tx.execute(select(*_COLUMNS).order_by(col(AuditEntry.number).desc()).limit(1)).first()
    return _entry(row) if row is not None else None


def list_entries(tx: Connection, limit: int, *, before: int | None = None) -> list[Entry]:
    """Return entries, the newest first, older than the number ``before``."""
    query = select(*_COLUMNS).order_by(col(AuditEntry.number).desc()).limit(limit)
    if before is not None:
        query = query.where(col(AuditEntry.number) < before)
    return [_entry(row) for row in tx.execute(query)]


def walk_entries(tx: Connection) -> Iterator[Entry]:
    """Yield every entry, the oldest first, without holding all of them."""
    query = select(*_COLUMNS).order_by(col(AuditEntry.number)).limit(_PAGE)
    rows = tx.execute(query).all()  # from wherever it begins: a number below 1 was slipped in
    while True:
        for row in rows:
            yield _entry(row)
        if len(rows) < _PAGE:
            return
        rows = tx.execute(query.where(col(AuditEntry.number) > rows[-1].number)).all()


def _append(tx: Connection, decision: Decision) -> None:
    if tx.dialect.name == "postgresql":  # SQLite has one writer
        tx.execute(_LOCK)
    head = head_of(tx)
    entry = follow(head.number + 1, head.hash, decision) if head is not None else follow(1, _genesis(tx), decision)
    row = {
        "number": entry.number,
        "at": decision.at,
        "actor": decision.actor,
        "act": decision.act,
        "subject_type": decision.subject_type,
        "subject_id": decision.subject_id,
        "reason": decision.reason,
        "details": dict(decision.details),
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
    }
    tx.execute(insert(AuditEntry), [row])


def _genesis(tx: Connection) -> str:
    return genesis(tx.execute(select(col(Installation.id))).scalar_one())


def _decision_of(event: Mapping[str, object]) -> Decision:
    details = dict(cast("Mapping[str, Any]", event["data"]))
    reason = details.pop("reason", None) or details.pop("because", None) or ""
    return Decision(
        at=cast("Any", event["at"]),
        actor=str(event["actor"]),
        act=str(event["type"]),
        subject_type=str(event["subject_type"]),
        subject_id=str(event["subject_id"]),
        reason=str(reason)[:500],
        details=details,
    )


def _entry(row: Any) -> Entry:
    number, at, actor, act, subject_type, subject_id, reason, details, previous_hash, hash_ = row
    return Entry(number, Decision(at, actor, act, subject_type, subject_id, reason, details), previous_hash, hash_)
