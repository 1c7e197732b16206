"""Checkout.com's webhooks: verified, stored, answered at once. What they mean is found out later."""

from collections.abc import Sequence
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from billing.bootstrap import make_webhook_keys
from billing.entrypoints.api.desk import Desk
from billing.gateway.webhooks import NotAnEvent, NotAuthentic, VerifiedEvent, read_webhook
from billing.operations.webhooks import receive_webhooks
from billing.store.installation import NoInstallation

log = structlog.get_logger()
PATH: Final = "/webhooks/checkout"


async def take_webhook(request: Request) -> Response:
    """Store an event of Checkout.com. Authenticated by its ``Cko-Signature``; a copy is answered like the first.

    A 503 asks Checkout.com to send it again. The answers tell nothing to those who only try.
    """
    desk: Desk = request.app.state.desk
    body = await request.body()
    try:
        event = read_webhook(
            body,
            signature=_only(request, "cko-signature"),
            authorization=_only(request, "authorization"),
            keys=make_webhook_keys(desk.settings),
        )
    except NotAuthentic:
        log.warning("webhook_refused", why="not authentic", size=len(body))
        return Response(status_code=401)
    except NotAnEvent as error:
        log.warning("webhook_refused", why=str(error), size=len(body))
        return Response(status_code=400)
    try:
        await request.app.state.intake.keep(event)
    except (SQLAlchemyError, NoInstallation) as error:
        log.error("webhook_not_stored", event_id=event.id, error=type(error).__name__)
        return Response(status_code=503, headers={"Retry-After": "30"})
    return Response(status_code=200)


def store(desk: Desk, events: Sequence[VerifiedEvent]) -> int:
    """Store events together, at the engine's time."""
    about = events[0].id if len(events) == 1 else f"{len(events)} events"
    return desk.act("receive_webhooks", lambda now: receive_webhooks(desk.engine, events, now=now), about=about)


def _only(request: Request, name: str) -> str | None:
    """Return a header that is there once; one that is there twice counts as missing."""
    told = request.headers.getlist(name)
    return told[0] if len(told) == 1 else None
