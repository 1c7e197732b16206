"""Engines for SQLite and PostgreSQL, and the one word for a transaction."""

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from billing.store.database_url import apart, read_database_url
from billing.store.sqlite_file import prepare_sqlite, truncate_log

_inside: ContextVar[bool] = ContextVar("inside_a_transaction", default=False)
_last_works: ContextVar[list[Callable[[], None]] | None] = ContextVar("works_before_the_commit", default=None)
_LONGEST_SENTENCE = 400


class NestedTransaction(RuntimeError):
    """A transaction was opened inside another. Act and transaction must be the same thing."""


class Database:
    """A database that acts run against.

    SQLite runs in WAL mode with ``synchronous=FULL`` and takes the write lock when a
    transaction begins, so that what was read cannot change before it is written.
    """

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        self.url = read_database_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writers: AbstractContextManager[object] = threading.RLock() if self.is_sqlite else nullcontext()
        if self.is_sqlite:
            self.engine = create_engine(self.url, hide_parameters=True)
            prepare_sqlite(self.engine)
        else:
            url_shown, secret = apart(self.url)
            self.engine = create_engine(
                url_shown,
                pool_size=pool_size,
                max_overflow=0,
                pool_pre_ping=True,
                hide_parameters=True,
                connect_args=secret,
            )
        self._reading = self.engine.execution_options(reading=True)

    @property
    def location(self) -> str:
        """Where the data is, for people, without credentials: a file's whole path, or server and name."""
        if self.is_sqlite:
            return str(Path(str(self.url.database)).resolve())
        asked = self.url.normalized_query
        hosts = ",".join((*filter(None, (self.url.host,)), *asked.get("host", asked.get("hostaddr", ()))))
        port = self.url.port or ",".join(asked.get("port", ())) or 5432
        services = asked.get("service", ())
        server = f"service {services[0]}" if services else f"{hosts or 'the local server'}:{port}"
        return f"{server}/{self.url.database or ''}"

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Begin, and commit at the end of the block or roll back when it raises. Must not nest.

        :raises NestedTransaction: another transaction of this context is open.
        """
        # SQLite has one writer. Threads of one process queue here, which is fair and costs nothing; only
        # other processes are waited for by SQLite's own polling.
        with self._writers, self._begin(self.engine) as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Read what is committed, without taking SQLite's write lock. Must not nest."""
        with self._begin(self._reading) as connection:
            yield connection

    def leave_no_traces(self) -> bool:
        """Empty SQLite's log, which holds what was erased; False: it is read now. PostgreSQL's is not ours to empty."""
        if not self.is_sqlite:
            return True
        with self._writers:
            return truncate_log(self.engine)

    @cached_property
    def for_people(self) -> "Database":
        """The same database for what a person does: what they decide is entered in the audit trail."""
        view = copy.copy(self)
        view.engine = self.engine.execution_options(for_people=True)
        view.__dict__["for_people"] = view
        return view

    def because(self, reason: str) -> "Database":
        """The same database :attr:`for_people`, for acts that are done for a reason: it is entered with them."""
        view = copy.copy(self.for_people)
        view.engine = view.engine.execution_options(reason=reason)
        view.__dict__["for_people"] = view
        return view

    @contextmanager
    def _begin(self, engine: Engine) -> Iterator[Connection]:
        if _inside.get():
            raise NestedTransaction(str(NestedTransaction.__doc__))
        works: list[Callable[[], None]] = []
        inside, last_works = _inside.set(True), _last_works.set(works)
        try:
            with engine.begin() as connection:
                yield connection
                for work in works:
                    work()
        finally:
            _last_works.reset(last_works)
            _inside.reset(inside)

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def is_for_people(tx: Connection) -> bool:
    """Say whether a transaction is one of :attr:`Database.for_people`."""
    return bool(tx.get_execution_options().get("for_people", False))


def reason_of(tx: Connection) -> str:
    """Return why a person does what is done in a transaction (see :meth:`Database.because`), or nothing."""
    return str(tx.get_execution_options().get("reason", ""))


def before_commit(work: Callable[[], None]) -> None:
    """Do a work of the transaction that is open as its last, right before it is committed."""
    works = _last_works.get()
    if works is None:
        raise RuntimeError("no transaction is open")
    works.append(work)


def is_conflict(error: Exception) -> bool:
    """Say whether the database asks to run the act again (serialization failure, deadlock, lock timeout)."""
    if not isinstance(error, OperationalError):
        return False
    sqlstate = getattr(error.orig, "sqlstate", None)
    return sqlstate in ("40001", "40P01", "55P03") or "database is locked" in str(error.orig)


def is_database_trouble(error: Exception) -> bool:
    """Say whether the database failed, not the row it was asked about: a lost connection, a full disk, a conflict."""
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or isinstance(error, OperationalError | InterfaceError)


def told_plainly(error: Exception) -> str:
    """Return an error as it may be logged: what it is and where, but no statement, no values, no personal data."""
    if isinstance(error, DBAPIError):
        # The detail of PostgreSQL's errors quotes whole rows; its primary message does not.
        diagnosis = getattr(error.orig, "diag", None)
        told = getattr(diagnosis, "message_primary", None) or str(error.orig)
        return f"{type(error.orig).__name__}: {told}"[:_LONGEST_SENTENCE]
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    return f"{type(error).__name__}{place}"
