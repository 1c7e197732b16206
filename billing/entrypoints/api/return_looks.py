"""How subscribers' links are looked up: whoever has one may open it at any time, and each look asks the gateway.

On threads of their own, so that links that take their time keep no other request waiting.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final, TypeVar

import structlog

log = structlog.get_logger()
T = TypeVar("T")
MOST_LOOKS: Final = 8
"""At once, those that nobody waits for any more counted too."""
LOOK_APART_SECONDS: Final = 2.0
"""Between two looks at one link."""
_READERS: Final = 4


class Looks:
    """Reads links in the database, and looks their payments up at the gateway, but not too often."""

    def __init__(self, *, most: int = MOST_LOOKS, apart_seconds: float = LOOK_APART_SECONDS) -> None:
        self._most = most
        self._apart_seconds = apart_seconds
        self._under_way = 0
        self._begun: dict[str, float] = {}
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="return-reads")
        self._lookers = ThreadPoolExecutor(most, thread_name_prefix="return-looks")

    async def read(self, work: Callable[[], T]) -> T:
        """Return what the database tells."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, copy_context().run, work)

    async def look(self, token: str, work: Callable[[], T], *, patience_seconds: float) -> T | None:
        """Return what a look tells, or None: it failed, it takes longer (and goes on), or none may be made now."""
        if not self._may_begin(token, time.monotonic()):
            return None
        looking = asyncio.get_running_loop().run_in_executor(self._lookers, copy_context().run, work)
        self._under_way += 1
        looking.add_done_callback(self._ended)
        done, _ = await asyncio.wait({looking}, timeout=patience_seconds)
        return looking.result() if done and looking.exception() is None else None

    def _may_begin(self, token: str, now: float) -> bool:
        while self._begun and now - next(iter(self._begun.values())) >= self._apart_seconds:
            del self._begun[next(iter(self._begun))]
        if token in self._begun or self._under_way >= self._most:
            return False
        self._begun[token] = now
        return True

    def _ended(self, looking: "asyncio.Future[T]") -> None:
        self._under_way -= 1
        error = looking.exception()
        if error is not None:  # whatever went wrong, the subscriber must get back
            log.error("return_not_settled", error=type(error).__name__)
