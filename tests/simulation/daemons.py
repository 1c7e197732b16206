"""The daemons of a world: the production ``Daemon``, ticked when something is due, on its process's own clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from prometheus_client import CollectorRegistry
from sqlalchemy.exc import DBAPIError

import billing.entrypoints.daemon as production
import billing.entrypoints.reconciling as reconciliation
from billing.config.settings import Settings
from billing.entrypoints.metrics.instruments import SweepInstruments
from billing.entrypoints.pulse import Pulse
from billing.operations.engine import Engine, Tally
from billing.operations.run_due import run_due
from tests.simulation.process import Poisoned, Process

_SETTINGS = Settings()
_TICK = timedelta(seconds=5)
_MOST_PATIENT = timedelta(minutes=20)
_A_ROUND = timedelta(hours=25)
"""Within this each daily round begins once."""


class SimulatedDaemon:
    """Ticks of a real one come every few seconds; here only those are lived through that can find something due."""

    def __init__(self, process: Process, engine: Engine, on_problem: Callable[[str], None]) -> None:
        self.process = process
        self._on_problem = on_problem
        self._engine = engine
        self._daemon: production.Daemon | None = None
        self._rest_until = process.scheduler.clock.now
        self._patience = _TICK
        self._did = 0
        self._lag = timedelta(0)
        self._sweeps = self._asks = False
        self._reconciler: reconciliation.Reconciler | None = None
        self._asks_from = process.scheduler.clock.now
        self.window_began = self._asks_from
        self._asks_until = self._asks_from - _TICK
        self.pages = 0

    def wants_to_tick_at(self, due: datetime | None) -> datetime | None:
        """Return the true instant of the next tick worth living through. ``due`` is what the database says."""
        if due is None or self._sweeps:
            return None
        return max(due - self.process.offset + self._lag, self._rest_until, self.process.up_at)

    def tick(self) -> None:
        """Begin a sweep; a daemon that died since begins anew, and knows nothing of the time before."""
        self._did = 0
        self._sweeps = True
        self.process.scheduler.spawn(self.process, self.process.name, self._run, self._ended)

    def let_reconcile(self, at: datetime) -> None:
        """Let the rounds be lived through that are due within a day from a true instant on: they can find something."""
        self._asks_from = max(at, self._asks_from)
        self.window_began = at
        self._asks_until = max(self._asks_until, at + _A_ROUND)

    def wants_to_ask_at(self, due: Callable[[], datetime | None]) -> datetime | None:
        """Return the true instant of the next page worth living through. ``due`` tells what the database says."""
        now = self.process.scheduler.clock.now
        if self._asks or now > self._asks_until:
            return None
        told = due()
        at = max(told - self.process.offset, self._asks_from, self.process.up_at) if told is not None else None
        return at if at is not None and at <= self._asks_until else None

    def ask(self) -> None:
        """Begin a page of questions, beside the sweep that may be under way."""
        self._asks = True
        self.process.scheduler.spawn(self.process, f"{self.process.name} asks", self._ask, self._asked)

    def saw(self, tally: Tally) -> None:
        self._did += tally.total

    def _run(self) -> None:
        if self._daemon is None:
            pulse = Pulse(self.process.name, SweepInstruments(CollectorRegistry()), stalled_after=180)
            self._daemon = production.Daemon(_SETTINGS, self._engine, self.process.name, pulse)
        self._daemon.tick()

    def _ask(self) -> None:
        if self._reconciler is None:
            self._reconciler = reconciliation.Reconciler(_SETTINGS, self._engine)
        try:
            pause = self._reconciler.page()
            self.pages += pause is not None
        except (DBAPIError, Poisoned) as error:
            self._on_problem(f"reconciliation: {type(error).__name__}: {error}")
            pause = reconciliation.AFTER_AN_ERROR
        now = self.process.scheduler.clock.now
        self._asks_from = max(self._asks_from, now + (pause or timedelta(minutes=1)))

    def _asked(self, died: bool) -> None:
        self._asks = False
        if died:
            self._reconciler = None

    def _ended(self, died: bool) -> None:
        now = self.process.scheduler.clock.now
        self._sweeps = False
        if died:
            self._daemon = None
        self._patience = _TICK if self._did or died else min(4 * self._patience, _MOST_PATIENT)
        self._rest_until = now + self._patience
        self._lag = timedelta(seconds=self.process.dice.choose((0, 2, 5)))


@contextmanager
def virtual_time(current: Callable[[], SimulatedDaemon | None], saw: Callable[[Tally], None]) -> Iterator[None]:
    """Let the production daemon read the clock of the process it runs in, and note what its sweeps did."""

    def now(*_args: Any, **_more: Any) -> datetime:
        daemon = current()
        assert daemon is not None, "the clock was read outside a daemon"
        return daemon.process.now

    def sweep(engine: Engine, **more: Any) -> Tally:
        tally = run_due(engine, **more)
        daemon = current()
        if daemon is not None:
            daemon.saw(tally)
        saw(tally)
        return tally

    with (
        patch.object(production, "engine_now", now),
        patch.object(production, "machine_now", now),
        patch.object(reconciliation, "engine_now", now),
        patch.object(reconciliation, "machine_now", now),
        patch.object(production, "run_due", sweep),
        patch.object(production.Daemon, "_beat", lambda *_args: None),  # a sign of life, which no act reads
    ):
        yield
