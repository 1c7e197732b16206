"""A daemon's pulse: a log line and a measurement for every act, and a word on whether its sweeps go on."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from billing.entrypoints.metrics.instruments import SweepInstruments
from billing.operations.engine import Tally

log = structlog.get_logger()
MOST_IDS_IN_A_LINE: Final = 20


class Pulse(Collector):
    """Told of every act by the sweep's thread, asked by any other."""

    def __init__(
        self,
        daemon: str,
        instruments: SweepInstruments,
        *,
        stalled_after: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``stalled_after``: seconds without a sign of progress after which the daemon is unhealthy."""
        self._daemon = daemon
        self._instruments = instruments
        self._stalled_after = stalled_after
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._moved_at = self._ended_at = monotonic()
        self._failure: str | None = None
        self._failed_acts: list[str] = []
        self._rows = 0
        self._ids: list[str] = []

    def took_up(self, ids: Sequence[Any]) -> None:
        """Take down that the act under way goes on, with these rows."""
        with self._lock:
            self._moved_at = self._monotonic()
        self._rows += len(ids)
        self._ids.extend(str(each) for each in ids[: MOST_IDS_IN_A_LINE - len(self._ids)])

    def acted(self, act: str, tally: Tally, seconds: float, error: str | None) -> None:
        """Take down what an act did, and log it in one line unless there was nothing to do."""
        with self._lock:
            self._moved_at = self._monotonic()
        if error is not None:
            self._failed_acts.append(f"{act}: {error}")
        self._instruments.acted(act, tally, seconds, error)
        done = {name: number for name, number in tally.acts.items() if number}
        if done or self._rows or tally.problems:
            log.info(
                "act", act=act, daemon=self._daemon, rows=self._rows, ids=self._ids, seconds=round(seconds, 4),
                problems=tally.problems[:5], **done,
            )  # fmt: skip
        self._rows, self._ids = 0, []

    @contextmanager
    def sweep(self) -> Iterator[None]:
        """Measure the sweep in the block; one in which an act raised has failed. What the block raises goes through."""
        began = self._monotonic()
        self._failed_acts.clear()
        yield
        seconds = self._monotonic() - began
        self._instruments.sweep_seconds.observe(seconds)
        log.debug("swept", daemon=self._daemon, seconds=round(seconds, 4))
        if self._failed_acts:
            self.failed("; ".join(self._failed_acts))
            return
        with self._lock:
            self._moved_at = self._ended_at = self._monotonic()
            self._failure = None

    def failed(self, why: str) -> None:
        """Take down that the last sweep failed, or could not begin."""
        self._instruments.sweep_failures.inc()
        with self._lock:
            self._failure = why

    def why_unhealthy(self) -> str | None:
        """Say in words why this daemon is not well, or None."""
        with self._lock:
            failure, still = self._failure, self._monotonic() - self._moved_at
        if failure is not None:
            return f"the last sweep failed: {failure}"
        if still > self._stalled_after:
            return f"no sweep has ended or moved on for {still:.0f} s, longer than {self._stalled_after:g} s"
        return None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return how long ago this daemon ended a sweep, and whether it is well."""
        with self._lock:
            ago = self._monotonic() - self._ended_at
        yield GaugeMetricFamily(
            "billing_sweep_age_seconds", "Since this daemon ended a sweep that did not fail, or started.", value=ago
        )
        yield GaugeMetricFamily(
            "billing_daemon_healthy", "What /healthz says: 1 well, 0 stalled or failing.",
            value=self.why_unhealthy() is None,
        )  # fmt: skip
        named = GaugeMetricFamily("billing_daemon_info", "Which daemon this is.", labels=["daemon"])
        named.add_metric([self._daemon], 1)
        yield named
