"""The feed of events, for SaaS backends that poll."""

import threading
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from billing.entrypoints.api.desk import DeskOfRequest
from billing.entrypoints.api.models import EventQuery
from billing.store.subscription_views import Horizon, list_events, read_horizon

router = APIRouter(prefix="/v1/events", tags=["events"])


class EventAnswer(BaseModel):
    id: int
    at: datetime
    actor: str
    type: str
    subject_type: str
    subject_id: str
    subscription_id: UUID | None
    from_state: str | None
    to_state: str | None
    data: dict[str, Any]


class EventsAnswer(BaseModel):
    """Ask again with ``after`` = ``next_after``, at once if ``has_more``."""

    events: list[EventAnswer]
    next_after: int
    has_more: bool


class SettledEvents:
    """Up to which event no older one can appear any more, so that a reader who goes on from there misses none.

    An event draws its number before its transaction commits. What is the newest at one moment is settled as soon
    as every transaction that ran at that moment has ended.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settled = 0
        self._waiting: Horizon | None = None

    def up_to(self, seen: Horizon) -> int:
        """Take note of a moment and return the newest settled event."""
        with self._lock:
            if seen.oldest == seen.next:
                self._settled, self._waiting = max(self._settled, seen.newest), None
            elif self._waiting is None:
                self._waiting = seen
            elif seen.oldest >= self._waiting.next:
                self._settled, self._waiting = max(self._settled, self._waiting.newest), seen
            return self._settled


@router.get("")
def read_events(query: Annotated[EventQuery, Query()], request: Request, desk: DeskOfRequest) -> EventsAnswer:
    """List events in the order of their ids, from the one behind `after`. None is ever left out."""
    settled: SettledEvents = request.app.state.settled_events
    with desk.reading() as tx:
        up_to = settled.up_to(read_horizon(tx))
        rows = list_events(tx, after=query.after, up_to=up_to, limit=query.limit)
    events = [EventAnswer.model_validate(row._asdict()) for row in rows]
    last = events[-1].id if events else query.after
    return EventsAnswer(events=events, next_after=last, has_more=len(events) == query.limit)
