"""Checkout.com's webhooks: verified, stored, answered at once. What they mean is found out later."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Receive, Scope, Send

from billing.entrypoints.api.bodies import BODY_SECONDS, Bodies
from billing.entrypoints.api.desk import Desk
from billing.entrypoints.api.edge import headers_of, refuse
from billing.entrypoints.api.intake import Intake
from billing.entrypoints.api.refusals import Refusals
from billing.entrypoints.api.rejections import Rejected, Rejections
from billing.gateway.webhooks import MOST_BYTES, NotAuthentic, VerifiedEvent, WebhookKeys, read_webhook
from billing.operations.webhooks import keep_refusals, receive_webhooks
from billing.store.installation import NoInstallation

log = structlog.get_logger()
PATH: Final = "/webhooks/checkout"
MOST_AT_ONCE: Final = 256
"""Events that wait for their commit. One more is refused before anything is done for it."""
_COME_BACK: Final = {"Retry-After": "1"}
_COME_BACK_LATER: Final = {"Retry-After": "30"}


class Webhooks:
    """Takes the events of Checkout.com; every other path goes on.

    It stands right behind the edge, for an event has its own authentication, its ``Cko-Signature``, and its own limits.
    A copy is answered like the first. A 503 asks Checkout.com to send it again. The answers tell nothing to those who
    only try.
    """

    path: Final = PATH

    def __init__(
        self,
        app: ASGIApp,
        store: Callable[[Sequence[VerifiedEvent]], object],
        keys: WebhookKeys,
        count: Callable[[Mapping[str, int]], object],
        *,
        rejections: Rejections,
        most_at_once: int = MOST_AT_ONCE,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        """``store`` commits events together, ``count`` what was turned away; each is run on a thread of its own."""
        self._app = app
        self._intake = Intake(store)
        self._refusals = Refusals(count)
        self._rejections = rejections
        self._keys = keys
        self._bodies = Bodies(MOST_BYTES, body_seconds=body_seconds)
        self._most_at_once = most_at_once
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
        elif scope["method"] != "POST":
            await refuse(scope, send, "method_not_allowed", "webhooks are POST requests", headers={"Allow": "POST"})
        elif self._under_way >= self._most_at_once:
            await self._turn_away(send, 503, "busy", _COME_BACK)
        elif (body := await self._bodies.read(scope, receive, send, self._refusals.count)) is not None:
            await self._work_on(scope, body, send)

    async def _work_on(self, scope: Scope, body: bytes, send: Send) -> None:
        # Counted only now: whoever sends slowly, or nothing, takes no place from those who have sent all.
        if self._under_way >= self._most_at_once:
            await self._turn_away(send, 503, "busy", _COME_BACK)
            return
        scope["route"] = self  # what is logged of an error names the path
        self._under_way += 1
        try:
            await self._take(scope, body, send)
        finally:
            self._under_way -= 1

    async def _take(self, scope: Scope, body: bytes, send: Send) -> None:
        signature, authorization = (_only(scope, name) for name in (b"cko-signature", b"authorization"))
        try:
            event = read_webhook(body, signature=signature, authorization=authorization, keys=self._keys)
        except NotAuthentic as error:
            self._rejections.note(Rejected.WEBHOOK, "webhook_refused", why=error.why.value, size=len(body))
            await self._turn_away(send, 401, error.why)
            return
        try:
            await self._intake.keep(event)
        except (SQLAlchemyError, NoInstallation) as error:
            log.error("webhook_not_stored", event_id=event.id, error=type(error).__name__)
            await self._turn_away(send, 503, "not_stored", _COME_BACK_LATER)
        else:
            await _answer(send, 200)

    async def _turn_away(self, send: Send, status: int, why: str, headers: Mapping[str, str] | None = None) -> None:
        self._refusals.count(why)
        await _answer(send, status, headers)


def store_events(desk: Desk, events: Sequence[VerifiedEvent]) -> int:
    """Store events together, at the engine's time."""
    about = events[0].id if len(events) == 1 else f"{len(events)} events"
    return desk.act("receive_webhooks", lambda now: receive_webhooks(desk.engine, events, now=now), about=about)


def store_refusals(desk: Desk, counts: Mapping[str, int]) -> None:
    """Add to the counts of what was turned away, at the engine's time."""
    desk.act("count_refusals", lambda now: keep_refusals(desk.engine, counts, now=now))


async def _answer(send: Send, status: int, headers: Mapping[str, str] | None = None) -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0"), *raw]})
    await send({"type": "http.response.body", "body": b""})


def _only(scope: Scope, name: bytes) -> str | None:
    """Return a header that is there once; one that is there twice counts as missing."""
    told = headers_of(scope, name)
    return told[0] if len(told) == 1 else None
