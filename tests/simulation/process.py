"""A process of ours: its own connections and its own idea of the time; it can die at any point."""

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event

from billing.store.database import Database
from tests.simulation.faults import Dice
from tests.simulation.scheduler import Crash, Scheduler


class Poisoned(ValueError):
    """An injected error that is nobody's but the row's."""


class Watched:
    """A database whose every statement and commit is a point of the process that uses it now.

    Engines are kept from world to world, because building their statements anew costs more than running them.
    """

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.process: Process | None = None
        self.connections: list[Any] = []
        engine = self.database.engine
        event.listen(engine, "connect", self._connected)
        event.listen(engine, "before_cursor_execute", self._before_statement)
        self._commit, self._rollback = engine.dialect.do_commit, engine.dialect.do_rollback
        engine.dialect.do_commit = self._do_commit  # type: ignore[method-assign]
        engine.dialect.do_rollback = self._do_rollback  # type: ignore[method-assign]

    def close(self) -> None:
        """Drop every connection, as the death of a process does."""
        while self.connections:
            self.connections.pop().close()
        self.database.dispose()

    def _connected(self, connection: Any, _record: object) -> None:
        self.connections.append(connection)
        connection.execute("PRAGMA synchronous=OFF")  # nothing here survives the machine anyway

    def _before_statement(self, _connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if self.process is not None:
            self.process.before_statement(statement)

    def _do_commit(self, connection: Any) -> None:
        if self.process is None:
            self._commit(connection)
        else:
            self.process.commit(lambda: self._commit(connection))

    def _do_rollback(self, connection: Any) -> None:
        self._rollback(connection)
        if self.process is not None:
            self.process.scheduler.release_the_lock()


class Process:
    """What runs production code in a world. ``offset`` is how far its clock is from the true time."""

    def __init__(self, name: str, watched: Watched, scheduler: Scheduler, dice: Dice) -> None:
        self.name = name
        self.watched = watched
        self.scheduler = scheduler
        self.dice = dice
        self.offset = timedelta(0)
        self.up_at: datetime = scheduler.clock.now
        self.deaths = 0
        self.on_commit: Any = lambda: None
        self.breaks_at: Callable[[str], bool] = lambda _statement: False
        self._dead = False
        self._recovering = 0
        watched.process = self

    @property
    def now(self) -> datetime:
        """The time this process believes it is."""
        return self.scheduler.clock.now + self.offset

    @property
    def is_up(self) -> bool:
        return self.scheduler.clock.now >= self.up_at

    def point(self, label: str) -> None:
        """A place at which others may come between, and at which this process may die or stand still."""
        if self.scheduler.running is None:
            return
        if self._dead:
            raise Crash
        self.scheduler.point(label)
        recovers = self._recovering > 0
        self._recovering -= recovers
        if self.dice.strikes("crash") or (recovers and self.dice.strikes("crash_again")):
            self.scheduler.trace.write(self.scheduler.clock.now, self.name, "DIES")
            self.scheduler.dying = self
            raise Crash
        if self.scheduler.writer is not self.scheduler.running and self.dice.strikes("stall"):
            self.scheduler.sleep(self.dice.choose((5, 60, 300, 780, 1500)))

    def before_statement(self, statement: str) -> None:
        told = " ".join(statement.split())
        self.point(told[:60])
        if self.scheduler.running is None:
            return
        if self.dice.strikes("database_broken") or self.breaks_at(told):
            raise sqlite3.OperationalError("disk I/O error (injected)")
        if not told.startswith("BEGIN") and self.dice.strikes("poisoned"):
            raise Poisoned("injected")
        if told == "BEGIN IMMEDIATE":
            if self.dice.strikes("database_busy"):
                raise sqlite3.OperationalError("database is locked")
            self.scheduler.take_the_lock()

    def commit(self, really: Any) -> None:
        writes = self.scheduler.running is not None and self.scheduler.writer is self.scheduler.running
        if writes:
            self.point("before the commit")
        really()
        self.scheduler.release_the_lock()
        if writes:
            self.on_commit()
            self.point("after the commit")

    def die(self) -> None:
        self._dead = True
        self.deaths += 1

    def close_connections(self) -> None:
        """The end of a death: the next start finds what is in the file."""
        self.watched.close()
        self._dead = False
        self._recovering = 60
