"""What is turned away before an endpoint sees it: counted by kind, and a bounded sample of it logged."""

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter

log = structlog.get_logger()
MOST_LINES: Final = 10
"""Lines that are logged of each kind in each window."""
WINDOW_SECONDS: Final = 60.0


class Rejected(StrEnum):
    """Why a request, or a connection, was turned away."""

    UNREADABLE = "unreadable"
    NO_HOST = "no_host"
    HEAD_TOO_LARGE = "head_too_large"
    URL_TOO_LONG = "url_too_long"
    TOO_MANY_PARAMETERS = "too_many_parameters"
    PIPELINED = "pipelined"
    TOO_SLOW = "too_slow"
    NO_ROOM = "no_room"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    RATE_LIMITED = "rate_limited"
    WEBHOOK = "webhook"


class Rejections:
    """Counts all that is turned away, and logs at most :data:`MOST_LINES` of each kind in a minute.

    The first line of the next window tells how many were left out. Any thread may use it; it does not block.
    """

    def __init__(self, registry: CollectorRegistry, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` returns monotonic seconds."""
        counter = Counter(
            "billing_api_rejections",
            "Requests and connections that were turned away before an endpoint saw them, by kind.",
            ["kind"],
            registry=registry,
        )
        self._counts = {kind: counter.labels(kind.value) for kind in Rejected}
        self._clock = clock
        self._windows = dict.fromkeys(Rejected, (-WINDOW_SECONDS, 0))

    def note(self, kind: Rejected, event: str = "rejected", **told: Any) -> None:
        """Count one, and log it as ``event`` if the sample of its kind is not full."""
        self._counts[kind].inc()
        begun, seen = self._windows[kind]
        now = self._clock()
        if now - begun >= WINDOW_SECONDS:
            if seen > MOST_LINES:
                told["left_out"] = seen - MOST_LINES
            begun, seen = now, 0
        self._windows[kind] = (begun, seen + 1)
        if seen < MOST_LINES:
            log.warning(event, kind=kind.value, **told)
