"""Reads and writes API keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, select, update
from sqlmodel import col

from billing.domain.api_keys import KeyStanding
from billing.domain.public_ids import Kind, NotAnId, uuid_of
from billing.domain.roles import Role
from billing.store.columns import AnyRow
from billing.store.key_tables import ApiKey
from billing.store.pages import Page, newest_first

USE_IS_NOTED_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as it is listed."""

    id: UUID
    name: str
    role: Role
    hint: str
    previous_hint: str | None
    previous_ends_at: datetime | None
    created_at: datetime
    created_by: str
    rotated_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


_ROW: Final = (
    col(ApiKey.id),
    col(ApiKey.name),
    col(ApiKey.role),
    col(ApiKey.hint),
    col(ApiKey.previous_hint),
    col(ApiKey.previous_ends_at),
    col(ApiKey.created_at),
    col(ApiKey.created_by),
    col(ApiKey.rotated_at),
    col(ApiKey.revoked_at),
    col(ApiKey.last_used_at),
)
_STANDING: Final = (
    col(ApiKey.id),
    col(ApiKey.name),
    col(ApiKey.role),
    col(ApiKey.digest),
    col(ApiKey.previous_digest),
    col(ApiKey.previous_ends_at),
    col(ApiKey.revoked_at),
    col(ApiKey.last_used_at),
)


def known_keys(tx: Connection, *, revoked_after: datetime) -> list[KeyStanding]:
    """Return the keys that are not revoked, or were so lately that who still holds one is told (the machine's time)."""
    revoked = col(ApiKey.revoked_at)
    return [
        KeyStanding(*row) for row in tx.execute(select(*_STANDING).where(revoked.is_(None) | (revoked > revoked_after)))
    ]


def list_keys(tx: Connection, limit: int, *, revoked: bool = True) -> list[KeyRow]:
    """Return keys in the order of their ids; without the ``revoked`` if asked so."""
    query = select(*_ROW).order_by(col(ApiKey.id)).limit(limit)
    if not revoked:
        query = query.where(col(ApiKey.revoked_at).is_(None))
    return [KeyRow(*row) for row in tx.execute(query)]


def page_of_keys(tx: Connection, page: Page) -> Sequence[AnyRow]:
    """Return a page of keys, revoked ones too, the newest first."""
    return newest_first(tx, select(*_ROW), ApiKey, page)


def load_key(tx: Connection, key_id: UUID, *, locked: bool = False) -> KeyRow | None:
    """Return a key, or None; ``locked``: nobody else changes it before this transaction ends."""
    query = select(*_ROW).where(col(ApiKey.id) == key_id)
    row = tx.execute(query.with_for_update() if locked else query).one_or_none()
    return KeyRow(*row) if row is not None else None


def keys_meant(tx: Connection, meant: str) -> Sequence[UUID]:
    """Return the ids of the keys that a person means by a name or a ``key_`` id; one that is in use wins."""
    try:
        named = col(ApiKey.id) == uuid_of(Kind.API_KEY, meant)
    except NotAnId:
        named = col(ApiKey.name) == meant
    rows = tx.execute(select(col(ApiKey.id), col(ApiKey.revoked_at)).where(named)).all()
    return [row.id for row in rows if row.revoked_at is None] or [row.id for row in rows]


def note_use(tx: Connection, key_id: UUID, machine_now: datetime) -> None:
    """Write down that a key was used, unless that was done less than a minute ago."""
    last = col(ApiKey.last_used_at)
    stale = last.is_(None) | (last <= machine_now - USE_IS_NOTED_EVERY)
    tx.execute(update(ApiKey).where(col(ApiKey.id) == key_id, stale).values(last_used_at=machine_now))
