"""Is the process up, may it be sent requests, and how is the engine?"""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.security import HTTPBearer
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.types import ASGIApp, Receive, Scope, Send

from billing.entrypoints.api.strict import take_nothing_unknown
from billing.entrypoints.refreshed import Refreshed

router = APIRouter(tags=["health"])
PATHS: Final = ("/healthz", "/readyz")


class Probes:
    """Answers probes before all else: they need no key, so each costs as little as can be."""

    def __init__(self, app: ASGIApp, ready: Callable[[], Refreshed]) -> None:
        self._app = app
        self._ready = ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in PATHS or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        answer = _up() if scope["path"] == "/healthz" else _readiness(self._ready())
        await answer(scope, receive, send)


# Load balancers ask by HEAD; a server sends no body to that.
@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", response_model=dict[str, str])
async def healthz() -> JSONResponse:
    """Answer as long as the process is up."""
    return _up()


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses={503: {"description": "Not ready, and why", "model": dict[str, str]}})
async def readyz(request: Request) -> JSONResponse:
    """Answer 200 when the database can be reached and is ours, in the right version; else 503 and why.

    It tells what was found within the last second, and asks for nothing itself.
    """
    return _readiness(request.app.state.ready)


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    dependencies=[Depends(HTTPBearer(auto_error=False)), Depends(take_nothing_unknown)],
)
def metrics(request: Request) -> Response:
    """Return the measurements of this process and the state of the engine, in Prometheus's text format.

    It needs an API key or the metrics key: behind a reverse proxy every request comes from this machine, so
    where it comes from proves nothing.
    """
    registry: CollectorRegistry = request.app.state.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _up() -> JSONResponse:
    return JSONResponse({"status": "up"})


def _readiness(ready: Refreshed) -> JSONResponse:
    why = ready.why_not()
    if why is None:
        return JSONResponse({"status": "ready"})
    return JSONResponse({"status": "not_ready", "why": why}, 503)
