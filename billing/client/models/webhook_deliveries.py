"""What calls about webhook deliveries answer. Written by `make client` from the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import SkipValidation

from billing.client.answers import Answer
from billing.client.models.shared import EventType

DeliveryState = Annotated[Literal["pending", "delivered", "failed"], SkipValidation]


class WebhookDelivery(Answer):
    """An event that an endpoint is, was or could not be sent.

    ``status``, ``answer`` (its first kilobyte), ``error`` and ``milliseconds`` tell of the last try. ``next_try_at``
    is null once it has ended.
    """

    object: Literal["webhook_delivery"] = "webhook_delivery"
    id: str
    endpoint_id: str
    event_id: str
    event_type: EventType
    state: DeliveryState
    tries: int
    queued_at: datetime
    tried_at: datetime | None
    next_try_at: datetime | None
    delivered_at: datetime | None
    status: int | None
    answer: str | None
    error: str | None
    milliseconds: int | None
