"""What a process measures of its own doing: calls to the gateway, and in a daemon its sweeps and acts."""

from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from billing.operations.engine import Tally

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
_CALLS: Final = (
    "create_payment", "create_refund", "find_by_id", "find_by_reference", "find_decline", "find_refunds",
    "search_payments", "list_disputes", "find_disputes", "revoke_source", "check_health",
)  # fmt: skip
_CALL_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
_SWEEP_SECONDS: Final = (0.01, 0.05, 0.25, 1, 5, 15, 60, 180, 600, 1800)


class Instruments:
    """The registry of a process, and its calls to the gateway. Any thread may use it; measuring costs microseconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        latency = Histogram(
            "billing_gateway_seconds",
            "Time of one HTTP exchange with the gateway, without the wait for its turn.",
            ["call"],
            buckets=_CALL_SECONDS,
            registry=self.registry,
        )
        answers = Counter(
            "billing_gateway_answers",
            "Answers of the gateway: not_sent, refused, accepted or unknown; read or unreadable for questions.",
            ["call", "answer"],
            registry=self.registry,
        )
        # Children are looked up once: a label costs more than the measurement.
        self._latency = {call: latency.labels(call) for call in _CALLS}
        self._answers = {(call, told): answers.labels(call, told) for call, told in _possible_answers()}

    def exchanged(self, call: str, seconds: float) -> None:
        """Take down how long an HTTP exchange took."""
        self._latency[call].observe(seconds)

    def answered(self, call: str, answer: str) -> None:
        """Count an answer of the gateway."""
        self._answers[call, answer].inc()


class SweepInstruments:
    """The same for the sweeps of a daemon."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._act_seconds = Histogram(
            "billing_act_seconds",
            "Time an act of a sweep took, when it was run.",
            ["act"],
            buckets=_SWEEP_SECONDS,
            registry=registry,
        )
        self._acts = Counter(
            "billing_acts", "What was done, by name: charges_captured, invoices_issued …", ["name"],
            registry=registry,
        )  # fmt: skip
        self._act_failures = Counter("billing_act_failures", "Acts of a sweep that raised.", ["act"], registry=registry)
        self._problems = Counter(
            "billing_problems", "Problems that acts told of: rows parked or left, charging stopped.",
            registry=registry,
        )  # fmt: skip
        self.sweep_seconds = Histogram(
            "billing_sweep_seconds", "Time a sweep took.", buckets=_SWEEP_SECONDS, registry=registry
        )
        self.sweep_failures = Counter(
            "billing_sweep_failures", "Sweeps that did not end, or in which an act raised.", registry=registry
        )

    def acted(self, act: str, tally: Tally, seconds: float, error: str | None) -> None:
        """Take down what an act did."""
        self._act_seconds.labels(act).observe(seconds)
        for name, number in tally.acts.items():
            if number:
                self._acts.labels(name).inc(number)
        if tally.problems:
            self._problems.inc(len(tally.problems))
        if error is not None:
            self._act_failures.labels(act).inc()


def _possible_answers() -> list[tuple[str, str]]:
    """Return every pair that can come, so that a series is there, at 0, before its first event."""
    moves, questions = ("not_sent", "refused", "accepted", "unknown"), ("read", "unreadable")
    movers = ("create_payment", "create_refund", "revoke_source")
    askers = ("find_by_id", "find_by_reference", "find_refunds", "search_payments", "list_disputes", "find_disputes")
    return [(call, told) for call in movers for told in moves] + [(call, told) for call in askers for told in questions]
