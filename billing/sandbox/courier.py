"""Delivering events: signed, over one shared session, with the real retry schedule."""

import asyncio
import contextlib

import aiohttp

from billing.sandbox.defaults import WEBHOOK_RETRIES
from billing.sandbox.instants import seconds
from billing.sandbox.records import Event, Task
from billing.sandbox.webhooks import sign
from billing.sandbox.world import World


class Courier:
    """Sends what is due. The events of one payment go one after another, those of several at once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._session: aiohttp.ClientSession | None = None
        self._tails: dict[str, asyncio.Task[None]] = {}
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
        """Start a delivery, behind an unfinished one of the same payment."""
        event = self._world.events.get(task.subject)
        if event is None:
            self._world.agenda.done(task)
            return
        before = self._tails.get(event.payment_id)
        running = asyncio.create_task(self._attempt(event, task, before))
        self._tails[event.payment_id] = running
        self._under_way.add(running)
        running.add_done_callback(lambda done: self._finished(event.payment_id, done))

    def _finished(self, payment_id: str, done: asyncio.Task[None]) -> None:
        self._under_way.discard(done)
        if self._tails.get(payment_id) is done:
            del self._tails[payment_id]

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
        copies = [self._post(event, wrong_key=task.detail["wrong_key"]) for _ in range(task.detail["copies"])]
        statuses = await asyncio.gather(*copies)
        self._record(event, task, statuses[0])

    async def _post(self, event: Event, *, wrong_key: bool) -> int:
        """POST the event once; 0 stands for no answer in time."""
        webhooks, body = self._world.webhooks, event.body.encode()
        key = f"{webhooks.key}-of-another-account" if wrong_key else webhooks.key
        headers = {"Content-Type": "application/json; charset=utf-8", "Cko-Signature": sign(body, key)}
        if webhooks.authorization is not None:
            headers["Authorization"] = webhooks.authorization
        timeout = aiohttp.ClientTimeout(total=self._world.faults.webhook_timeout_seconds)
        async with self._slots:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError, ValueError):
                post = self._open_session().post
                url = webhooks.url or ""
                async with post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False) as answer:
                    return answer.status
        return 0

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No limit here: the slots are the limit, and waiting for one must not eat into the timeout.
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._session

    def _record(self, event: Event, task: Task, status: int) -> None:
        """Note the attempt. Anything but 2xx is tried again by the schedule, and at its end dropped."""
        world, attempt = self._world, task.detail["attempt"]
        ok = 200 <= status < 300
        final = ok or attempt > len(WEBHOOK_RETRIES) or world.webhooks.url is None
        at = world.clock.now()
        event.tries.append({"at": at, "attempt": attempt, "status": status, "ok": ok, "final": final})
        world.keep_event(event)
        world.agenda.done(task)
        if not final:
            due = at + seconds(WEBHOOK_RETRIES[attempt - 1] / world.faults.time_scale)
            world.agenda.add(due, "deliver", event.id, attempt=attempt + 1, copies=1, wrong_key=False)
        world.store.flush()
