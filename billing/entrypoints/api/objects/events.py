"""What an event is to a client, in the feed and in a webhook alike."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import WithJsonSchema
from typing_extensions import TypeAliasType

from billing.domain.public_events import PUBLIC_TYPES
from billing.entrypoints.api.ids import CustomerId, EventId, SubscriptionId
from billing.entrypoints.api.paging import ListOf
from billing.entrypoints.api.shapes import Answered

EventType = TypeAliasType(
    "EventType", Annotated[str, WithJsonSchema({"type": "string", "enum": list(PUBLIC_TYPES), "title": "EventType"})]
)
"""A public type of event. Later versions may add some."""


class Subject(Answered):
    """What an event is about. A plan's id is its code."""

    object: str
    id: str


class Event(Answered):
    """Something that happened. The types and what is in ``data`` are listed in the documentation of webhooks.

    ``sequence`` grows with each event of the same subject: a greater one is later, whatever order they arrive in.
    ``subscription_id`` and ``customer_id`` are the ids of whom it concerns.
    """

    object: Literal["event"] = "event"
    id: EventId
    type: EventType
    created_at: datetime
    sequence: int
    subject: Subject
    subscription_id: SubscriptionId | None
    customer_id: CustomerId | None
    data: dict[str, Any]

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Event":
        """Return the event that is told so outside."""
        return cls.model_validate(told)


class EventList(ListOf[Event]):
    """A page of events, oldest first. Its ``next_cursor`` is always there: later events are found with it."""
