"""What a command works with: settings and engine, opened when they are first asked for."""

import getpass
import os
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

import typer

from billing.bootstrap import facts_of, open_engine
from billing.config.settings import Settings
from billing.config.source import read_settings
from billing.entrypoints.cli.logs import quieten
from billing.entrypoints.clock import engine_now
from billing.entrypoints.ready import REMEDIES, NotReady, require_ready
from billing.operations.engine import Engine
from billing.operations.set_up import Readiness, readiness


class Session:
    """One run of the command. What it opens is closed at the end."""

    def __init__(self, config: Path | None = None) -> None:
        self.config = config
        self._open = ExitStack()

    @cached_property
    def settings(self) -> Settings:
        """Read the configuration. :raises BadConfig: it cannot be used."""
        return read_settings(self.config)

    @property
    def is_live(self) -> bool:
        return self.settings.mode == "live"

    @property
    def zone(self) -> str:
        """The zone in which times are shown and read that belong to no subscription."""
        return self.settings.window.zone

    @cached_property
    def engine(self) -> Engine:
        """Open the engine on whatever database there is, for a person: what they decide goes into the audit trail."""
        return replace(self.sweeper, database=self.sweeper.database.for_people)

    @cached_property
    def sweeper(self) -> Engine:
        """The same engine for what is due by itself, and nobody's decision."""
        return self._open.enter_context(open_engine(self.settings, actor=actor()))

    def reading(self) -> Engine:
        """Return the engine for a command that only looks.

        :raises NotReady: the database has another schema than this program.
        """
        state = self.readiness()
        if state not in (Readiness.READY, Readiness.COPIED):
            raise NotReady(REMEDIES[state])
        return self.engine

    def acting(self, reason: str | None = None) -> Engine:
        """Return the engine for a command that changes something, for a ``reason`` that goes into the audit trail.

        :raises NotReady: the database is not this installation's, or has another schema.
        """
        self.reading()
        require_ready(self.settings, self.engine)
        return self.because(reason)

    def because(self, reason: str | None) -> Engine:
        """Return the engine for what is done for a reason: the audit trail gets it, as it gets what is done."""
        if reason is not None:
            self.engine = replace(self.engine, database=self.engine.database.because(reason))
        return self.engine

    def readiness(self) -> Readiness:
        """Say whether the database can be used; a SQLite file that is not there is not made by asking."""
        database = self.engine.database
        if database.is_sqlite and not Path(database.location).exists():
            return Readiness.EMPTY
        return readiness(database, facts_of(self.settings))

    def now(self) -> datetime:
        """Return the engine's time, in UTC: the test clock's where it is set."""
        return engine_now(self.engine.database, is_live=self.is_live)

    def close(self) -> None:
        self._open.close()


def session_of(context: typer.Context) -> Session:
    """Return the session of this run, which the first to ask opens."""
    root = context.find_root()
    if not isinstance(root.obj, Session):
        quieten()
        root.obj = Session(root.obj)
        root.call_on_close(root.obj.close)
    return root.obj


def actor() -> str:
    """Return who is asking, as it is written with every event."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = f"uid {os.getuid()}"
    return f"cli:{name}"[:100]
