"""Makes due things happen: by itself as time goes by, or when a frozen clock is moved."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from billing.sandbox.courier import Courier
from billing.sandbox.instants import SECOND, Instant
from billing.sandbox.records import Task
from billing.sandbox.refunds import settle_refund
from billing.sandbox.settling import agree_due, capture_late, expire_due, settle_due
from billing.sandbox.statuses.following import return_due
from billing.sandbox.world import World

_log = logging.getLogger(__name__)

DUTIES: Final[dict[str, Callable[[World, Task], None]]] = {
    "settle": settle_due,
    "late_capture": capture_late,
    "expire": expire_due,
    "agree": agree_due,
    "refund": settle_refund,
    "return": return_due,
    "list": lambda world, task: world.ledger.list_now(task.subject),
}


class Runner:
    """The sandbox's heartbeat. ``wake`` is set whenever the agenda or the clock changes."""

    def __init__(self, world: World, courier: Courier, wake: asyncio.Event) -> None:
        self._world = world
        self._courier = courier
        self._wake = wake
        self._moving = asyncio.Lock()

    async def run(self) -> None:
        """Do what is due, sleep until the next thing; for ever."""
        while True:
            self._wake.clear()
            try:
                self.step()
            except Exception:  # noqa: BLE001 - a fault of ours in one payment must not stop the time of all others
                _log.exception("the sandbox failed to do something that was due")
            try:
                await asyncio.wait_for(self._wake.wait(), self._sleep_seconds())
            except TimeoutError:
                continue

    def _sleep_seconds(self) -> float | None:
        """Real seconds to the next due thing; a frozen clock brings none nearer."""
        due = self._world.agenda.next_due
        if due is None or self._world.clock.frozen is not None:
            return None
        return max(0.0, (due - self._world.clock.now()) / SECOND)

    def step(self) -> None:
        """Do everything due at the present instant; deliveries are only started."""
        agenda = self._world.agenda
        while (task := agenda.take_due(self._world.clock.now())) is not None:
            if task.kind == "deliver":
                self._courier.send(task)
            else:
                DUTIES[task.kind](self._world, task)
                agenda.done(task)
        self._world.store.flush()

    async def drain(self) -> None:
        """Return when everything due at the present instant has been attempted."""
        while True:
            self.step()
            await self._courier.settled()
            due = self._world.agenda.next_due
            if due is None or due > self._world.clock.now():
                return

    async def move(self, target: Instant) -> None:
        """Move the clock to an instant, stopping at each due thing on the way and finishing it there."""
        async with self._moving:
            clock, agenda = self._world.clock, self._world.agenda
            if clock.frozen is None:
                clock.frozen = min(target, clock.now())
            while True:
                await self.drain()
                due = agenda.next_due
                if due is None or due > target or agenda is not self._world.agenda:
                    break
                clock.frozen = max(due, clock.now())
            clock.frozen = target  # of the clock it began with: a reset has brought another
        self._wake.set()
