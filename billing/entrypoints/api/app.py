"""The HTTP API, put together; and the process that serves it."""

import signal
import sys
from types import FrameType
from typing import Final

import uvicorn
from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import HTTPBearer

from billing.bootstrap import open_engine
from billing.config import Settings
from billing.entrypoints.api import (
    enrolments,
    entitlements,
    events,
    health,
    invoices,
    plans,
    refunds,
    returning,
    subscriptions,
    webhooks,
)
from billing.entrypoints.api.auth import DOCUMENTATION_PATHS, OPEN_PATHS, ApiKeys
from billing.entrypoints.api.desk import Desk
from billing.entrypoints.api.document import describe
from billing.entrypoints.api.edge import Edge
from billing.entrypoints.api.errors import install_error_handlers
from billing.entrypoints.api.intake import Intake
from billing.entrypoints.api.limits import Limits
from billing.entrypoints.metrics.instruments import Instruments
from billing.entrypoints.metrics.vitals import Vitals
from billing.entrypoints.ready import NotReady, require_ready
from billing.operations.engine import Engine

_WITH_KEY: Final = (enrolments, subscriptions, entitlements, invoices, refunds, plans, events)
_OPEN: Final = (returning, health)
_DRAIN_SECONDS: Final = 25


def create_app(settings: Settings, engine: Engine, instruments: Instruments | None = None) -> FastAPI:
    """Return the API of an engine. Its documentation is served in sandbox mode only.

    ``instruments`` are what /metrics tells of this process, beside the state of the engine.
    """
    documented = settings.mode == "sandbox"
    app = FastAPI(
        title="kakaopay-billing",
        docs_url="/docs" if documented else None,
        openapi_url="/openapi.json" if documented else None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.desk = Desk(settings, engine)
    app.state.intake = Intake(lambda batch: webhooks.store(app.state.desk, batch))
    app.state.settled_events = events.SettledEvents()
    app.state.registry = (instruments or Instruments()).registry
    app.state.registry.register(Vitals(lambda: app.state.desk.engine.database, is_live=settings.mode == "live"))
    # The keys are checked by a middleware; this only tells the documentation of them.
    keyed = APIRouter(dependencies=[Depends(HTTPBearer(auto_error=False))])
    for module in _WITH_KEY:
        keyed.include_router(module.router)
    app.include_router(keyed)
    for module in _OPEN:
        app.include_router(module.router)
    # The busiest path by far, with nothing for the framework to validate: a plain route costs half.
    app.add_route(webhooks.PATH, webhooks.take_webhook, methods=["POST"], include_in_schema=False)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    install_error_handlers(app)
    # The last one added is the first one asked: no body is read before the key is known.
    app.add_middleware(Limits)
    app.add_middleware(
        ApiKeys,
        keys=settings.api_keys(),
        metrics_key=settings.secrets.metrics_key,
        open_paths=OPEN_PATHS + (DOCUMENTATION_PATHS if documented else ()),
    )
    app.add_middleware(Edge, documented=documented)
    return app


def run_api(settings: Settings) -> None:
    """Serve the API in the foreground until SIGTERM or Ctrl-C, then finish what is under way and return.

    :raises NotReady: the database may not be worked on, or no API key is set.
    """
    if not settings.api_keys():
        raise NotReady("there is no key for our own API: set BILLING_SECRETS__API_KEYS")
    instruments = Instruments()
    with open_engine(settings, actor="api", gateway_observer=instruments) as engine:
        require_ready(settings, engine)
        server = _Server(
            uvicorn.Config(
                create_app(settings, engine, instruments),
                host=settings.api.host,
                port=settings.api.port,
                access_log=False,
                log_config=None,
                log_level="warning",
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
                ws="none",
            )
        )

        def stop(_number: int, _frame: FrameType | None) -> None:
            server.should_exit = True

        # uvicorn raises the signal again when it has drained; without these that would end the process at once.
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        server.run()


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Listen, then say where, in one line."""
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            sys.stdout.write(f"billing API on http://{host if ':' not in host else f'[{host}]'}:{port}\n")
            sys.stdout.flush()
