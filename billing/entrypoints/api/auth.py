"""Who may ask: everything needs an API key, except the paths that are named open."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

import structlog
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Receive, Scope, Send

from billing.domain.roles import Role
from billing.entrypoints.api.callers import Caller, KeyRing, NotLetIn
from billing.entrypoints.api.edge import headers_of, refuse
from billing.entrypoints.api.rejections import Rejected, Rejections

log = structlog.get_logger()
OPEN_PATHS: Final = ("/healthz", "/readyz")
METRICS_PATH: Final = "/metrics"
OPEN_PREFIXES: Final = ("/v1/return/",)
DOCUMENTATION_PATHS: Final = ("/docs", "/docs/reference.css", "/openapi.json")
"""Page, style and document: what they tell is in the source of the project."""
_PROMETHEUS: Final = Caller(None, "metrics", Role.READ)
_HOW: Final = "send your API key as the header `Authorization: Bearer <key>`"


class ApiKeys:
    """Lets a request through that carries an API key, or whose path is open; before its body is read."""

    def __init__(
        self,
        app: ASGIApp,
        ring: KeyRing,
        open_paths: Sequence[str] = OPEN_PATHS,
        metrics_key: SecretStr | None = None,
        *,
        rejections: Rejections,
    ) -> None:
        """``metrics_key`` opens /metrics only, so that Prometheus need not hold a key that moves money."""
        self._app = app
        self._ring = ring
        self._rejections = rejections
        self._open_paths = frozenset(open_paths)
        self._metrics_digest = _digest(metrics_key.get_secret_value()) if metrics_key is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            scope["state"]["caller"] = await self._caller(scope)
        except NotLetIn as error:
            self._rejections.note(Rejected.UNAUTHORIZED, "api_key_refused")
            await refuse(scope, send, "unauthorized", str(error), headers={"WWW-Authenticate": "Bearer"})
        except SQLAlchemyError as error:
            log.error("database_unavailable", error=type(error).__name__)
            message = "the database cannot be used now; send the same request again"
            await refuse(scope, send, "database_unavailable", message, headers={"Retry-After": "5"})
        else:
            with structlog.contextvars.bound_contextvars(key=scope["state"]["caller"].name):
                await self._app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in self._open_paths or path.startswith(OPEN_PREFIXES)

    async def _caller(self, scope: Scope) -> Caller:
        told = headers_of(scope, b"authorization")
        scheme, _, token = told[0].partition(" ") if len(told) == 1 else ("", "", "")
        key = token.strip(" \t")  # nothing else is white space in a header (RFC 9110, 5.6.3)
        if scheme.lower() != "bearer" or not key:
            raise NotLetIn(_HOW)
        if scope["path"] == METRICS_PATH and self._is_metrics_key(key):
            return _PROMETHEUS
        return await self._ring.caller_of(key)

    def _is_metrics_key(self, key: str) -> bool:
        # Digests have one length, so that a comparison tells nothing about a key's.
        return self._metrics_digest is not None and hmac.compare_digest(_digest(key), self._metrics_digest)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
