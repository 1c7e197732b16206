"""Counts the webhooks that are turned away, and writes the counts down at most every few seconds."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from billing.store.installation import NoInstallation

log = structlog.get_logger()
SECONDS_BETWEEN: Final = 10.0


class Refusals:
    """Counts by reason. ``store`` adds counts to those that are kept; it is run on a thread of its own.

    The first refusal is written at once. However many follow, they cost a transaction every ``seconds_between``.
    """

    def __init__(
        self, store: Callable[[Mapping[str, int]], object], *, seconds_between: float = SECONDS_BETWEEN
    ) -> None:
        self._store = store
        self._seconds_between = seconds_between
        self._counts: Counter[str] = Counter()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="refusals")
        self._writer: asyncio.Task[None] | None = None

    def count(self, why: str) -> None:
        """Count one, on the event loop."""
        self._counts[str(why)] += 1
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._counts:
                counts, self._counts = self._counts, Counter()
                try:
                    await asyncio.get_running_loop().run_in_executor(self._thread, self._store, counts)
                except (SQLAlchemyError, NoInstallation) as error:
                    self._counts.update(counts)
                    log.error("refusals_not_stored", error=type(error).__name__)
                await asyncio.sleep(self._seconds_between)
        finally:
            self._writer = None
