"""A SQLite file: who may read it, how connections to it behave, and how what was erased leaves it."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

_BUSY_TIMEOUT_MS: Final = 30_000
_TRUNCATE_TIMEOUT_MS: Final = 2_000
_OWNER_ONLY: Final = 0o600
_ENDINGS: Final = ("", "-wal", "-shm", "-journal")
"""What the files of one database end with (SQLite, "Temporary Files Used By SQLite")."""


def prepare_sqlite(engine: Engine) -> None:
    """Have the engine's connections behave: WAL mode, each commit on disk, and what is deleted overwritten.

    A file that is not there is made for its owner alone; SQLite gives its log and its index the same mode.
    """

    @event.listens_for(engine, "do_connect")
    def make_for_the_owner(_dialect: Any, _record: Any, arguments: Any, _parameters: Any) -> None:
        # Where it cannot be made, SQLite says why; where it is there, it is another's to protect.
        if str(arguments[0]).startswith("file:"):
            return
        with contextlib.suppress(OSError):
            os.close(os.open(arguments[0], os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ONLY))

    @event.listens_for(engine, "connect")
    def configure(dbapi_connection: Any, _record: object) -> None:
        # The driver's own transaction handling would begin late; we begin ourselves.
        dbapi_connection.isolation_level = None
        for pragma in (
            f"busy_timeout={_BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
        ):
            dbapi_connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def truncate_log(engine: Engine) -> bool:
    """Write what is in the log into the file, and empty the log, which holds former versions of pages.

    False: somebody was reading for so long that it could not be emptied now. No transaction may be open.
    """
    connection = engine.raw_connection()
    try:
        driver: Any = connection.driver_connection
        driver.execute(f"PRAGMA busy_timeout={_TRUNCATE_TIMEOUT_MS}")
        try:
            (is_busy, _pages, _written) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            driver.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        return not is_busy
    finally:
        connection.close()


def open_to_others(file: Path) -> Iterator[tuple[Path, int]]:
    """Yield each file of a database that others than its owner may read or change, with its mode."""
    for ending in _ENDINGS:
        part = file.with_name(file.name + ending)
        with contextlib.suppress(FileNotFoundError):
            mode = stat.S_IMODE(part.stat().st_mode)
            if mode & 0o077:
                yield part, mode
