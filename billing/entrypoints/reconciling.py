"""Reconciles with the gateway in a thread of its own, so that its questions hold up no sweep."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

import structlog

from billing.config.settings import Settings
from billing.entrypoints.clock import engine_now, machine_now
from billing.operations.clock_guard import ClockGuard
from billing.operations.engine import Engine
from billing.operations.reconcile_rounds import reconcile_page
from billing.store.database import told_plainly

log = structlog.get_logger()
AFTER_AN_ERROR: Final = timedelta(minutes=1)
LOOKS_EVERY: Final = timedelta(seconds=1)
"""Rounds are due once a day, so nothing is gained by looking as often as a quick daemon sweeps."""
DRAINS_WITHIN: Final = timedelta(seconds=5)
"""A page under way when the daemon ends has so long to end; after that the next daemon asks it again."""


@contextmanager
def reconciling(settings: Settings, engine: Engine) -> Iterator[None]:
    """Reconcile while the block runs; the page under way at its end is finished first, if it does not take long."""
    stop = threading.Event()
    work = Reconciler(settings, engine)
    thread = threading.Thread(target=work.run, args=(stop,), name="reconciler", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=DRAINS_WITHIN.total_seconds())


class Reconciler:
    """Asks a page whenever one is due, and leaves the gateway alone in between."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._is_live = settings.mode == "live"
        self._guard = ClockGuard(engine.gateway) if self._is_live else None
        self._last: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        """Ask pages until ``stop`` is set. Whatever goes wrong is logged, and tried again later."""
        idle = max(LOOKS_EVERY, timedelta(seconds=self._settings.daemon.tick_seconds))
        pause = idle
        while not stop.wait(pause.total_seconds()):
            try:
                pause = self.page() or idle
            except Exception as error:  # noqa: BLE001 - the thread outlives any page
                log.error("reconciliation_failed", error=told_plainly(error))
                pause = AFTER_AN_ERROR

    def page(self) -> timedelta | None:
        """Ask a page; return how long to leave the gateway alone, or None when there is nothing to ask."""
        now = engine_now(self._engine.database, is_live=self._is_live)
        went_back = self._last is not None and now < self._last
        if went_back or (self._guard is not None and self._guard.why_not_act(machine_now()) is not None):
            return None  # the sweep says so, and stands still as well
        paged = reconcile_page(self._engine, now=now)
        self._last = now
        return None if paged is None else max(paged.pause, timedelta(milliseconds=10))
