"""Crash points: before every SQL statement, before and after every commit, before and after every gateway call."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from harness import World
from sqlalchemy import event

from billing.store.database import Database

HEALING = (timedelta(minutes=2, seconds=5), timedelta(minutes=11), timedelta(minutes=11), timedelta(hours=2))
"""Far enough for every look-up of what a crash left behind, and for what those look-ups start."""


class Crash(BaseException):
    """The process dies. No ``except Exception`` of ours may notice."""


def crash() -> None:
    raise Crash


class Boundaries:
    """Counts the places at which a process can die, and strikes at one of them."""

    def __init__(self, strike: Callable[[], None] = crash) -> None:
        self.passed: list[str] = []
        self.connections: list[Any] = []
        self._strike = strike
        self._at: int | None = None

    def arm(self, at: int | None) -> None:
        """Strike at the ``at``-th boundary from now on, counted from 1; None: never."""
        self.passed, self._at = [], at

    def reach(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) == self._at:
            self._at = None
            self._strike()


def watch(database: Database, boundaries: Boundaries) -> None:
    """Make every statement and both sides of every commit a boundary."""

    def before_statement(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        boundaries.reach(" ".join(statement.split())[:60])

    event.listen(database.engine, "before_cursor_execute", before_statement)
    event.listen(database.engine, "connect", lambda connection, _record: boundaries.connections.append(connection))
    database.engine.dispose()  # the connections there are were made unseen
    commit = database.engine.dialect.do_commit

    def do_commit(connection: Any) -> None:
        boundaries.reach("before the commit")
        commit(connection)
        boundaries.reach("after the commit")

    database.engine.dialect.do_commit = do_commit  # type: ignore[method-assign]


class Crashing:
    """A gateway at whose door the process may die, on the way in and on the way out."""

    def __init__(self, gateway: Any, boundaries: Boundaries) -> None:
        self._gateway = gateway
        self._boundaries = boundaries

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._gateway, name)

        def call(*args: Any, **more: Any) -> Any:
            self._boundaries.reach(f"before {name}")
            answer = method(*args, **more)
            self._boundaries.reach(f"after {name}")
            return answer

        return call


def make_mortal(world: World) -> Boundaries:
    """Put boundaries around the world's engine."""
    boundaries = Boundaries()
    watch(world.engine.database, boundaries)
    world.engine = replace(world.engine, gateway=Crashing(world.engine.gateway, boundaries))
    return boundaries


def survive(world: World, boundaries: Boundaries, act: Callable[[], Any]) -> bool:
    """Do an act; if the process dies of it, its connections die with it. Return whether it died.

    A ``Database`` keeps nothing but its connections, so the next act finds what a new process would.
    """
    try:
        act()
    except Crash:
        while boundaries.connections:
            boundaries.connections.pop().close()
        world.engine.database.dispose()
        return True
    return False


def heal(world: World) -> None:
    """Live on until whatever a crash left behind has come to its end."""
    for step in HEALING:
        world.sweep_at(world.now + step)
