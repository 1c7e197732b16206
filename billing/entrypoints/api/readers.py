"""How many bodies are waited for at once: room for a new one is made by giving up the oldest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Readers:
    """Those who wait for a body. An honest body is there in milliseconds, so the oldest one is the slowest sender."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[asyncio.Timeout, None] = {}

    @asynccontextmanager
    async def one(self, seconds: float) -> AsyncIterator[None]:
        """Wait within this for at most so many seconds, less if too many others come to wait.

        :raises TimeoutError: on the way out, if the time was up.
        """
        if len(self._waiting) >= self._most:
            self._give_up_the_oldest()
        async with asyncio.timeout(seconds) as deadline:
            self._waiting[deadline] = None
            try:
                yield
            finally:
                self._waiting.pop(deadline, None)

    def _give_up_the_oldest(self) -> None:
        oldest = next(iter(self._waiting))
        del self._waiting[oldest]
        if not oldest.expired():
            oldest.reschedule(asyncio.get_running_loop().time())
