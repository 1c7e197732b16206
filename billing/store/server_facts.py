"""What a PostgreSQL server says of itself."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from billing.store.database import Database


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """``now``: the server's clock, UTC. ``connections``: those open now, of ``most_connections`` for ordinary users."""

    now: datetime
    connections: int
    most_connections: int


def read_server_facts(database: Database) -> ServerFacts | None:
    """Ask the server; None of SQLite, which has none."""
    if database.is_sqlite:
        return None
    with database.snapshot() as tx:
        row = tx.execute(
            text(
                "SELECT clock_timestamp() AS now, (SELECT count(*) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend') AS connections,"
                " current_setting('max_connections')::int"
                " - current_setting('superuser_reserved_connections')::int AS most"
            )
        ).one()
    return ServerFacts(row.now, row.connections, row.most)
