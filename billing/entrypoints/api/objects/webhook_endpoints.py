"""What webhook endpoints and deliveries to them are to a client."""

from datetime import datetime
from typing import Any, Literal, Self

from billing.domain.deliveries import DeliveryState, EndpointState
from billing.entrypoints.api.ids import DeliveryId, EndpointId, EventId
from billing.entrypoints.api.objects.events import EventType
from billing.entrypoints.api.paging import ListOf
from billing.entrypoints.api.shapes import Answered
from billing.store.deliveries import DeliveryRow
from billing.store.endpoints import EndpointRow


class WebhookEndpoint(Answered):
    """Where events are sent. ``disabled_because`` is ``requested``, ``failing`` or ``gone`` (it answered 410).

    ``failing_since`` is the first failure since it last took something. Until ``previous_secret_ends_at`` the secret
    before the last rotation signs too.
    """

    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    id: EndpointId
    url: str
    description: str
    event_types: list[str]
    state: EndpointState
    disabled_because: str | None
    failing_since: datetime | None
    previous_secret_ends_at: datetime | None
    created_at: datetime
    created_by: str

    @classmethod
    def of(cls, row: EndpointRow) -> Self:
        """Return an endpoint as it is shown, without its secret."""
        return cls(**_shown(row))


class FreshWebhookEndpoint(WebhookEndpoint):
    """An endpoint with its ``secret``, which is shown this once: not again, nor to the same request sent again."""

    secret: str | None

    @classmethod
    def with_secret(cls, row: EndpointRow, secret: str) -> Self:
        """Return an endpoint with its new secret."""
        return cls(**_shown(row), secret=secret)


class DeletedWebhookEndpoint(Answered):
    """An endpoint that is no more."""

    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    id: EndpointId
    deleted: Literal[True] = True


class WebhookEndpointList(ListOf[WebhookEndpoint]):
    """The endpoints, oldest first."""


class WebhookDelivery(Answered):
    """An event that an endpoint is, was or could not be sent.

    ``status``, ``answer`` (its first kilobyte), ``error`` and ``milliseconds`` tell of the last try. ``next_try_at``
    is null once it has ended.
    """

    object: Literal["webhook_delivery"] = "webhook_delivery"
    id: DeliveryId
    endpoint_id: EndpointId
    event_id: EventId
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

    @classmethod
    def of(cls, row: DeliveryRow) -> Self:
        """Return a delivery as it is shown."""
        return cls(**delivery_shown(row))


class WebhookDeliveryList(ListOf[WebhookDelivery]):
    """A page of deliveries, those of the newest events first."""


def delivery_shown(row: DeliveryRow) -> dict[str, Any]:
    """Return the fields of a delivery by their names."""
    fields = {name: getattr(row, name) for name in DeliveryRow.__dataclass_fields__}
    return fields | {"next_try_at": row.next_try_at if row.state is DeliveryState.PENDING else None}


def _shown(row: EndpointRow) -> dict[str, Any]:
    names = ("id", "url", "description", "event_types", "state", "disabled_because", "failing_since", "created_at")
    shown = {name: getattr(row, name) for name in names}
    return shown | {"created_by": row.created_by, "previous_secret_ends_at": row.previous_ends_at}
