"""Greenlets in one thread: who goes on at each statement, commit and call is drawn from the seed."""

import hashlib
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from greenlet import greenlet

from tests.simulation.clock import Clock

if TYPE_CHECKING:
    from tests.simulation.process import Process


class Crash(BaseException):
    """The process dies. No ``except Exception`` of the engine may notice."""


class Trace:
    """A hash of everything that happened, in order; with ``show``, every line of it on the screen."""

    def __init__(self, *, show: bool) -> None:
        self._hash = hashlib.blake2b(digest_size=12)
        self._show = show
        self._now: datetime | None = None
        self.steps = 0

    def write(self, now: datetime, who: str, what: str) -> None:
        self.steps += 1
        if now is not self._now:
            self._now = now
            self._hash.update(now.isoformat().encode())
        self._hash.update(f"{who} {what}\n".encode())
        if self._show:
            print(f"{now:%Y-%m-%d %H:%M:%S} {who:10} {what}")

    def digest(self) -> str:
        return self._hash.hexdigest()


class Task:
    """One thing a process does: a sweep, a request, a delivery."""

    def __init__(self, process: "Process", name: str, act: Callable[[], Any], on_end: Callable[[bool], None]) -> None:
        self.process = process
        self.name = name
        self.act = act
        self.on_end = on_end
        self.wakes_at: datetime | None = None
        self.wants_the_lock = False
        self.crashed = False
        self.greenlet = greenlet(self._run)

    def _run(self) -> None:
        try:
            self.act()
        except Crash:
            self.crashed = True


class Scheduler:
    """Runs tasks a point at a time, and knows which of them holds SQLite's one write lock."""

    def __init__(self, seed: int, clock: Clock, trace: Trace) -> None:
        self._rng = random.Random(f"{seed}/schedule")
        self.clock = clock
        self.trace = trace
        self.tasks: list[Task] = []
        self.running: Task | None = None
        self.writer: Task | None = None
        self.dying: Process | None = None

    def spawn(
        self, process: "Process", name: str, act: Callable[[], Any], on_end: Callable[[bool], None] = lambda _died: None
    ) -> None:
        """Let a process do something as soon as its turn comes. ``on_end`` is told whether it died of it."""
        self.tasks.append(Task(process, name, act, on_end))

    def busy(self, process: "Process") -> int:
        return sum(task.process is process for task in self.tasks)

    def step(self) -> bool:
        """Let one task go on to its next point; return False when none can."""
        ready = [task for task in self.tasks if self._can_go_on(task)]
        if not ready:
            return False
        self._resume(ready[0] if len(ready) == 1 else self._rng.choice(ready))
        if self.dying is not None:
            process, self.dying = self.dying, None
            self.kill(process)
        return True

    def next_waking(self) -> datetime | None:
        return min((task.wakes_at for task in self.tasks if task.wakes_at is not None), default=None)

    def point(self, label: str) -> None:
        """Hand over: called by the running task wherever another may come between."""
        task = self.running
        if task is None:
            return
        self.trace.write(self.clock.now, task.name, label)
        if len(self.tasks) > 1:
            self._hand_over(task)

    def sleep(self, seconds: float) -> None:
        """Let time pass for the running task; everybody else goes on."""
        if self.running is not None:
            self.running.wakes_at = self.clock.now + timedelta(seconds=seconds)
            self._hand_over(self.running)

    def take_the_lock(self) -> None:
        """Wait, without blocking the thread, until nobody writes; then be the writer."""
        task = self.running
        if task is None:
            return
        while self.writer is not None and self.writer is not task:
            task.wants_the_lock = True
            self._hand_over(task)
        task.wants_the_lock = False
        self.writer = task

    def release_the_lock(self) -> None:
        if self.writer is self.running:
            self.writer = None

    def kill(self, process: "Process") -> None:
        """End every task of a process, as its death does."""
        process.die()
        for task in [task for task in self.tasks if task.process is process]:
            if task.greenlet:
                self.running = task
                task.greenlet.throw(Crash)
                self.running = None
            task.crashed = True
            self._end(task)
        process.close_connections()

    def _can_go_on(self, task: Task) -> bool:
        if task.wakes_at is not None and task.wakes_at > self.clock.now:
            return False
        return not (task.wants_the_lock and self.writer is not None)

    def _resume(self, task: Task) -> None:
        task.wakes_at = None
        self.running = task
        task.greenlet.switch()
        self.running = None
        if task.greenlet.dead:
            self._end(task)

    def _end(self, task: Task) -> None:
        if self.writer is task:
            self.writer = None
        self.tasks.remove(task)
        task.on_end(task.crashed)

    def _hand_over(self, task: Task) -> None:
        task.greenlet.parent.switch()
        self.running = task
