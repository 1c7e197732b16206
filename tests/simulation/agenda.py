"""What will happen, and when: kept in order of time, and of writing where times are equal."""

import heapq
import itertools
from collections.abc import Callable
from datetime import datetime


class Agenda:
    """Acts with the true instant each is to happen at."""

    def __init__(self) -> None:
        self._acts: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, instant: datetime, act: Callable[[], None]) -> None:
        heapq.heappush(self._acts, (instant, next(self._numbers), act))

    def next_event(self) -> datetime | None:
        return self._acts[0][0] if self._acts else None

    def live_until(self, now: datetime) -> None:
        """Let everything happen that is due."""
        while self._acts and self._acts[0][0] <= now:
            heapq.heappop(self._acts)[2]()

    def clear(self) -> None:
        self._acts.clear()
