"""How much a request may send, for how long, and how many at once."""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billing.entrypoints.api.auth import DOCUMENTATION_PATHS, OPEN_PREFIXES
from billing.entrypoints.api.edge import refuse
from billing.entrypoints.api.readers import Readers
from billing.gateway.messages import Unreadable, read_json
from billing.gateway.webhooks import MOST_BYTES as MOST_WEBHOOK_BYTES

MOST_BODY_BYTES: Final = 64 * 1024
BODY_SECONDS: Final = 10.0
"""A body must have arrived whole this long after its headers."""
MOST_AT_ONCE: Final = 256
"""Requests that are worked on: of webhooks, of subscribers' links, of all others. No burst turns another kind away."""
MOST_READING: Final = 2048
"""Bodies that are waited for, of either kind, so that memory stays bounded. One more, and the oldest is given up."""
MOST_DRAINED_BYTES: Final = 1024 * 1024
_DRAIN_SECONDS: Final = 1.0
_WEBHOOKS: Final = "/webhooks/"
_COUNTED_APART: Final = (_WEBHOOKS, *OPEN_PREFIXES)
"""What strangers may send."""
_HEALTH: Final = ("/healthz", "/readyz")
"""Answered however busy we are: a busy process must not be taken for a dead one."""
_WITHOUT_BODY: Final = (*_HEALTH, *OPEN_PREFIXES, *DOCUMENTATION_PATHS)
"""Whoever has no key is waited for nowhere but with a webhook."""


class _Refused(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class _Gone(Exception):
    """The client left before its body was whole."""


class Limits:
    """Reads the body of a request, bounded in bytes and seconds, and checks that it is the JSON we take."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        body_seconds: float = BODY_SECONDS,
        most_at_once: int = MOST_AT_ONCE,
        most_reading: int = MOST_READING,
    ) -> None:
        self._app = app
        self._body_seconds = body_seconds
        self._most_at_once = most_at_once
        self._under_way = Counter[str]()
        self._readers = {False: Readers(most_reading), True: Readers(most_reading)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._is_full(scope):
            # Before its body is waited for as well: in a burst that is most of what a refusal costs.
            await _refuse_busy(scope, send)
            return
        is_webhook = scope["path"].startswith(_WEBHOOKS)
        try:
            body = await self._read(scope, receive, is_webhook=is_webhook) if _has_body(scope) else b""
        except _Refused as refused:
            if refused.code == "body_too_large":
                await _drain(receive)
            await refuse(scope, send, refused.code, refused.detail, headers={"Connection": "close"})
        except _Gone:
            return
        else:
            await self._work_on(scope, _replay(body, receive), send)

    async def _work_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Counted only now: whoever sends slowly, or nothing, takes no place from those who have sent all.
        if self._is_full(scope):
            await _refuse_busy(scope, send)
            return
        kind = _kind_of(scope)
        self._under_way[kind] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way[kind] -= 1

    def _is_full(self, scope: Scope) -> bool:
        return self._under_way[_kind_of(scope)] >= self._most_at_once and scope["path"] not in _HEALTH

    async def _read(self, scope: Scope, receive: Receive, *, is_webhook: bool) -> bytes:
        headers = Headers(scope=scope)
        most = MOST_WEBHOOK_BYTES if is_webhook else MOST_BODY_BYTES
        if headers.get("content-length", "0").isdecimal() and int(headers.get("content-length", "0")[:18]) > most:
            raise _too_large(most)
        try:
            async with self._readers[is_webhook].one(self._body_seconds):
                body = await _whole_body(receive, most)
        except TimeoutError:
            raise _Refused("body_too_slow", "the body did not arrive in time; send it again") from None
        if body and not is_webhook:
            _check_json(headers, body)
        return body


def _kind_of(scope: Scope) -> str:
    return next((prefix for prefix in _COUNTED_APART if scope["path"].startswith(prefix)), "")


async def _refuse_busy(scope: Scope, send: Send) -> None:
    await refuse(scope, send, "busy", "too many requests at once; send it again", headers={"Retry-After": "1"})


def _has_body(scope: Scope) -> bool:
    return scope["method"] not in ("GET", "HEAD") and not scope["path"].startswith(_WITHOUT_BODY)


async def _whole_body(receive: Receive, most: int) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        if len(body) > most:
            raise _too_large(most)
        more = message.get("more_body", False)
    return bytes(body)


async def _drain(receive: Receive) -> None:
    """Read on for a little: a client that is cut off while it sends may never see why."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            left = MOST_DRAINED_BYTES
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return


def _check_json(headers: Headers, body: bytes) -> None:
    kind, _, parameters = headers.get("content-type", "").lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "")
    if kind.strip() != "application/json" or charset not in ("", "charset=utf-8"):
        raise _Refused("unsupported_media_type", "send the body as Content-Type: application/json, in UTF-8")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise _Refused("unsupported_media_type", "send the body without Content-Encoding")
    try:
        read_json(body)
    except Unreadable:
        wrong = "the body is not readable as JSON: it must be UTF-8, each key once, without NaN or Infinity"
        raise _Refused("bad_json", wrong) from None


def _too_large(most: int) -> _Refused:
    return _Refused("body_too_large", f"the body must have at most {most} bytes")


def _replay(body: bytes, receive: Receive) -> Receive:
    unread = True

    async def replayed() -> Message:
        nonlocal unread
        if unread:
            unread = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replayed
