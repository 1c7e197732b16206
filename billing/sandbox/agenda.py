"""What is to happen, in order of time."""

import heapq
from collections.abc import Callable
from typing import Any

from billing.sandbox.instants import Instant
from billing.sandbox.records import Task
from billing.sandbox.store import Store


class Agenda:
    """A queue by due instant; those of one instant keep the order in which they were added."""

    def __init__(self, store: Store, wake: Callable[[], None]) -> None:
        self._store = store
        self._wake = wake
        self._tasks: list[Task] = []
        self._number = 0
        self._canceled: set[tuple[str, str]] = set()

    def load(self) -> None:
        """Take up what an earlier process left undone."""
        self._tasks = [Task(**document) for document in self._store.load("task")]
        heapq.heapify(self._tasks)
        self._number = max((task.number for task in self._tasks), default=0)

    def add(self, due: Instant, kind: str, subject: str, **detail: Any) -> None:
        self._number += 1
        task = Task(due, self._number, kind, subject, detail)
        heapq.heappush(self._tasks, task)
        self._store.put("task", str(task.number), task)
        self._wake()

    def cancel(self, kind: str, subject: str) -> None:
        """The task of this kind and subject, which must be on the agenda, need not be done any more."""
        self._canceled.add((kind, subject))

    @property
    def next_due(self) -> Instant | None:
        self._discard_canceled()
        return self._tasks[0].due if self._tasks else None

    def _discard_canceled(self) -> None:
        """Canceled tasks leave when they come to the front: looking for them inside would cost too much."""
        while self._tasks and (self._tasks[0].kind, self._tasks[0].subject) in self._canceled:
            task = heapq.heappop(self._tasks)
            self._canceled.discard((task.kind, task.subject))
            self.done(task)

    def take_due(self, now: Instant) -> Task | None:
        """Take the earliest task that is due; it stays on file until ``done``."""
        self._discard_canceled()
        if self._tasks and self._tasks[0].due <= now:
            return heapq.heappop(self._tasks)
        return None

    def done(self, task: Task) -> None:
        self._store.drop("task", str(task.number))

    def drop_deliveries(self) -> None:
        """Forget what was to be sent to the receiver set by hand: there is none any more."""
        gone = [task for task in self._tasks if task.kind == "deliver" and "receiver" not in task.detail]
        numbers = {task.number for task in gone}
        self._tasks = [task for task in self._tasks if task.number not in numbers]
        heapq.heapify(self._tasks)
        for task in gone:
            self.done(task)
