"""The one place where the time is read. The test clock, kept in the database, wins over the machine's."""

from datetime import UTC, datetime

from billing.store.database import Database
from billing.store.installation import load_installation


def machine_now() -> datetime:
    """Return the machine's time, in UTC."""
    return datetime.now(UTC)


def engine_now(database: Database, *, is_live: bool) -> datetime:
    """Return the time that the engine acts at, in UTC.

    In live mode the test clock is not even looked at.
    """
    if is_live:
        return machine_now()
    with database.snapshot() as tx:
        clock = load_installation(tx).clock
    return clock or machine_now()
