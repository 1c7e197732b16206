"""The HTTP API, put together; and the process that serves it."""

import signal
import sys
from datetime import datetime, timedelta
from types import FrameType
from typing import Final
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from fastapi.telemetry import TelemetryConfig

from billing.bootstrap import make_webhook_keys, open_engine
from billing.config.settings import Settings
from billing.domain.api_keys import KeyMode, KeyStanding
from billing.entrypoints.api import (
    access,
    audit,
    charges,
    customers,
    documentation,
    enrolments,
    events,
    health,
    invoices,
    keys,
    plans,
    prices,
    refund_obligations,
    refunds,
    returning,
    sources,
    subscriptions,
    webhook_deliveries,
    webhook_endpoints,
)
from billing.entrypoints.api.auth import DOCUMENTATION_PATHS, OPEN_PATHS, ApiKeys
from billing.entrypoints.api.callers import TRUSTED_SECONDS, KeyRing
from billing.entrypoints.api.connections import Connections, most_connections
from billing.entrypoints.api.desk import Desk
from billing.entrypoints.api.document import describe
from billing.entrypoints.api.edge import Edge
from billing.entrypoints.api.errors import install_error_handlers
from billing.entrypoints.api.idempotency import Idempotency
from billing.entrypoints.api.limits import Limits
from billing.entrypoints.api.protocol import bounded
from billing.entrypoints.api.rate_limit import RateLimit
from billing.entrypoints.api.rejections import Rejections
from billing.entrypoints.api.return_looks import Looks
from billing.entrypoints.api.roles import require_role
from billing.entrypoints.api.strict import take_nothing_unknown
from billing.entrypoints.api.webhooks import Webhooks, store_events, store_refusals
from billing.entrypoints.built_in_key import built_in_key_in_words
from billing.entrypoints.clock import machine_now
from billing.entrypoints.collector import spare_the_collector
from billing.entrypoints.metrics.instruments import Instruments
from billing.entrypoints.metrics.vitals import Vitals
from billing.entrypoints.open_files import raise_open_files
from billing.entrypoints.ready import require_ready, why_not_ready
from billing.entrypoints.refreshed import Refreshed
from billing.operations.engine import Engine
from billing.store.api_keys import known_keys, note_use
from billing.store.settled_events import SettledEvents

_WITH_KEY: Final = (
    customers,
    access,
    sources,
    plans,
    prices,
    enrolments,
    subscriptions,
    invoices,
    charges,
    refunds,
    refund_obligations,
    events,
    keys,
    audit,
    webhook_endpoints,
    webhook_deliveries,
)
_OPEN: Final = (returning, health)
_DRAIN_SECONDS: Final = 25
_BACKLOG: Final = 128
"""Connections that may arrive in one turn, before there can be room made for them."""
_NO_TELEMETRY: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False}
"""The framework's own would send on what errors say, with what was in the request; and looks for a sender each time."""
_TOLD_OF_REVOKED: Final = timedelta(days=30)
"""So long whoever still sends a revoked key is told that it was revoked; later, that it is not known."""


def create_app(
    settings: Settings,
    engine: Engine,
    instruments: Instruments | None = None,
    *,
    key_seconds: float = TRUSTED_SECONDS,
) -> FastAPI:
    """Return the API of an engine. Its documentation is served in sandbox mode only.

    ``instruments`` are what /metrics tells of this process, beside the state of the engine. What was read of an
    API key is believed for ``key_seconds``.
    """
    documented = settings.mode == "sandbox"
    app = FastAPI(
        title="kakaopay-billing",
        docs_url=None,
        openapi_url=documentation.DOCUMENT if documented else None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        telemetry=_NO_TELEMETRY,
    )
    app.state.desk = Desk(settings, engine)
    app.state.settled_events = SettledEvents()
    app.state.return_looks = Looks()
    app.state.key_ring = _key_ring(app, settings, key_seconds)
    app.state.registry = (instruments or Instruments()).registry
    app.state.rejections = Rejections(app.state.registry)
    app.state.ready = Refreshed(lambda: why_not_ready(app.state.desk.settings, app.state.desk.engine))
    app.state.registry.register(Vitals(lambda: app.state.desk.engine.database, is_live=settings.mode == "live"))
    # The keys are checked by a middleware; HTTPBearer only tells the documentation of them. Each router is included by
    # itself: what is included within another is looked through once more for every request.
    keyed = [Depends(HTTPBearer(auto_error=False)), Depends(require_role), Depends(take_nothing_unknown)]
    for module in _WITH_KEY:
        app.include_router(module.router, dependencies=keyed)
    for module in _OPEN:
        app.include_router(module.router)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    if documented:
        documentation.add_documentation(app)
    install_error_handlers(app)
    _add_doors(app, settings, documented=documented)
    return app


def _add_doors(app: FastAPI, settings: Settings, *, documented: bool) -> None:
    """Put what every request passes before the endpoints around an app that has its state."""
    # The last one added is the first one asked: no body is read before the key is known.
    app.add_middleware(Idempotency)
    app.add_middleware(Limits)
    rejections: Rejections = app.state.rejections
    app.add_middleware(
        RateLimit,
        per_second=settings.api.requests_per_second,
        burst=settings.api.request_burst,
        rejections=rejections,
    )
    app.add_middleware(
        ApiKeys,
        ring=app.state.key_ring,
        metrics_key=settings.secrets.metrics_key,
        rejections=rejections,
        open_paths=OPEN_PATHS + (DOCUMENTATION_PATHS if documented else ()),
    )
    # The busiest path by far goes its own way: it needs none of the others, which cost ten times as much.
    app.add_middleware(
        Webhooks,
        store=lambda events: store_events(app.state.desk, events),
        keys=make_webhook_keys(settings),
        count=lambda counts: store_refusals(app.state.desk, counts),
        rejections=rejections,
    )
    app.add_middleware(health.Probes, ready=lambda: app.state.ready)
    app.add_middleware(Edge, always_tls=not documented, rejections=rejections)


def _key_ring(app: FastAPI, settings: Settings, trusted_seconds: float) -> KeyRing:
    def read() -> list[KeyStanding]:
        with app.state.desk.reading() as tx:
            return known_keys(tx, revoked_after=machine_now() - _TOLD_OF_REVOKED)

    def note(key_id: UUID, at: datetime) -> None:
        with app.state.desk.engine.database.transaction() as tx:
            note_use(tx, key_id, at)

    built_in = settings.built_in_api_key()
    return KeyRing(
        read,
        note,
        mode=KeyMode.LIVE if settings.mode == "live" else KeyMode.TEST,
        built_in=built_in.get_secret_value() if built_in is not None else None,
        trusted_seconds=trusted_seconds,
    )


def run_api(settings: Settings) -> None:
    """Serve the API in the foreground until SIGTERM or Ctrl-C, then finish what is under way and return.

    :raises NotReady: the database may not be worked on.
    """
    instruments = Instruments()
    with open_engine(settings, actor="api", gateway_observer=instruments) as engine:
        require_ready(settings, engine)
        app = create_app(settings, engine, instruments)
        most = most_connections(raise_open_files())
        connections = Connections(most, app.state.rejections, instruments.registry)
        server = _Server(settings, app, connections)

        def stop(_number: int, _frame: FrameType | None) -> None:
            server.should_exit = True

        # uvicorn raises the signal again when it has drained; without these that would end the process at once.
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        spare_the_collector()
        with app.state.ready.kept_fresh():
            server.run()
        app.state.key_ring.write_uses()


class _Server(uvicorn.Server):
    def __init__(self, settings: Settings, app: FastAPI, connections: Connections) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.api.host,
                port=settings.api.port,
                access_log=False,
                log_config=None,
                log_level="warning",
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                http=bounded(connections, app.state.rejections),
                backlog=_BACKLOG,
                reset_contextvars=True,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
                ws="none",
            )
        )
        self._note = built_in_key_in_words(settings)

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Listen, then say where in one line, and whether the built-in key opens it in another."""
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            sys.stdout.write(f"billing API on http://{host if ':' not in host else f'[{host}]'}:{port}\n")
            sys.stdout.write(f"{self._note}\n" if self._note else "")
            sys.stdout.flush()
