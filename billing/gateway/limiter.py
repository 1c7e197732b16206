"""How fast requests may leave: evenly spaced, slower for a while when the gateway says that it is too much."""

import asyncio
import time
from typing import Final

SLOWEST: Final = 1 / 8
"""Of the configured rate, however often the gateway turns requests away."""
RECOVERS_IN: Final = 60.0
"""Seconds from a standstill to the whole rate; from the half of it, half as long."""
EASED: Final = 9 / 10
"""Of the rate, when the gateway turns requests away after a while in which it did not: it may be one too many."""
_BLIND: Final = 1.0
_GOES_ON_WITHIN: Final = 2.5
_TAKEN_AHEAD: Final = 0.5


class RateLimiter:
    """Spaces requests out to ``per_second``. A Checkout.com account allows 100 reads and 100 writes a second.

    The places in the queue are kept from batch to batch, so no second has more than its share. An answer that turns
    a request away (429) slows it down: by a tenth, and by a half as long as it goes on, so that it stays near what the
    gateway allows, whoever else takes part of it. The rate then grows back evenly; what was under way meanwhile is not
    counted again. Times are monotonic seconds.
    """

    def __init__(self, per_second: float) -> None:
        self._most = per_second
        self._next = 0.0
        self._slowed_to = per_second
        self._slowed_at = float("-inf")

    def rate(self, now: float) -> float:
        """Return how many requests a second may leave at ``now``."""
        return min(self._most, self._slowed_to + self._most * (now - self._slowed_at) / RECOVERS_IN)

    def take(self, now: float) -> float:
        """Take the next place in the queue and return when it comes, ``now`` or later."""
        slot = max(self._next, now)
        self._next = slot + 1 / self.rate(now)
        return slot

    async def wait(self) -> None:
        """Return when the next request may leave."""
        now = time.monotonic()
        while self._next - now > _TAKEN_AHEAD:
            # Who took a place far ahead, while the rate was low, would keep to it when the rate has grown back.
            await asyncio.sleep(_TAKEN_AHEAD)
            now = time.monotonic()
        slot = self.take(now)
        if slot > now:
            await asyncio.sleep(slot - now)

    def turned_away(self, now: float) -> None:
        """Slow down, once for all that is turned away within a second."""
        since = now - self._slowed_at
        if since < _BLIND:
            return
        self._slowed_to = max(self._most * SLOWEST, self.rate(now) * (1 / 2 if since < _GOES_ON_WITHIN else EASED))
        self._slowed_at = now
