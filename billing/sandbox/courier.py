"""Delivering events: signed, over one shared session, with the real retry schedule."""

import asyncio
import contextlib

import aiohttp

from billing.sandbox.defaults import WEBHOOK_RETRIES
from billing.sandbox.instants import seconds
from billing.sandbox.records import Event, Task
from billing.sandbox.webhooks import sign
from billing.sandbox.workflows.dispatch import Receiver, by_hand
from billing.sandbox.world import World


class Courier:
    """Sends what is due. The events of one payment go to a receiver one after another, those of several at once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._session: aiohttp.ClientSession | None = None
        self._tails: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self.begin()

    def begin(self) -> None:
        """Forget what is under way: a reset has come."""
        for task in self._under_way:
            task.cancel()
        self._under_way.clear()
        self._tails.clear()
        self.resize()

    def resize(self) -> None:
        """Take up the present limit of deliveries at one time; those under way keep the old one."""
        self._slots = asyncio.Semaphore(self._world.faults.webhook_concurrency)

    def send(self, task: Task) -> None:
        """Start a delivery, behind an unfinished one of the same payment to the same receiver."""
        event = self._world.events.get(task.subject)
        if event is None:
            self._world.agenda.done(task)
            return
        queue = (event.payment_id, task.detail.get("receiver", {}).get("action", ""))
        running = asyncio.create_task(self._attempt(event, task, self._tails.get(queue)))
        self._tails[queue] = running
        self._under_way.add(running)
        running.add_done_callback(lambda done: self._finished(queue, done))

    def _finished(self, queue: tuple[str, str], done: asyncio.Task[None]) -> None:
        self._under_way.discard(done)
        if self._tails.get(queue) is done:
            del self._tails[queue]

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def close(self) -> None:
        self.begin()
        if self._session is not None:
            await self._session.close()

    async def _attempt(self, event: Event, task: Task, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        receiver = self._receiver(task)
        wrong_key = task.detail["wrong_key"]
        copies = [self._post(event, receiver, wrong_key=wrong_key) for _ in range(task.detail["copies"])]
        statuses = await asyncio.gather(*copies)
        self._record(event, task, receiver, statuses[0])

    def _receiver(self, task: Task) -> Receiver | None:
        """A workflow's webhook as it was at the time of the event, or the one set by hand as it is now."""
        named = task.detail.get("receiver")
        return by_hand(self._world.webhooks) if named is None else Receiver(**named)

    async def _post(self, event: Event, receiver: Receiver | None, *, wrong_key: bool) -> int:
        """POST the event once; 0 stands for no answer in time."""
        if receiver is None:
            return 0
        body = event.body.encode()
        headers = receiver.headers | {"Content-Type": "application/json; charset=utf-8"}
        if receiver.key is not None:
            key = f"{receiver.key}-of-another-account" if wrong_key else receiver.key
            headers["Cko-Signature"] = sign(body, key)
        timeout = aiohttp.ClientTimeout(total=self._world.faults.webhook_timeout_seconds)
        async with self._slots:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError, ValueError):
                post = self._open_session().post
                url = receiver.url
                async with post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False) as answer:
                    return answer.status
        return 0

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No limit here: the slots are the limit, and waiting for one must not eat into the timeout.
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._session

    def _record(self, event: Event, task: Task, receiver: Receiver | None, status: int) -> None:
        """Note the attempt. Anything but 2xx is tried again by the schedule, and at its end dropped."""
        world, attempt = self._world, task.detail["attempt"]
        ok = 200 <= status < 300
        final = ok or attempt > len(WEBHOOK_RETRIES) or receiver is None or not receiver.retry
        at = world.clock.now()
        entry = {"at": at, "attempt": attempt, "status": status, "ok": ok, "final": final}
        named = task.detail.get("receiver")
        if named is not None:
            entry |= {"action": named["action"], "workflow": named["workflow"]}
        event.tries.append(entry)
        world.keep_event(event)
        world.agenda.done(task)
        if not final:
            due = at + seconds(WEBHOOK_RETRIES[attempt - 1] / world.faults.time_scale)
            again = task.detail | {"attempt": attempt + 1, "copies": 1, "wrong_key": False}
            world.agenda.add(due, "deliver", event.id, **again)
        world.store.flush()
