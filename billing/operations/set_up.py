"""Makes a database ready: newest schema, installation row, fingerprint; and refuses one that is not ours."""

import secrets
from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from billing.domain.cases import Note
from billing.operations.engine import Engine
from billing.store.database import Database
from billing.store.installation import (
    NoInstallation,
    allow_charging,
    create_installation,
    load_installation,
    set_fingerprint,
    stop_charging,
)
from billing.store.migrating import newest_version, upgrade, version_of
from billing.store.reconciliation import reconcile_at_once
from billing.store.writes import Author, note


class Readiness(StrEnum):
    READY = "ready"
    EMPTY = "empty"
    OLD_SCHEMA = "old_schema"
    ANOTHER_SCHEMA = "another_schema"
    COPIED = "copied"


def migrate(database: Database, fingerprint: str, *, now: datetime) -> None:
    """Bring a database to the newest schema and, the first time, bind it to this configuration."""
    upgrade(database)
    with database.transaction() as tx:
        try:
            load_installation(tx)
        except NoInstallation:
            # The only identity that is drawn by chance: it tells this installation from every other.
            create_installation(tx, id_=uuid4(), secret=secrets.token_bytes(32), now=now)
            set_fingerprint(tx, fingerprint)


def readiness(database: Database, fingerprint: str) -> Readiness:
    """Say whether the engine may run on a database.

    A copy of a database (a restored backup, a staging clone) has another fingerprint and never charges.
    """
    version = version_of(database)
    if version is None:
        return Readiness.EMPTY
    if version != newest_version():
        return Readiness.OLD_SCHEMA if version < newest_version() else Readiness.ANOTHER_SCHEMA
    with database.snapshot() as tx:
        known = load_installation(tx).fingerprint
    return Readiness.READY if known == fingerprint else Readiness.COPIED


def stop(engine: Engine, because: str, *, now: datetime) -> None:
    """Throw the stop switch: no charge is sent by any process until :func:`go`."""
    with engine.database.transaction() as tx:
        stop_charging(tx, because)
        told = Note("installation.charging_stopped", {"because": because[:500]})
        note(tx, None, told, Author(engine.actor, now), subject=("installation", "1"))


def go(engine: Engine, *, now: datetime, adopt: str | None = None) -> None:
    """Release the stop switch and any hold. ``adopt``: bind the database to this fingerprint (it was moved)."""
    with engine.database.transaction() as tx:
        allow_charging(tx, now)
        if adopt is not None:
            set_fingerprint(tx, adopt)
            reconcile_at_once(tx, now, now - engine.rules.reconciling.recent)
        told = Note("installation.charging_allowed", {"adopted": adopt is not None})
        note(tx, None, told, Author(engine.actor, now), subject=("installation", "1"))
