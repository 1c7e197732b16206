"""The tables of what is told to others: their endpoints, and each event that one of them is to be sent."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, Column, ForeignKey, Index, Text
from sqlmodel import Field, SQLModel

from billing.domain.deliveries import DeliveryState, EndpointState
from billing.store.columns import Sequence, enum_of, instant, partial_index

PENDING = "state = 'pending'"
ENDED = "state <> 'pending'"
FAILED = "state = 'failed'"


class WebhookEndpoint(SQLModel, table=True):
    """Where events are sent. Instants are the machine's."""

    __tablename__ = "webhook_endpoint"

    id: UUID = Field(primary_key=True)
    url: str = Field(max_length=1000)
    description: str = Field(max_length=200)
    event_types: list[str] = Field(sa_type=JSON)
    """Public types, ``invoice.*`` or ``*``; none means all."""
    state: EndpointState = Field(sa_type=enum_of(EndpointState))
    disabled_because: str | None = Field(default=None, max_length=20)
    """``requested``, ``failing`` or ``gone``; null while it is enabled."""
    sealed_secret: str = Field(sa_type=Text)
    sealed_previous: str | None = Field(default=None, sa_type=Text)
    previous_ends_at: datetime | None = instant(nullable=True)
    """The secret before the last rotation signs too until then."""
    queued_to: int = Field(sa_column=Column(Sequence, nullable=False))
    """The last event that was looked at for this endpoint. While it is disabled this stands still: none is missed."""
    failing_since: datetime | None = instant(nullable=True)
    """The first failure since it last took something."""
    created_at: datetime = instant()
    created_by: str = Field(max_length=100)


class WebhookDelivery(SQLModel, table=True):
    """An event that an endpoint is to be sent, and how the last try ended. Instants are the machine's."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        Index("one_delivery_of_an_event", "endpoint_id", "event_id", unique=True),
        partial_index("delivery_to_send", "endpoint_id", "next_try_at", "event_id", where=PENDING),
        partial_index("ended_delivery", "tried_at", where=ENDED),
        partial_index("failed_delivery", "event_id", "id", where=FAILED),
    )

    id: UUID = Field(primary_key=True)
    endpoint_id: UUID = Field(sa_column=Column(ForeignKey("webhook_endpoint.id", ondelete="CASCADE"), nullable=False))
    event_id: int = Field(sa_column=Column(Sequence, ForeignKey("event.id"), nullable=False, index=True))
    event_type: str = Field(max_length=60)
    """The public type."""
    state: DeliveryState = Field(sa_type=enum_of(DeliveryState))
    tries: int = 0
    queued_at: datetime = instant()
    """When it was last put in line: by the event, by hand, or when its endpoint was enabled again."""
    next_try_at: datetime = instant()
    """While it is being sent, the instant from which another process may send it: its sender has died."""
    tried_at: datetime | None = instant(nullable=True)
    delivered_at: datetime | None = instant(nullable=True)
    status: int | None = None
    answer: str | None = Field(default=None, sa_type=Text)
    """The first kilobyte of the last answer."""
    error: str | None = Field(default=None, max_length=200)
    milliseconds: int | None = None
