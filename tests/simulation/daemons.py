"""The daemons of a world: the production ``Daemon``, ticked when something is due, on its process's own clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from prometheus_client import CollectorRegistry

import billing.entrypoints.daemon as production
from billing.config import Settings
from billing.entrypoints.metrics.instruments import SweepInstruments
from billing.entrypoints.pulse import Pulse
from billing.operations.engine import Engine, Tally
from billing.operations.run_due import run_due
from tests.simulation.process import Process

_SETTINGS = Settings()
_TICK = timedelta(seconds=5)
_MOST_PATIENT = timedelta(minutes=20)


class SimulatedDaemon:
    """Ticks of a real one come every few seconds; here only those are lived through that can find something due."""

    def __init__(self, process: Process, engine: Engine) -> None:
        self.process = process
        self._engine = engine
        self._daemon: production.Daemon | None = None
        self._rest_until = process.scheduler.clock.now
        self._patience = _TICK
        self._did = 0
        self._lag = timedelta(0)

    def wants_to_tick_at(self, due: datetime | None) -> datetime | None:
        """Return the true instant of the next tick worth living through. ``due`` is what the database says."""
        if due is None or self.process.scheduler.busy(self.process):
            return None
        return max(due - self.process.offset + self._lag, self._rest_until, self.process.up_at)

    def tick(self) -> None:
        """Begin a sweep; a daemon that died since begins anew, and knows nothing of the time before."""
        self._did = 0
        self.process.scheduler.spawn(self.process, self.process.name, self._run, self._ended)

    def saw(self, tally: Tally) -> None:
        self._did += tally.total

    def _run(self) -> None:
        if self._daemon is None:
            pulse = Pulse(self.process.name, SweepInstruments(CollectorRegistry()), stalled_after=180)
            self._daemon = production.Daemon(_SETTINGS, self._engine, self.process.name, pulse)
        self._daemon.tick()

    def _ended(self, died: bool) -> None:
        now = self.process.scheduler.clock.now
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
        patch.object(production, "run_due", sweep),
        patch.object(production.Daemon, "_beat", lambda *_args: None),  # a sign of life, which no act reads
    ):
        yield
