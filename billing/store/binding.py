"""What a database is bound to: where it is reached, and which one it is by its own account.

A copy has other facts: a dump that was restored into another cluster has the cluster's identifier of that one, whatever
its URL looks like, and a copied file has a number of its own, whatever its path is.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select, text, update
from sqlmodel import col

from billing.store.installation_tables import Installation

FILE: Final = "database file"
FILE_NUMBER: Final = "number of the database file"
SERVER: Final = "database server"
NAME: Final = "database name"
CLUSTER: Final = "PostgreSQL cluster"
Differences = Mapping[str, tuple[str | None, str | None]]
"""The name of each fact that differs: what it was, and what it is. None: it was not known, or cannot be told."""
_HERE: Final = "this machine"


def own_facts(tx: Connection) -> dict[str, str]:
    """Return what is true of the database that a transaction works on, by the name of the fact."""
    if tx.dialect.name == "sqlite":
        file = Path(str(tx.engine.url.database)).resolve()
        return {FILE: str(file), FILE_NUMBER: str(file.stat().st_ino)}
    return {**_server_of(tx), CLUSTER: _cluster_of(tx)}


def bind(tx: Connection, facts: Mapping[str, str]) -> None:
    """Bind the database to these facts of the configuration, and to its own."""
    tx.execute(update(Installation).values(bound_to={**facts, **own_facts(tx)}, fingerprint=None))


def differences(tx: Connection, facts: Mapping[str, str]) -> Differences:
    """Return each fact that is not as it was when the database was bound."""
    known = tx.execute(select(col(Installation.bound_to))).scalar_one() or {}
    now = {**facts, **own_facts(tx)}
    names = dict.fromkeys((*known, *now))
    return {name: (known.get(name), now.get(name)) for name in names if known.get(name) != now.get(name)}


def _server_of(tx: Connection) -> dict[str, str]:
    """Return the server and the database as the driver's library worked them out: URL, services, environment."""
    connection = tx.connection.driver_connection.pgconn  # type: ignore[union-attr]
    told = {option.keyword.decode(): (option.val or b"").decode() for option in connection.info}
    hosts = [_plainly(host) for host in (told.get("host") or told.get("hostaddr") or "").split(",")]
    addresses = f" at {told['hostaddr']}" if told.get("host") and told.get("hostaddr") else ""
    server = f"{', '.join(dict.fromkeys(hosts))}{addresses}, port {told.get('port') or connection.port.decode()}"
    return {SERVER: server, NAME: connection.db.decode()}


def _plainly(host: str) -> str:
    """Return one name for all spellings of the machine itself, a socket's folder among them."""
    is_here = host in ("", "localhost", "::1") or host.startswith(("/", "@", "127."))
    return _HERE if is_here else host.lower()


def _cluster_of(tx: Connection) -> str:
    """Return the identifier that was drawn when the cluster was made.

    Where that may not be read, the numbers of this database and of one of its tables: a dump that is restored
    elsewhere draws others.
    """
    may_ask = "SELECT has_function_privilege('pg_control_system()', 'EXECUTE')"
    if tx.execute(text(may_ask)).scalar_one():
        return str(tx.execute(text("SELECT system_identifier FROM pg_control_system()")).scalar_one())
    numbers = "SELECT oid, 'installation'::regclass::oid FROM pg_database WHERE datname = current_database()"
    database, table = tx.execute(text(numbers)).one()
    return f"database {database}, table {table}"
