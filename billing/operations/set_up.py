"""Makes a database ready: newest schema, installation row, what it is bound to; and refuses one that is not ours."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from billing.domain.cases import Note
from billing.domain.event_types import EventType
from billing.operations.engine import Engine
from billing.store.binding import Differences, bind, differences
from billing.store.database import Database
from billing.store.installation import (
    NoInstallation,
    allow_charging,
    create_installation,
    load_installation,
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


def migrate(database: Database, facts: Mapping[str, str], *, now: datetime, former: str | None = None) -> None:
    """Bring a database to the newest schema and, the first time, bind it to itself and this configuration.

    ``facts`` are the configuration's. A database that was bound to the fingerprint ``former`` is bound anew.
    """
    upgrade(database)
    with database.transaction() as tx:
        try:
            installation = load_installation(tx)
        except NoInstallation:
            # The only identity that is drawn by chance: it tells this installation from every other.
            create_installation(tx, id_=uuid4(), secret=secrets.token_bytes(32), now=now)
            bind(tx, facts)
            return
        if former is not None and installation.fingerprint == former:
            bind(tx, facts)


def readiness(database: Database, facts: Mapping[str, str]) -> Readiness:
    """Say whether the engine may run on a database; ``facts`` are the configuration's.

    A copy of a database (a restored dump, a staging clone) has other facts than it was bound to, and never charges.
    """
    version = version_of(database)
    if version is None:
        return Readiness.EMPTY
    if version != newest_version():
        return Readiness.OLD_SCHEMA if version < newest_version() else Readiness.ANOTHER_SCHEMA
    return Readiness.COPIED if what_differs(database, facts) else Readiness.READY


def what_differs(database: Database, facts: Mapping[str, str]) -> Differences:
    """Return what is not as it was when the database was bound."""
    with database.snapshot() as tx:
        return differences(tx, facts)


def stop(engine: Engine, because: str, *, now: datetime) -> None:
    """Throw the stop switch: no charge is sent by any process until :func:`go`."""
    with engine.database.transaction() as tx:
        stop_charging(tx, because)
        told = Note(EventType.INSTALLATION_CHARGING_STOPPED, {"because": because[:500]})
        note(tx, None, told, Author(engine.actor, now), subject=("installation", "1"))


def go(engine: Engine, *, now: datetime, adopt: Mapping[str, str] | None = None) -> None:
    """Release the stop switch and any hold. ``adopt``: bind the database to these facts and its own (it was moved)."""
    with engine.database.transaction() as tx:
        allow_charging(tx, now)
        if adopt is not None:
            bind(tx, adopt)
            reconcile_at_once(tx, now, now - engine.rules.reconciling.recent)
        told = Note(EventType.INSTALLATION_CHARGING_ALLOWED, {"adopted": adopt is not None})
        note(tx, None, told, Author(engine.actor, now), subject=("installation", "1"))
