"""The outermost layer: a number for every request, headers for every answer, and an end to every exception."""

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billing.entrypoints.api.problems import MEDIA_TYPE, FieldError, details, status_of
from billing.entrypoints.api.rejections import Rejected, Rejections

log = structlog.get_logger()
MOST_PARAMETERS: Final = 50
"""Of a query; the server bounds its bytes."""
_TOO_MANY: Final = f"a query may have {MOST_PARAMETERS} parameters"
_HEADERS: Final = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}
_LIVE_HEADERS: Final = {b"strict-transport-security": b"max-age=31536000; includeSubDomains"}


class Edge:
    """Gives each request an id, which every answer and log line carries."""

    def __init__(self, app: ASGIApp, *, always_tls: bool, rejections: Rejections) -> None:
        """``always_tls``: browsers are told to come with TLS only. Sandboxes are reached without it, too."""
        self._app = app
        self._rejections = rejections
        self._headers = tuple((_HEADERS | _LIVE_HEADERS if always_tls else _HEADERS).items())

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
                own = message["headers"]
                named = {name for name, _ in own}
                ours = [header for header in self._headers if header[0] not in named]
                message = {**message, "headers": [*own, (b"x-request-id", request_id.encode()), *ours]}
            await send(message)

        if scope["query_string"].count(b"&") >= MOST_PARAMETERS:
            self._rejections.note(Rejected.TOO_MANY_PARAMETERS)
            await refuse(scope, send_with_headers, "too_many_parameters", _TOO_MANY)
            return
        # Each request is a task with a context of its own, so what is bound in it ends with it.
        structlog.contextvars.bind_contextvars(request_id=request_id)
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


def headers_of(scope: Scope, name: bytes) -> list[str]:
    """Return the values of a header, which may be there more than once; ``name`` is in lower case."""
    return [value.decode("latin-1") for each, value in scope["headers"] if each == name]


def route_of(scope: Scope) -> str:
    """Return the pattern of the path, without the ids and references in it."""
    return str(getattr(scope.get("route"), "path", "?"))


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
