"""Calls about webhook endpoints. Written by `make client` from the OpenAPI document."""

from collections.abc import Iterator, Sequence

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import DeletedWebhookEndpoint, EndpointState, Event, FreshWebhookEndpoint, WebhookEndpoint
from billing.client.wire import Wire


class WebhookEndpointsResource:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(
        self,
        *,
        url: str,
        reason: str | Omit | None = OMIT,
        event_types: Sequence[str] | Omit = OMIT,
        description: str | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> FreshWebhookEndpoint:
        """Have events sent to a URL, and show the secret that signs them, once."""
        return self._wire.ask(
            call(
                "POST",
                "/v1/webhook_endpoints",
                body={"reason": reason, "url": url, "event_types": event_types, "description": description},
                key=idempotency_key,
            ),
            FreshWebhookEndpoint,
        )

    def list(
        self, *, limit: int | Omit = OMIT, cursor: str | Omit | None = OMIT, state: EndpointState | Omit | None = OMIT
    ) -> Page[WebhookEndpoint]:
        """List the endpoints, oldest first."""
        return self._wire.ask(
            call("GET", "/v1/webhook_endpoints", query={"limit": limit, "cursor": cursor, "state": state}),
            Page[WebhookEndpoint],
        )

    def get(self, endpoint_id: str) -> WebhookEndpoint:
        """Show an endpoint."""
        return self._wire.ask(call("GET", f"/v1/webhook_endpoints/{in_path(endpoint_id)}"), WebhookEndpoint)

    def update(
        self,
        endpoint_id: str,
        *,
        reason: str | Omit | None = OMIT,
        url: str | Omit = OMIT,
        event_types: Sequence[str] | Omit = OMIT,
        description: str | Omit = OMIT,
    ) -> WebhookEndpoint:
        """Change URL, types or description; what is under way goes to where the endpoint is now."""
        return self._wire.ask(
            call(
                "PATCH",
                f"/v1/webhook_endpoints/{in_path(endpoint_id)}",
                body={"reason": reason, "url": url, "event_types": event_types, "description": description},
            ),
            WebhookEndpoint,
        )

    def delete(self, endpoint_id: str, *, reason: str | Omit | None = OMIT) -> DeletedWebhookEndpoint:
        """Remove an endpoint with its secret and its deliveries."""
        return self._wire.ask(
            call("DELETE", f"/v1/webhook_endpoints/{in_path(endpoint_id)}", query={"reason": reason}),
            DeletedWebhookEndpoint,
        )

    def disable(
        self, endpoint_id: str, *, reason: str | Omit | None = OMIT, idempotency_key: str | None = None
    ) -> WebhookEndpoint:
        """Send nothing to an endpoint; what happens meanwhile is sent when it is enabled again."""
        return self._wire.ask(
            call(
                "POST",
                f"/v1/webhook_endpoints/{in_path(endpoint_id)}/disable",
                body={"reason": reason},
                key=idempotency_key,
            ),
            WebhookEndpoint,
        )

    def enable(
        self, endpoint_id: str, *, reason: str | Omit | None = OMIT, idempotency_key: str | None = None
    ) -> WebhookEndpoint:
        """Send to an endpoint again, beginning with the oldest event that it missed."""
        return self._wire.ask(
            call(
                "POST",
                f"/v1/webhook_endpoints/{in_path(endpoint_id)}/enable",
                body={"reason": reason},
                key=idempotency_key,
            ),
            WebhookEndpoint,
        )

    def rotate_secret(
        self,
        endpoint_id: str,
        *,
        reason: str | Omit | None = OMIT,
        overlap_hours: int | Omit = OMIT,
        end_previous: bool | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> FreshWebhookEndpoint:
        """Give an endpoint another secret and show it, once."""
        return self._wire.ask(
            call(
                "POST",
                f"/v1/webhook_endpoints/{in_path(endpoint_id)}/rotate-secret",
                body={"reason": reason, "overlap_hours": overlap_hours, "end_previous": end_previous},
                key=idempotency_key,
            ),
            FreshWebhookEndpoint,
        )

    def test(self, endpoint_id: str, *, reason: str | Omit | None = OMIT, idempotency_key: str | None = None) -> Event:
        """Have a `webhook_endpoint.test` event sent to this endpoint, and to no other."""
        return self._wire.ask(
            call(
                "POST",
                f"/v1/webhook_endpoints/{in_path(endpoint_id)}/test",
                body={"reason": reason},
                key=idempotency_key,
            ),
            Event,
        )

    def iterate(
        self, *, limit: int | Omit = OMIT, state: EndpointState | Omit | None = OMIT
    ) -> Iterator[WebhookEndpoint]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = self.list(limit=limit, state=state, cursor=cursor)
            yield from page.data
            cursor, more = page.next_cursor, page.has_more
