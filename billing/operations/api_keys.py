"""Keys of our own API: created, rotated with an overlap, revoked. A secret is returned once and never stored."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, update
from sqlmodel import col

from billing.domain.api_keys import ENTROPY_BYTES, KeyMode, compose_key, key_digest, key_hint, key_id
from billing.domain.roles import Role
from billing.operations.audit import decided
from billing.operations.engine import Conflict, Engine, NotFound, Refusal
from billing.operations.request_keys import done, secret_lost
from billing.store.api_keys import KeyRow, keys_meant, load_key
from billing.store.inserts import insert_if_absent
from billing.store.key_tables import ApiKey

DEFAULT_OVERLAP: Final = timedelta(hours=24)
LONGEST_OVERLAP: Final = timedelta(days=30)
SANDBOX_NAME: Final = "sandbox"
"""The name of the key that is built in beside the bundled sandbox."""
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,49}")


@dataclass(frozen=True, slots=True)
class FreshKey:
    """A key with its secret, which nobody can be told again."""

    row: KeyRow
    secret: str

    def __repr__(self) -> str:
        return f"FreshKey({self.row.name})"  # never the secret


class BadName(Refusal):
    """The name cannot be one of a key."""

    code = "invalid_request"


class NameTaken(Refusal):
    """A key of this name is in use."""

    code = "name_taken"
    says_what_to_do = True

    def __init__(self, name: str, key_id: UUID) -> None:
        super().__init__(f"there is a key {name} already: rotate or revoke it, or choose another name")
        self.key_id = key_id


class KeyRevoked(Refusal):
    """The key was revoked, which cannot be undone."""

    code = "key_revoked"
    says_what_to_do = True


def create_key(engine: Engine, name: str, role: Role, mode: KeyMode, *, now: datetime) -> FreshKey:
    """Create a key (``now``: the machine's time, UTC).

    :raises BadName: the name is not one. :raises NameTaken: a key that is in use has it.
    """
    if _NAME.fullmatch(name) is None or name == SANDBOX_NAME:
        raise BadName(
            "a key's name says who holds it, such as shop-backend: a to z, 0 to 9 and -, a letter first, "
            f"at most 50 characters, and not {SANDBOX_NAME}"
        )
    secret = _draw(mode)
    ident = key_id(key_digest(secret))
    row = {
        "id": ident,
        "name": name,
        "role": role,
        "digest": key_digest(secret),
        "hint": key_hint(secret),
        "created_at": now,
        "created_by": engine.actor,
    }
    with engine.database.transaction() as tx:
        if insert_if_absent(tx, ApiKey, [row]) == 0:
            raise NameTaken(name, key_meant(tx, name))
        _decided(tx, engine, "created", ident, now, {"name": name, "role": role.value})
        return _fresh(tx, engine, ident, secret)


def rotate_key(
    engine: Engine, key: UUID, mode: KeyMode, *, overlap: timedelta, now: datetime, end_previous: bool = False
) -> FreshKey:
    """Give a key another secret; the present one still works for as long as ``overlap`` (``now``: machine, UTC).

    One that was rotated away before, and has not ended yet, ends now if ``end_previous``: perhaps it is the only one
    that anybody has, because the answer with the present one was lost.

    :raises NotFound: there is no such key. :raises KeyRevoked: it was revoked. :raises Conflict: one that was rotated
        away before still works, and may not be ended.
    :raises Refusal: the overlap is too long.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise Refusal(f"an overlap lasts at most {LONGEST_OVERLAP.days} days")
    secret = _draw(mode)
    with engine.database.transaction() as tx:
        row = _in_use(tx, key)
        ends = row.previous_ends_at
        if ends is not None and ends > now and not end_previous:
            raise Conflict(
                f"key {row.name} was rotated before, and {row.previous_hint}… works until {ends:%Y-%m-%dT%H:%M:%SZ}: "
                "rotating again would lock out whoever still holds it. Wait until then, or say "
                '"end_previous": true to end it now'
            )
        written = {
            "previous_digest": col(ApiKey.digest),
            "previous_hint": col(ApiKey.hint),
            "previous_ends_at": now + overlap,
            "digest": key_digest(secret),
            "hint": key_hint(secret),
            "rotated_at": now,
        }
        tx.execute(update(ApiKey).where(col(ApiKey.id) == row.id).values(**written))
        _decided(tx, engine, "rotated", key, now, {"name": row.name, "old_ends_at": (now + overlap).isoformat()})
        return _fresh(tx, engine, key, secret)


def redraw_key(engine: Engine, made: str, mode: KeyMode, *, now: datetime) -> FreshKey:
    """Give a key another secret in the place of one whose answer was lost, as ``made`` names it: nobody was told that.

    A secret that was rotated away with it works on as it did (``now``: the machine's time, UTC).

    :raises KeyRevoked: it was revoked since. :raises Conflict: it was given another secret since.
    """
    key, lost = secret_lost(made)
    secret = _draw(mode)
    with engine.database.transaction() as tx:
        row = _in_use(tx, key)
        untold = (col(ApiKey.id) == key, col(ApiKey.digest) == lost)
        written = {"digest": key_digest(secret), "hint": key_hint(secret)}
        if tx.execute(update(ApiKey).where(*untold).values(**written)).rowcount != 1:
            raise Conflict(f"key {row.name} was given another secret since: rotate it if nobody holds that one")
        _decided(tx, engine, "redrawn", key, now, {"name": row.name})
        return _fresh(tx, engine, key, secret)


def revoke_key(engine: Engine, key: UUID, *, now: datetime) -> KeyRow:
    """Let a key, with every secret it has, open nothing any more (``now``: the machine's time, UTC).

    A process of the API that has just seen it believes in it for a few seconds yet.

    :raises NotFound: there is no such key. :raises KeyRevoked: it was revoked before.
    """
    with engine.database.transaction() as tx:
        row = _in_use(tx, key)
        tx.execute(update(ApiKey).where(col(ApiKey.id) == key).values(revoked_at=now))
        _decided(tx, engine, "revoked", key, now, {"name": row.name})
        done(tx, engine)
        return _loaded(tx, key)


def key_meant(tx: Connection, meant: str) -> UUID:
    """Return the key of a name or a ``key_`` id.

    :raises NotFound: there is none. :raises Refusal: several that were revoked had the name.
    """
    found = keys_meant(tx, meant)
    if not found:
        raise NotFound(f"there is no key {meant}: `billing keys list` shows names and ids")
    if len(found) > 1:
        raise Refusal(f"{len(found)} keys that were revoked had the name {meant}: say the id of the one you mean")
    return found[0]


def _decided(tx: Connection, engine: Engine, what: str, key: UUID, now: datetime, details: dict[str, str]) -> None:
    decided(tx, engine, f"api_key.{what}", ("api_key", str(key)), now, details=details)


def _fresh(tx: Connection, engine: Engine, key: UUID, secret: str) -> FreshKey:
    done(tx, engine, f"{key} {key_digest(secret)}")
    return FreshKey(_loaded(tx, key), secret)


def _draw(mode: KeyMode) -> str:
    return compose_key(mode, secrets.token_bytes(ENTROPY_BYTES))


def _in_use(tx: Connection, key: UUID) -> KeyRow:
    row = load_key(tx, key, locked=True)
    if row is None:
        raise NotFound("there is no key of this id")
    if row.revoked_at is not None:
        raise KeyRevoked(
            f"key {row.name} was revoked on {row.revoked_at:%Y-%m-%d}, which cannot be undone; create another"
        )
    return row


def _loaded(tx: Connection, key: UUID) -> KeyRow:
    row = load_key(tx, key)
    if row is None:
        raise AssertionError("unreachable: it was written in this transaction")
    return row
