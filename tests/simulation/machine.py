"""What outlives a world in this operating system process: database engines, and the migrated file worlds begin with."""

import shutil
import sqlite3
import tempfile
from datetime import datetime
from pathlib import Path
from typing import NoReturn, Self

import structlog

from billing.bootstrap import make_rules
from billing.config.settings import Settings
from billing.operations.engine import Engine
from billing.operations.plans import apply_plans
from billing.operations.set_up import migrate
from billing.store.database import Database
from plans.catalog import DEFAULT_LIMITS, read_catalog
from tests.simulation.clock import START
from tests.simulation.process import Watched

ROLES = ("daemon-1", "daemon-2", "api", "receiver", "operator")
PLANS = "\n".join(
    f'[[plans]]\ncode = "{code}"\nname = "{code}"\namount = {amount}\ncurrency = "KRW"\ninterval = "{unit}"\n{more}'
    for code, amount, unit, more in (
        ("daily", 500, "day", ""),
        ("weekly", 3000, "week", ""),
        ("monthly", 9900, "month", ""),
        ("trial", 4900, "week", "trial_days = 5\n"),
    )
)


def _drop(*_line: object) -> NoReturn:
    raise structlog.DropEvent


class Machine:
    """A folder in memory with one database file, an engine on it for each role, and copies for restores."""

    def __init__(self) -> None:
        self._folder = Path(
            tempfile.mkdtemp(prefix="simulation-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        )
        self.file = self._folder / "billing.db"
        self._template = self._folder / "template.db"
        self._make_template()
        self._signs: sqlite3.Connection | None = None
        self.watched = {role: Watched(f"sqlite:///{self.file}") for role in ROLES}
        # What the engine logs is no part of a world; a bug shows in what it does.
        structlog.configure(processors=[_drop])

    def begin(self) -> None:
        """Put a fresh database in place."""
        self._replace_by(self._template)

    def close_all(self) -> None:
        for each in self.watched.values():
            each.process = None
            each.close()
        self._close_signs()

    def give_a_sign_of_life(self, at: datetime) -> None:
        """Write what the ticks that were not lived through would have written. Nobody may be writing."""
        if self._signs is None:
            self._signs = sqlite3.connect(self.file, isolation_level=None)
            self._signs.execute("PRAGMA synchronous=OFF")
        self._signs.execute("UPDATE installation SET alive_at = ?", (at.strftime("%Y-%m-%d %H:%M:%S.%f"),))

    def copy_aside(self) -> Path:
        """Take a copy of the database as it is now, as a backup does."""
        aside = self._folder / "aside.db"
        aside.unlink(missing_ok=True)
        source, target = sqlite3.connect(self.file), sqlite3.connect(aside)
        source.backup(target)
        source.close()
        target.close()
        return aside

    def restore(self, copy: Path) -> None:
        """Put an older copy in place. No process may have the database open."""
        self._replace_by(copy)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close_all()
        structlog.reset_defaults()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _close_signs(self) -> None:
        if self._signs is not None:
            self._signs.close()
        self._signs = None

    def _replace_by(self, source: Path) -> None:
        self._close_signs()
        for suffix in ("-wal", "-shm"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(source, self.file)

    def _make_template(self) -> None:
        database = Database(f"sqlite:///{self._template}")
        migrate(database, {"mode": "simulation"}, now=START)
        with database.transaction() as tx:  # drawn by chance in production; here every run must be the same
            tx.exec_driver_sql("UPDATE installation SET id = ?, secret = ?", ("51" * 16, b"\x07" * 32))
        engine = Engine(database=database, gateway=None, rules=make_rules(Settings()), actor="set-up")  # type: ignore[arg-type]
        apply_plans(engine, read_catalog(PLANS, DEFAULT_LIMITS), now=START)
        database.dispose()
        connection = sqlite3.connect(self._template)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
