"""The daemon: APScheduler ticks, the sweep does what is due. What is due is a column, so no tick can lose it."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import FrameType
from typing import Any, Final

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import SQLAlchemyError

from billing.bootstrap import open_engine
from billing.config.settings import Settings
from billing.entrypoints.carrying import carrying
from billing.entrypoints.clock import engine_now, machine_now
from billing.entrypoints.collector import spare_the_collector
from billing.entrypoints.metrics.instruments import Instruments, SweepInstruments
from billing.entrypoints.metrics.vitals import Vitals
from billing.entrypoints.pulse import Pulse
from billing.entrypoints.ready import require_ready, why_not_ready
from billing.entrypoints.reconciling import reconciling
from billing.entrypoints.refreshed import Refreshed
from billing.entrypoints.test_clock import doubt_a_clock_set_back, latest_time
from billing.entrypoints.watch_port import watch_port
from billing.operations.clock_guard import ClockGuard
from billing.operations.doubt import is_a_gap, notice_a_gap
from billing.operations.engine import Engine, SweepObserver, Tally
from billing.operations.run_due import run_due
from billing.store.database import told_plainly
from billing.store.heartbeats import announce_daemon, beat, retire_daemon
from billing.store.installation import keep_alive

log = structlog.get_logger()
BEAT_EVERY: Final = timedelta(seconds=1)
LIFE_EVERY: Final = timedelta(seconds=20)
"""A sweep of a large backlog takes many minutes; silence longer than two is taken for a gap (`operations/doubt.py`)."""
MOST_SWEEPS_A_TICK: Final = 20
"""A sweep that did something is followed by another at once, for what it made due; but time must be read anew."""


class Daemon:
    """Sweeps every ``tick_seconds`` until it is told to stop; a sweep that is under way is finished first."""

    def __init__(self, settings: Settings, engine: Engine, name: str, pulse: Pulse) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._engine = replace(engine, watch=_SignsOfLife(engine.watch, self._show_life), stopping=self._stop.is_set)
        self._name = name
        self._pulse = pulse
        self._guard = ClockGuard(engine.gateway) if settings.mode == "live" else None
        self._last: datetime | None = None
        self._told: tuple[datetime, int] | None = None
        self._told_at = self._alive_at = machine_now()

    def run(self) -> None:
        """Sweep until :meth:`stop`. Blocks."""
        database = self._engine.database
        with database.transaction() as tx:
            announce_daemon(tx, self._name, machine_now(), machine_now())
        # A late tick still counts and ticks never pile up; the defaults would drop a tick 1 s late.
        scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        scheduler.add_job(
            self.tick, "interval", seconds=self._settings.daemon.tick_seconds, next_run_time=machine_now()
        )
        # A tick that finds the one before it still sweeping is no news, and there may be many a second.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        scheduler.start()
        log.info("daemon_started", daemon=self._name, tick_seconds=self._settings.daemon.tick_seconds)
        self._stop.wait()
        log.info("daemon_draining", daemon=self._name)
        scheduler.shutdown(wait=True)
        with database.transaction() as tx:
            retire_daemon(tx, self._name)
        log.info("daemon_stopped", daemon=self._name)

    def stop(self) -> None:
        """Ask :meth:`run` to finish the sweep under way and return."""
        self._stop.set()

    def tick(self) -> None:
        """Sweep once. Whatever goes wrong is logged, and the next tick comes."""
        try:
            database = self._engine.database
            now = engine_now(database, is_live=self._settings.mode == "live")
            if self._last is not None and now < self._last:
                log.error("clock_went_backwards", by_seconds=(self._last - now).total_seconds())
                self._pulse.failed("the clock went backwards")
                return
            why_not = self._guard.why_not_act(machine_now()) if self._guard is not None else None
            if why_not is not None:
                log.error("clock_not_trusted", daemon=self._name, because=why_not)
                self._pulse.failed(why_not)
                return
            self._doubt(now)
            for _ in range(MOST_SWEEPS_A_TICK):
                with self._pulse.sweep():
                    tally = run_due(self._engine, now=now)
                    self._last = now
                    self._beat(now, tally.total)
                if not tally.total or self._stop.is_set():
                    break
        except Exception as error:  # noqa: BLE001 - the daemon outlives any sweep
            told = told_plainly(error)
            log.error("sweep_failed", daemon=self._name, error=told)
            self._pulse.failed(told)

    def _doubt(self, now: datetime) -> None:
        """Doubt what a later state of this database may have charged: after silence, and by the clock it had."""
        settings, database = self._settings, self._engine.database
        if self._last is None:
            doubt_a_clock_set_back(settings, self._engine, now)
        machine = machine_now()
        if is_a_gap(self._engine, machine):
            latest = latest_time(settings, database, now)
            notice_a_gap(self._engine, now=now, machine_now=machine, latest=latest)

    def _show_life(self) -> None:
        """Give a sign of life in the midst of a long sweep, lest it be taken for a gap when it has ended."""
        seen_at = machine_now()
        if seen_at - self._alive_at < LIFE_EVERY:
            return
        self._alive_at = seen_at
        try:
            with self._engine.database.transaction() as tx:
                keep_alive(tx, seen_at)
        except SQLAlchemyError as error:
            log.warning("sign_of_life_failed", daemon=self._name, error=told_plainly(error))

    def _beat(self, now: datetime, acts: int) -> None:
        """Give a sign of life: when a time is done with, else only now and then."""
        news = (now, acts)
        seen_at = machine_now()
        if (acts or news == self._told) and seen_at - self._told_at < BEAT_EVERY:
            return
        with self._engine.database.transaction() as tx:
            beat(tx, self._name, now, seen_at, acts)
            keep_alive(tx, seen_at)
        self._told, self._told_at, self._alive_at = news, seen_at, seen_at


@dataclass(frozen=True, slots=True)
class _SignsOfLife:
    """Watches a sweep for another observer, and gives a sign of life on the way."""

    watch: SweepObserver
    show_life: Callable[[], None]

    def took_up(self, ids: Sequence[Any]) -> None:
        self.watch.took_up(ids)
        self.show_life()

    def acted(self, act: str, tally: Tally, seconds: float, error: str | None) -> None:
        self.watch.acted(act, tally, seconds, error)


def run_daemon(settings: Settings, name: str | None = None) -> None:
    """Run a daemon in the foreground until SIGTERM or Ctrl-C, then drain and return.

    :raises NotReady: the database may not be worked on.
    """
    called = (name or f"{socket.gethostname()}:{os.getpid()}")[:100]
    instruments = Instruments()
    pulse = Pulse(called, SweepInstruments(instruments.registry), stalled_after=settings.daemon.stalled_after_seconds)
    with (
        open_engine(
            settings, actor=f"daemon {called}"[:100], gateway_observer=instruments, sweep_observer=pulse
        ) as engine,
        ExitStack() as open_port,
    ):
        require_ready(settings, engine)
        instruments.registry.register(pulse)
        instruments.registry.register(Vitals(lambda: engine.database, is_live=settings.mode == "live"))
        ready = Refreshed(lambda: why_not_ready(settings, engine))
        open_port.enter_context(ready.kept_fresh())
        open_port.enter_context(
            watch_port(
                settings.daemon.metrics_host,
                settings.daemon.metrics_port,
                instruments.registry,
                pulse.why_unhealthy,
                ready.why_not,
            )
        )
        daemon = Daemon(settings, engine, called, pulse)
        spare_the_collector()

        def stop(_number: int, _frame: FrameType | None) -> None:
            daemon.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        with carrying(settings, engine), reconciling(settings, engine):
            daemon.run()
