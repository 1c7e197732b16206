"""Sends what is in line to the endpoints: a few at a time to each, so that a dead one delays no other."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from billing.operations.engine import Engine
from billing.operations.fan_out import fan_out
from billing.operations.parcels import DISABLE_AFTER, Ended, Parcel, collect, record
from billing.outbox.sender import Sender, signed
from billing.outbox.vault import Vault
from billing.store.database import told_plainly
from billing.store.deliveries import forget_ended
from billing.store.settled_events import SettledEvents

log = structlog.get_logger()
AT_ONCE: Final = 4
"""Sends to one endpoint that a process has on the wire. Many receivers let five connections wait (Python's
`http.server`); the sixth is dropped, tries again after a second, and by then hundreds of later events are through."""
IN_HAND: Final = 16
"""Deliveries of one endpoint that a process has claimed; it takes four deadlines at most to send them (see `LEASE`)."""
KEPT: Final = timedelta(days=30)
"""How long a delivery that has ended is shown."""
FORGET_EVERY: Final = timedelta(minutes=1)
FORGOTTEN_AT_ONCE: Final = 1000
_BREATH_SECONDS: Final = 0.05
"""What ends within this is written down together."""


class Courier:
    """Carries events to endpoints. ``clock`` is the machine's time, UTC: receivers compare it with theirs."""

    def __init__(
        self,
        engine: Engine,
        vault: Vault,
        sender: Sender,
        clock: Callable[[], datetime],
        *,
        disable_after: timedelta = DISABLE_AFTER,
        keep: timedelta = KEPT,
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._sender = sender
        self._clock = clock
        self._disable_after = disable_after
        self._keep = keep
        self._forgets_at = clock()
        self._settled = SettledEvents()
        self._in_hand: Counter[UUID] = Counter()
        self._wires: defaultdict[UUID, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        self._sends: set[asyncio.Task[None]] = set()
        self._ended: list[Ended] = []

    async def run(
        self, stopping: Callable[[], bool], *, every: float, at_rest: float | None = None, patience: float = 5.0
    ) -> None:
        """Carry until ``stopping``, looking every so many seconds; then wait ``patience`` seconds for what is out.

        While there is nothing to carry, each wait is twice as long as the one before it, up to ``at_rest`` seconds.
        """
        longest = max(every, at_rest or every)
        pause = every
        while not stopping():
            try:
                moved = await self.step()
            except Exception as error:  # noqa: BLE001 - the courier outlives a database that does not
                log.error("courier_failed", error=told_plainly(error))
                moved = 0
            pause = min(longest, 2 * pause) if not moved and not self._sends else every
            if self._sends:
                await asyncio.wait(set(self._sends), timeout=every, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.sleep(_BREATH_SECONDS)
            elif moved == 0:
                await _rest(pause, stopping)
        if self._sends:
            await asyncio.wait(set(self._sends), timeout=patience)
        for each in self._sends:
            each.cancel()  # it is sent again, under the same id, when its lease has ended
        await self._write_down()

    async def carry_all(self) -> None:
        """Carry until nothing more is due at the clock's time."""
        while await self.step() or self._sends or self._ended:
            if self._sends:
                await asyncio.wait(set(self._sends))

    async def step(self) -> int:
        """Write down what has ended, put in line what has happened, and begin to send what is due; return how much."""
        await self._write_down()
        await self._forget()
        lined_up = await asyncio.to_thread(fan_out, self._engine.database, self._settled, now=self._clock())
        parcels = await asyncio.to_thread(
            collect, self._engine, self._vault, self._in_hand.copy(), IN_HAND, now=self._clock()
        )
        for parcel in parcels:
            self._in_hand[parcel.endpoint] += 1
            send = asyncio.create_task(self._send(parcel))
            self._sends.add(send)
            send.add_done_callback(self._sends.discard)
        return lined_up + len(parcels)

    async def _send(self, parcel: Parcel) -> None:
        try:
            async with self._wires[parcel.endpoint]:
                headers = signed(parcel.webhook_id, parcel.body, parcel.secrets, self._clock())
                answer = await self._sender.post(parcel.url, headers, parcel.body)
            self._ended.append((parcel, answer))
        finally:
            self._in_hand[parcel.endpoint] -= 1

    async def _forget(self) -> None:
        now = self._clock()
        if now >= self._forgets_at:
            self._forgets_at = now + FORGET_EVERY
            await asyncio.to_thread(self._forget_some, now - self._keep)

    def _forget_some(self, before: datetime) -> None:
        with self._engine.database.transaction() as tx:
            forget_ended(tx, before, FORGOTTEN_AT_ONCE)

    async def _write_down(self) -> None:
        ended, self._ended = self._ended, []
        if ended:
            await asyncio.to_thread(record, self._engine, ended, disable_after=self._disable_after, now=self._clock())


async def _rest(seconds: float, stopping: Callable[[], bool]) -> None:
    """Sleep, but not on when it is time to stop."""
    while seconds > 0 and not stopping():
        await asyncio.sleep(min(seconds, _BREATH_SECONDS))
        seconds -= _BREATH_SECONDS
