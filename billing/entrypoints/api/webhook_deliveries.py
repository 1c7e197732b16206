"""The log of deliveries: what endpoints were sent, and what they answered."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query

from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.event_models import DeliveryQuery
from billing.entrypoints.api.ids import DeliveryId
from billing.entrypoints.api.managing import managed
from billing.entrypoints.api.objects.webhook_endpoints import WebhookDelivery, WebhookDeliveryList
from billing.entrypoints.api.paging import read_cursor, write_cursor
from billing.entrypoints.api.shapes import Reasoned
from billing.entrypoints.clock import machine_now
from billing.operations.engine import NotFound
from billing.operations.resend import resend_delivery
from billing.store.deliveries import find_delivery, list_deliveries

router = APIRouter(prefix="/v1/webhook_deliveries", tags=["webhook_deliveries"])
_LIST: Final = "webhook_deliveries"
_NUMBER: Final = r"0|[1-9][0-9]{0,17}"
_UUID: Final = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@router.get("", operation_id="list_webhook_deliveries")
def read_deliveries(query: Annotated[DeliveryQuery, Query()], desk: DeskOfRequest) -> WebhookDeliveryList:
    """List deliveries, those of the newest events first."""
    behind = None
    if query.cursor:
        event, ident = read_cursor(_LIST, query.cursor, _NUMBER, _UUID)
        behind = (int(event), UUID(ident))
    with desk.reading() as tx:
        rows = list_deliveries(
            tx, query.limit + 1, endpoint=query.endpoint_id, event=query.event_id, state=query.state, before=behind
        )
    page, more = rows[: query.limit], len(rows) > query.limit
    cursor = write_cursor(_LIST, str(page[-1].event_id), str(page[-1].id)) if more else None
    return WebhookDeliveryList(data=[WebhookDelivery.of(row) for row in page], has_more=more, next_cursor=cursor)


@router.get("/{delivery_id}", operation_id="get_webhook_delivery")
def read_delivery(delivery_id: DeliveryId, desk: DeskOfRequest) -> WebhookDelivery:
    """Show a delivery."""
    return _shown(desk, delivery_id)


@router.post("/{delivery_id}/resend", operation_id="resend_webhook_delivery")
def resend(delivery_id: DeliveryId, desk: DeskOfRequest, wanted: Reasoned | None = None) -> WebhookDelivery:
    """Send an event to an endpoint again, under the same `webhook-id`, whatever became of it."""
    desk = desk.because(wanted)
    return managed(
        desk,
        "resend_webhook_delivery",
        lambda _now: resend_delivery(desk.engine, delivery_id, now=machine_now()),
        lambda: _shown(desk, delivery_id),
        about=delivery_id,
    )


def _shown(desk: Desk, delivery_id: UUID) -> WebhookDelivery:
    with desk.reading() as tx:
        row = find_delivery(tx, delivery_id)
    if row is None:
        raise NotFound("there is no delivery of this id")
    return WebhookDelivery.of(row)
