"""The one place where the sandbox looks at a clock."""

import time

from billing.sandbox.instants import Instant


class Clock:
    """Sandbox time: the machine's own, until it is frozen at an instant."""

    def __init__(self) -> None:
        self.frozen: Instant | None = None

    def now(self) -> Instant:
        return self.real() if self.frozen is None else self.frozen

    @staticmethod
    def real() -> Instant:
        return time.time_ns() // 1000
