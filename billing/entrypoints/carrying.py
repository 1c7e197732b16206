"""Carries events to endpoints in a thread of its own, so that no endpoint, however dead, holds up a sweep."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from billing.bootstrap import make_sender, make_vault
from billing.config.settings import Settings
from billing.entrypoints.clock import machine_now
from billing.operations.courier import Courier
from billing.operations.engine import Engine

LOOKS_EVERY_SECONDS: Final = 1.0
"""A quick daemon looks more often while there is something to carry, but no less often than this."""


@contextmanager
def carrying(settings: Settings, engine: Engine) -> Iterator[None]:
    """Carry while the block runs; what is on the wire at its end has some seconds, or is sent again by the next."""
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_carry(settings, engine, stop)), name="courier", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def _carry(settings: Settings, engine: Engine, stop: threading.Event) -> None:
    async with make_sender(settings) as sender:
        courier = Courier(
            engine,
            make_vault(settings),
            sender,
            machine_now,
            disable_after=timedelta(days=settings.webhooks.disable_after_days),
            keep=timedelta(days=settings.webhooks.keep_days),
        )
        every = min(LOOKS_EVERY_SECONDS, settings.daemon.tick_seconds)
        await courier.run(stop.is_set, every=every, at_rest=LOOKS_EVERY_SECONDS)
