"""How much a request may send, for how long, and how many at once."""

from collections import Counter
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from billing.entrypoints.api.auth import DOCUMENTATION_PATHS, OPEN_PREFIXES
from billing.entrypoints.api.bodies import BODY_SECONDS, MOST_READING, Bodies, replayed
from billing.entrypoints.api.edge import headers_of, refuse
from billing.gateway.messages import Unreadable, read_json

MOST_BODY_BYTES: Final = 64 * 1024
MOST_AT_ONCE: Final = 256
"""Requests that are worked on: of subscribers' links, which strangers may send, and of all others."""
_HEALTH: Final = ("/healthz", "/readyz")
"""Answered however busy we are: a busy process must not be taken for a dead one."""
_WITHOUT_BODY: Final = (*_HEALTH, *OPEN_PREFIXES, *DOCUMENTATION_PATHS)
"""Whoever has no key is waited for nowhere."""


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
        self._most_at_once = most_at_once
        self._under_way = Counter[bool]()
        self._bodies = Bodies(MOST_BODY_BYTES, body_seconds=body_seconds, most_reading=most_reading)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._is_full(scope):
            # Before its body is waited for as well: in a burst that is most of what a refusal costs.
            await _refuse_busy(scope, send)
            return
        body: bytes | None = b""
        if _has_body(scope):
            body = await self._bodies.read(scope, receive, send)
            if body and (wrong := _why_not_taken(scope, body)):
                await refuse(scope, send, *wrong, headers={"Connection": "close"})
                return
        if body is not None:
            await self._work_on(scope, replayed(body, receive), send)

    async def _work_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Counted only now: whoever sends slowly, or nothing, takes no place from those who have sent all.
        if self._is_full(scope):
            await _refuse_busy(scope, send)
            return
        is_open = _is_open(scope)
        self._under_way[is_open] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way[is_open] -= 1

    def _is_full(self, scope: Scope) -> bool:
        return self._under_way[_is_open(scope)] >= self._most_at_once and scope["path"] not in _HEALTH


def _is_open(scope: Scope) -> bool:
    return bool(scope["path"].startswith(OPEN_PREFIXES))


async def _refuse_busy(scope: Scope, send: Send) -> None:
    await refuse(scope, send, "busy", "too many requests at once; send it again", headers={"Retry-After": "1"})


def _has_body(scope: Scope) -> bool:
    return scope["method"] not in ("GET", "HEAD") and not scope["path"].startswith(_WITHOUT_BODY)


def _why_not_taken(scope: Scope, body: bytes) -> tuple[str, str] | None:
    """Return the code of the problem and what would be right, or None when the body is JSON."""
    kind, _, parameters = ", ".join(headers_of(scope, b"content-type")).lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "")
    if kind.strip() != "application/json" or charset not in ("", "charset=utf-8"):
        return "unsupported_media_type", "send the body as Content-Type: application/json, in UTF-8"
    if any(encoding.lower() != "identity" for encoding in headers_of(scope, b"content-encoding")):
        return "unsupported_media_type", "send the body without Content-Encoding"
    try:
        read_json(body)
    except Unreadable:
        return "bad_json", "the body is not readable as JSON: it must be UTF-8, each key once, without NaN or Infinity"
    return None
