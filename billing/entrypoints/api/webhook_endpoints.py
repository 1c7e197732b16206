"""Endpoints that events are sent to, for those who may give keys out."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query

from billing.bootstrap import make_vault
from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.errors import invalid, telling_current
from billing.entrypoints.api.event_models import EndpointChanges, EndpointQuery, NewEndpoint, SecretRotation
from billing.entrypoints.api.ids import EndpointId
from billing.entrypoints.api.managing import managed
from billing.entrypoints.api.objects.events import Event
from billing.entrypoints.api.objects.webhook_endpoints import (
    DeletedWebhookEndpoint,
    FreshWebhookEndpoint,
    WebhookEndpoint,
    WebhookEndpointList,
)
from billing.entrypoints.api.paging import read_cursor, write_cursor
from billing.entrypoints.api.shapes import Reasoned, ReasonedQuery
from billing.entrypoints.clock import machine_now
from billing.operations import webhook_endpoints as acts
from billing.operations.engine import NotFound
from billing.operations.request_keys import secret_lost
from billing.outbox.addresses import networks_of
from billing.store.endpoints import list_endpoints, load_endpoint
from billing.store.public_facts import load_recorded, told_outside

router = APIRouter(prefix="/v1/webhook_endpoints", tags=["webhook_endpoints"])
_LIST: Final = "webhook_endpoints"
_PLACE: Final = r"[0-9]{1,3}"


@router.post("", status_code=201, operation_id="create_webhook_endpoint")
def create(wanted: NewEndpoint, desk: DeskOfRequest) -> FreshWebhookEndpoint:
    """Have events sent to a URL, and show the secret that signs them, once

    It is sent what happens from now on. There are at most 20 endpoints.
    """
    desk = desk.because(wanted)
    with _naming_fields():
        made = desk.once(
            "create_webhook_endpoint",
            lambda _now: acts.create_endpoint(
                desk.engine,
                make_vault(desk.settings),
                wanted.url,
                event_types=wanted.event_types,
                description=wanted.description,
                is_live=desk.is_live,
                allowed=networks_of(desk.settings.allowed_networks()),
                now=machine_now(),
            ),
            again=lambda made, _now: _redrawn(desk, made),
        )
    return FreshWebhookEndpoint.with_secret(made.row, made.secret)


@router.get("", operation_id="list_webhook_endpoints")
def read_endpoints(query: Annotated[EndpointQuery, Query()], desk: DeskOfRequest) -> WebhookEndpointList:
    """List the endpoints, oldest first."""
    begin = int(read_cursor(_LIST, query.cursor, _PLACE)[0]) if query.cursor else 0
    with desk.reading() as tx:
        rows = list_endpoints(tx, state=query.state)[begin:]
    more = len(rows) > query.limit
    return WebhookEndpointList(
        data=[WebhookEndpoint.of(row) for row in rows[: query.limit]],
        has_more=more,
        next_cursor=write_cursor(_LIST, str(begin + query.limit)) if more else None,
    )


@router.get("/{endpoint_id}", operation_id="get_webhook_endpoint")
def read_endpoint(endpoint_id: EndpointId, desk: DeskOfRequest) -> WebhookEndpoint:
    """Show an endpoint."""
    return _shown(desk, endpoint_id)


@router.patch("/{endpoint_id}", operation_id="update_webhook_endpoint")
def update(endpoint_id: EndpointId, wanted: EndpointChanges, desk: DeskOfRequest) -> WebhookEndpoint:
    """Change URL, types or description; what is under way goes to where the endpoint is now."""
    desk = desk.because(wanted)
    changes = wanted.model_dump(exclude_unset=True, exclude={"reason"})
    with _naming_fields():
        return managed(
            desk,
            "update_webhook_endpoint",
            lambda _now: acts.update_endpoint(
                desk.engine,
                endpoint_id,
                changes,
                is_live=desk.is_live,
                allowed=networks_of(desk.settings.allowed_networks()),
                now=machine_now(),
            ),
            lambda: _shown(desk, endpoint_id),
            about=endpoint_id,
        )


@router.delete("/{endpoint_id}", operation_id="delete_webhook_endpoint")
def delete(
    query: Annotated[ReasonedQuery, Query()], endpoint_id: EndpointId, desk: DeskOfRequest
) -> DeletedWebhookEndpoint:
    """Remove an endpoint with its secret and its deliveries."""
    desk = desk.because(query)
    desk.act(
        "delete_webhook_endpoint",
        lambda _now: acts.remove_endpoint(desk.engine, endpoint_id, now=machine_now()),
        about=endpoint_id,
    )
    return DeletedWebhookEndpoint(id=endpoint_id)


@router.post("/{endpoint_id}/disable", operation_id="disable_webhook_endpoint")
def disable(endpoint_id: EndpointId, desk: DeskOfRequest, wanted: Reasoned | None = None) -> WebhookEndpoint:
    """Send nothing to an endpoint; what happens meanwhile is sent when it is enabled again."""
    desk = desk.because(wanted)
    return managed(
        desk,
        "disable_webhook_endpoint",
        lambda _now: acts.disable_endpoint(desk.engine, endpoint_id, now=machine_now()),
        lambda: _shown(desk, endpoint_id),
        about=endpoint_id,
    )


@router.post("/{endpoint_id}/enable", operation_id="enable_webhook_endpoint")
def enable(endpoint_id: EndpointId, desk: DeskOfRequest, wanted: Reasoned | None = None) -> WebhookEndpoint:
    """Send to an endpoint again, beginning with the oldest event that it missed."""
    desk = desk.because(wanted)
    return managed(
        desk,
        "enable_webhook_endpoint",
        lambda _now: acts.enable_endpoint(desk.engine, endpoint_id, now=machine_now()),
        lambda: _shown(desk, endpoint_id),
        about=endpoint_id,
    )


@router.post("/{endpoint_id}/rotate-secret", operation_id="rotate_webhook_endpoint_secret")
def rotate_secret(
    endpoint_id: EndpointId, desk: DeskOfRequest, wanted: SecretRotation | None = None
) -> FreshWebhookEndpoint:
    """Give an endpoint another secret and show it, once

    Both sign until the overlap ends. While the one before still signs a second rotation would end it, and whoever
    verifies with it would trust nothing any more: it is refused, unless `end_previous` is true.
    """
    desk = desk.because(wanted)
    how = wanted or SecretRotation()
    with telling_current(lambda: _shown(desk, endpoint_id)):
        made = desk.once(
            "rotate_webhook_endpoint_secret",
            lambda _now: acts.rotate_secret(
                desk.engine,
                make_vault(desk.settings),
                endpoint_id,
                overlap=timedelta(hours=how.overlap_hours),
                now=machine_now(),
                end_previous=how.end_previous,
            ),
            again=lambda made, _now: _redrawn(desk, made),
            about=endpoint_id,
        )
    return FreshWebhookEndpoint.with_secret(made.row, made.secret)


@router.post("/{endpoint_id}/test", operation_id="test_webhook_endpoint")
def send_test(endpoint_id: EndpointId, desk: DeskOfRequest, wanted: Reasoned | None = None) -> Event:
    """Have a `webhook_endpoint.test` event sent to this endpoint, and to no other."""
    desk = desk.because(wanted)
    with telling_current(lambda: _shown(desk, endpoint_id)):
        number = desk.once(
            "test_webhook_endpoint",
            lambda _now: acts.test_endpoint(desk.engine, endpoint_id, now=machine_now()),
            again=lambda made, _now: int(made),
            about=endpoint_id,
        )
    with desk.reading() as tx:
        return Event.of(told_outside(tx, load_recorded(tx, [number]))[number])


def _redrawn(desk: Desk, made: str) -> acts.FreshSecret:
    endpoint_id, _ = secret_lost(made)
    with telling_current(lambda: _shown(desk, endpoint_id)):
        return acts.redraw_secret(desk.engine, make_vault(desk.settings), made, now=machine_now())


@contextmanager
def _naming_fields() -> Iterator[None]:
    try:
        yield
    except acts.BadEndpoint as refusal:
        raise invalid({refusal.field: refusal.detail}) from refusal


def _shown(desk: Desk, endpoint_id: UUID) -> WebhookEndpoint:
    with desk.reading() as tx:
        row = load_endpoint(tx, endpoint_id)
    if row is None:
        raise NotFound("there is no endpoint of this id")
    return WebhookEndpoint.of(row)
