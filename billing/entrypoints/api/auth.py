"""Who may ask: everything needs an API key, except the paths that are named open."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

import structlog
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from billing.entrypoints.api.edge import refuse

log = structlog.get_logger()
OPEN_PATHS: Final = ("/healthz", "/readyz", "/webhooks/checkout")
"""A webhook is authenticated by its signature."""
METRICS_PATH: Final = "/metrics"
OPEN_PREFIXES: Final = ("/v1/return/",)
DOCUMENTATION_PATHS: Final = ("/docs", "/docs/oauth2-redirect", "/openapi.json")


class ApiKeys:
    """Lets a request through that carries one of the keys, or whose path is open; before its body is read."""

    def __init__(
        self,
        app: ASGIApp,
        keys: Sequence[SecretStr],
        open_paths: Sequence[str] = OPEN_PATHS,
        metrics_key: SecretStr | None = None,
    ) -> None:
        """``metrics_key`` opens /metrics only, so that Prometheus need not hold a key that moves money."""
        self._app = app
        self._open_paths = frozenset(open_paths)
        # Digests have one length, so that a comparison tells nothing about a key's.
        self._digests = [_digest(key.get_secret_value()) for key in keys]
        self._metrics_digests = [_digest(metrics_key.get_secret_value())] if metrics_key is not None else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_open(scope["path"]) or self._has_key(scope):
            await self._app(scope, receive, send)
            return
        log.warning("api_key_refused")
        message = "send your API key as the header `Authorization: Bearer <key>`"
        await refuse(scope, send, "unauthorized", message, headers={"WWW-Authenticate": "Bearer"})

    def _is_open(self, path: str) -> bool:
        return path in self._open_paths or path.startswith(OPEN_PREFIXES)

    def _has_key(self, scope: Scope) -> bool:
        told = Headers(scope=scope).getlist("authorization")
        known_here = self._digests + (self._metrics_digests if scope["path"] == METRICS_PATH else [])
        scheme, _, token = told[0].partition(" ") if len(told) == 1 else ("", "", "")
        digest = _digest(token.strip())
        # Every key is compared, so that the time taken does not tell which one was near.
        matches = [hmac.compare_digest(digest, known) for known in known_here]
        return scheme.lower() == "bearer" and any(matches)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
