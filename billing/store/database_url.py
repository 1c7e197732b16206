"""Reads the URL of a database, and tells what of it is secret. No sentence here shows any part of it."""

import re
from collections.abc import Iterator
from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

_SECRET_PARAMETERS: Final = ("password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret")
"""Parameters of a connection that hold a secret (PostgreSQL 18, libpq, section 32.1.2)."""
_RIGHT: Final = "use a SQLite file (sqlite:///billing.db) or postgresql://user@host/name"


_USER: Final = re.compile(r"(?:[^:/]*(?::[^@]*)?@)?")
"""User and password of a URL, as SQLAlchemy finds them."""


class BadDatabaseUrl(ValueError):
    """The database URL cannot be used."""


def read_database_url(text: str) -> URL:
    """Return the URL of a database that can be used; a password that is a parameter stands where passwords do.

    :raises BadDatabaseUrl: it cannot be read, or names another kind of database.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise BadDatabaseUrl(f"database.url cannot be read; {_RIGHT}") from None
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database not in (None, "", ":memory:"):
        return url
    if backend != "postgresql":
        raise BadDatabaseUrl(f"database.url names {backend!r}; {_RIGHT}")
    # What follows an @ of a password would be taken for the server, and be shown.
    rest = text.partition("://")[2]
    if "@" in rest[_USER.match(rest).end() :]:  # type: ignore[union-attr]
        raise BadDatabaseUrl("database.url holds an @ too many; write %40 for each in a name or password")
    asked = dict(url.query)
    told = asked.pop("password", None)
    password = url.password or (told if isinstance(told, str) else None)
    return url.set(drivername="postgresql+psycopg", query=asked, password=password)


def secrets_in(url: URL) -> Iterator[str]:
    """Yield what nobody may be shown of a URL: the password, and parameters that are as good as one."""
    if url.password:
        yield str(url.password)
    for name, values in url.normalized_query.items():
        if name in _SECRET_PARAMETERS:
            yield from (value for value in values if value)


def shown(url: URL) -> str:
    """Return a URL as people may see it."""
    hidden = {name: "***" if name in _SECRET_PARAMETERS else value for name, value in url.query.items()}
    return url.set(drivername=url.get_backend_name(), query=hidden).render_as_string(hide_password=True)


def apart(url: URL) -> tuple[URL, dict[str, str]]:
    """Return a URL without its secret parameters, and these: what shows a URL hides its password, but no parameter."""
    secret = {name: str(value) for name, value in url.query.items() if name in _SECRET_PARAMETERS}
    return url.difference_update_query(secret), secret
