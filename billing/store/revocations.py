"""Which agreements the gateway is to be told are revoked, and how far that is. A step is written with its event."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, select, text
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.event_types import EventType
from billing.domain.revoking import RevocationStep, ask
from billing.store.among import among
from billing.store.columns import AnyRow
from billing.store.tables import LIVE_SUBSCRIPTION, Source, Subscription
from billing.store.writes import Author, Change, change, note

REVOCATION_COLUMNS: Final[tuple[Any, ...]] = (
    col(Source.id),
    col(Source.state),
    col(Source.gateway_source_id),
    col(Source.revocation),
    col(Source.revocation_due_at),
    col(Source.revocation_tries),
    col(Source.revocation_error),
)


def lock_sources(tx: Connection, ids: Sequence[UUID], *, skip_locked: bool = False) -> list[AnyRow]:
    """Lock these agreements until the transaction ends, in one order, and return how far their revocation is."""
    query = select(*REVOCATION_COLUMNS).where(among(col(Source.id), ids)).order_by(col(Source.id))
    return list(tx.execute(query.with_for_update(skip_locked=skip_locked, key_share=True)))


def request_revocations(tx: Connection, ids: Sequence[UUID], author: Author) -> None:
    """Write down that the gateway is to be told that these agreements are revoked; the sweep tells it."""
    for row in lock_sources(tx, ids):
        write_step(tx, row, ask(row.revocation, author.now), author)


def unused_sources(tx: Connection, ids: Sequence[UUID]) -> list[UUID]:
    """Return those of these agreements that no living subscription uses."""
    users = select(col(Subscription.id)).where(
        col(Subscription.source_id) == col(Source.id), text(f"subscription.{LIVE_SUBSCRIPTION}")
    )
    return list(tx.execute(select(col(Source.id)).where(among(col(Source.id), ids), ~users.exists())).scalars())


def unconfirmed_revocations(tx: Connection, ids: Sequence[UUID]) -> list[UUID]:
    """Return those of these agreements whose revocation the gateway has not confirmed."""
    query = select(col(Source.id)).where(among(col(Source.id), ids), text("source.revocation <> 'confirmed'"))
    return list(tx.execute(query.order_by(col(Source.id))).scalars())


def write_step(tx: Connection, row: AnyRow, step: RevocationStep, author: Author) -> None:
    """Write a step of a revocation whose row is locked, and the event that tells of it."""
    change(tx, Source, [Change(row.id, row.state, step.columns)])
    if step.event is not None:
        told = Note(EventType(f"source.{step.event.value}"), step.told)
        note(tx, None, told, author, subject=("source", str(row.id)))
