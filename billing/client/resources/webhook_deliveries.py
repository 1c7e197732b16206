"""Calls about webhook deliveries. Written by `make client` from the OpenAPI document."""

from collections.abc import Iterator

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import DeliveryState, WebhookDelivery
from billing.client.wire import Wire


class WebhookDeliveriesResource:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self,
        *,
        limit: int | Omit = OMIT,
        cursor: str | Omit | None = OMIT,
        endpoint_id: str | Omit | None = OMIT,
        event_id: str | Omit | None = OMIT,
        state: DeliveryState | Omit | None = OMIT,
    ) -> Page[WebhookDelivery]:
        """List deliveries, those of the newest events first."""
        return self._wire.ask(
            call(
                "GET",
                "/v1/webhook_deliveries",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "endpoint_id": endpoint_id,
                    "event_id": event_id,
                    "state": state,
                },
            ),
            Page[WebhookDelivery],
        )

    def get(self, delivery_id: str) -> WebhookDelivery:
        """Show a delivery."""
        return self._wire.ask(call("GET", f"/v1/webhook_deliveries/{in_path(delivery_id)}"), WebhookDelivery)

    def resend(
        self, delivery_id: str, *, reason: str | Omit | None = OMIT, idempotency_key: str | None = None
    ) -> WebhookDelivery:
        """Send an event to an endpoint again, under the same `webhook-id`, whatever became of it."""
        return self._wire.ask(
            call(
                "POST",
                f"/v1/webhook_deliveries/{in_path(delivery_id)}/resend",
                body={"reason": reason},
                key=idempotency_key,
            ),
            WebhookDelivery,
        )

    def iterate(
        self,
        *,
        limit: int | Omit = OMIT,
        endpoint_id: str | Omit | None = OMIT,
        event_id: str | Omit | None = OMIT,
        state: DeliveryState | Omit | None = OMIT,
    ) -> Iterator[WebhookDelivery]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = self.list(limit=limit, endpoint_id=endpoint_id, event_id=event_id, state=state, cursor=cursor)
            yield from page.data
            cursor, more = page.next_cursor, page.has_more
