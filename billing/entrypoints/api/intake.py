"""Stores webhooks together: all that wait while one transaction commits go into the next one."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from billing.gateway.webhooks import VerifiedEvent
from billing.store.database import is_database_trouble

MOST_AT_ONCE: Final = 500

_Waiting = tuple[VerifiedEvent, asyncio.Future[None]]


class Intake:
    """Hands events to ``store`` in batches, one batch at a time, on a thread of its own.

    Slow requests cannot keep an event waiting, and a burst costs few commits.
    """

    def __init__(self, store: Callable[[Sequence[VerifiedEvent]], object]) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="webhooks")
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def keep(self, event: VerifiedEvent) -> None:
        """Return when the event is committed.

        :raises Exception: whatever ``store`` raised for it; it is not stored.
        """
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, stored))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        await stored

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                error = await self._try(batch)
                alone = error is not None and len(batch) > 1 and not is_database_trouble(error)
                for each in batch:
                    _tell(each, await self._try([each]) if alone else error)
        finally:
            self._writer = None

    async def _try(self, batch: Sequence[_Waiting]) -> Exception | None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._store, [event for event, _ in batch])
        except Exception as error:  # noqa: BLE001 - each one who waits is told of it
            return error
        return None


def _tell(each: _Waiting, error: Exception | None) -> None:
    _, stored = each
    if stored.done():
        return  # who waited has gone
    if error is None:
        stored.set_result(None)
    else:
        stored.set_exception(error)
