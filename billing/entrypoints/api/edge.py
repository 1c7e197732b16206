"""The outermost layer: a number for every request, headers for every answer, and an end to every exception."""

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billing.entrypoints.api.problems import MEDIA_TYPE, FieldError, details, status_of

log = structlog.get_logger()
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_LIVE_HEADERS: Final = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}


class Edge:
    """Gives each request an id, which every answer and log line carries."""

    def __init__(self, app: ASGIApp, *, always_tls: bool) -> None:
        """``always_tls``: browsers are told to come with TLS only. Sandboxes are reached without it, too."""
        self._app = app
        self._headers = _HEADERS | _LIVE_HEADERS if always_tls else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception as error:  # noqa: BLE001 - whatever it is, no stack trace leaves, and none with personal data is logged
                log.error("request_failed", path=route_of(scope), error=type(error).__name__, at=_place(error))
                if not begun:
                    sentence = "something is wrong on our side; quote request_id to the operator"
                    await refuse(scope, send_with_headers, "internal_error", sentence)


async def refuse(
    scope: Scope,
    send: Send,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[FieldError] = (),
) -> None:
    """Answer with a problem before any endpoint is reached; ``code`` is one of :data:`~.problems.PROBLEMS`."""
    body = json.dumps(details(code, detail, scope["state"]["request_id"], list(errors))).encode()
    sent = {"Content-Type": MEDIA_TYPE, "Content-Length": str(len(body)), **(headers or {})}
    raw = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
    await send({"type": "http.response.start", "status": status_of(code), "headers": raw})
    await send({"type": "http.response.body", "body": body})


def route_of(scope: Scope) -> str:
    """Return the pattern of the path, without the ids and references in it."""
    return str(getattr(scope.get("route"), "path", "?"))


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
