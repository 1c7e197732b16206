"""Where databases of a run are, and those on its PostgreSQL server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A folder of the machine that outlives no restart, and that nothing waits for."""
TEMPLATE = "billing_template"
"""The name of the migrated database that others are copies of."""


@contextmanager
def fresh_postgres(uri: str, name: str, template: str = TEMPLATE) -> Iterator[str]:
    """Make a database as a copy of another, yield its URL, and drop it."""
    on_server(uri, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield named(uri, name)
    finally:
        on_server(uri, f"DROP DATABASE {name} WITH (FORCE)")


def named(uri: str, name: str) -> str:
    """Return the URL of another database of the server."""
    return make_url(uri).set(database=name).render_as_string(hide_password=False)


def on_server(uri: str, statement: str) -> None:
    """Run a statement outside any transaction."""
    engine = create_engine(make_url(uri).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
