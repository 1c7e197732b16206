"""Tells the gateway which agreements are revoked, until it confirms: an act with retries, as refunds are."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from billing.domain.cases import Note
from billing.domain.event_types import EventType
from billing.domain.public_ids import Kind as Id
from billing.domain.public_ids import public_id
from billing.domain.revoking import LONGEST_ERROR, after_answer, settle
from billing.domain.states import RevocationState
from billing.operations.batches import pages_of, together_or_alone
from billing.operations.engine import SEND_DEADLINE, Conflict, Engine, NotFound, Refusal, Tally
from billing.operations.request_keys import done
from billing.store.columns import AnyRow
from billing.store.due import Kind
from billing.store.revocations import lock_sources, request_revocations, write_step
from billing.store.tables import Source
from billing.store.writes import Author, Change, change, note


def settle_revocations(engine: Engine, *, now: datetime) -> Tally:
    """Tell the gateway of every revocation that is due at ``now`` (UTC), and write down its answers."""
    tally = Tally()
    for ids in pages_of(engine, Kind.REVOCATION, now, takes_turns=True):
        tally.add(
            together_or_alone(
                ids,
                lambda batch: send_revocations(engine, batch, now=now),
                lambda source_id, why: _put_off(engine, source_id, why, now),
            )
        )
    return tally


def send_revocations(engine: Engine, ids: Sequence[UUID], *, now: datetime) -> Tally:
    """Tell the gateway of those of these revocations that are due at ``now`` (UTC), and write down its answers.

    A revocation may be told any number of times. Who dies in between is followed by the next sweep at the deadline.
    """
    tally = Tally()
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        rows = [row for row in lock_sources(tx, ids, skip_locked=True) if _is_due(row, now)]
        for row in rows:
            tried = {"revocation_tries": row.revocation_tries + 1, "revocation_due_at": now + SEND_DEADLINE}
            change(tx, Source, [Change(row.id, row.state, tried)])
    outcomes = engine.gateway.revoke_sources([row.gateway_source_id for row in rows])
    with engine.database.transaction() as tx:
        current = {row.id: row for row in lock_sources(tx, [row.id for row in rows])}
        for before, outcome in zip(rows, outcomes, strict=True):
            row, tries = current[before.id], before.revocation_tries + 1
            if row.revocation is not RevocationState.REQUESTED or row.revocation_tries != tries:
                continue  # settled, withdrawn or tried again meanwhile
            step = after_answer(tries, outcome, now)
            write_step(tx, row, step, author)
            tally.acts[f"revocations_{step.event.value if step.event else 'put_off'}"] += 1
    return tally


def release_revocation(engine: Engine, source_id: UUID, reason: str, now: datetime) -> None:
    """Let a parked revocation be told to the gateway again.

    :raises NotFound: there is no such agreement. :raises Refusal: its revocation is not parked.
    """
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        for row in lock_sources(tx, [source_id]):
            if row.revocation is not RevocationState.PARKED:
                raise Refusal(f"the revocation of source {source_id} is {row.revocation.value}, not parked")
            told = Note(EventType.SOURCE_REVOCATION_RELEASED, {"reason": reason})
            note(tx, None, told, author, subject=("source", str(source_id)))
            request_revocations(tx, [source_id], author)
            return
    raise NotFound(f"there is no source {source_id}")


def settle_revocation(engine: Engine, source_id: UUID, *, reason: str, now: datetime) -> None:
    """Write down that an agreement is ended though Checkout.com does not confirm it, and why (``now``: UTC).

    It is not told to Checkout.com any more, and counts as confirmed. Said again, or after a confirmation, it changes
    nothing.

    :raises NotFound: there is no such agreement. :raises Conflict: it is not being revoked: revoke it first.
    """
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        rows = lock_sources(tx, [source_id])
        if not rows:
            raise NotFound(f"there is no source {public_id(Id.SOURCE, source_id)}")
        row = rows[0]
        if row.revocation is RevocationState.NONE:
            raise Conflict(f"{public_id(Id.SOURCE, source_id)} is {row.state.value}, and not being revoked: revoke it")
        write_step(tx, row, settle(row.revocation, reason[:LONGEST_ERROR]), author)
        done(tx, engine)


def _is_due(row: AnyRow, now: datetime) -> bool:
    return row.revocation is RevocationState.REQUESTED and row.revocation_due_at <= now


def _put_off(engine: Engine, source_id: UUID, why: str, now: datetime) -> None:
    """Set a revocation aside whose answer cannot be written down."""
    with engine.database.transaction() as tx:
        for row in lock_sources(tx, [source_id]):
            later = {"revocation_due_at": now + SEND_DEADLINE, "revocation_error": why[:500]}
            change(tx, Source, [Change(row.id, row.state, later)])
