"""Checkout.com's webhooks: verified, stored, answered at once. What they mean is found out later."""

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from billing.bootstrap import make_webhook_keys
from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.gateway.webhooks import NotAnEvent, NotAuthentic, VerifiedEvent, read_webhook
from billing.operations.webhooks import receive_webhook
from billing.store.installation import NoInstallation

log = structlog.get_logger()
router = APIRouter(tags=["webhooks"])


@router.post("/webhooks/checkout", status_code=200, response_class=Response)
async def take_webhook(request: Request, desk: DeskOfRequest) -> Response:
    """Store an event of Checkout.com. Authenticated by its `Cko-Signature`; a copy is answered like the first.

    A 503 asks Checkout.com to send it again. The answers tell nothing to those who only try.
    """
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
        # Threads of their own: slow enrolments must not keep an event waiting.
        await to_thread.run_sync(_store, desk, event, limiter=_threads(request))
    except (SQLAlchemyError, NoInstallation) as error:
        log.error("webhook_not_stored", event_id=event.id, error=type(error).__name__)
        return Response(status_code=503, headers={"Retry-After": "30"})
    return Response(status_code=200)


def _store(desk: Desk, event: VerifiedEvent) -> bool:
    return desk.act("receive_webhook", lambda now: receive_webhook(desk.engine, event, now=now), about=event.id)


def _only(request: Request, name: str) -> str | None:
    """Return a header that is there once; one that is there twice counts as missing."""
    told = request.headers.getlist(name)
    return told[0] if len(told) == 1 else None


def _threads(request: Request) -> CapacityLimiter:
    state = request.app.state
    if not hasattr(state, "webhook_threads"):
        state.webhook_threads = CapacityLimiter(4)
    limiter: CapacityLimiter = state.webhook_threads
    return limiter
