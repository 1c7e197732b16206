"""Putting the sandbox together: one world, one runner, one courier, the routes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from billing.sandbox.answering import Wire
from billing.sandbox.control import Control
from billing.sandbox.courier import Courier
from billing.sandbox.edge import Edge
from billing.sandbox.oauth import TokenEndpoint
from billing.sandbox.options import Options
from billing.sandbox.routes import ROUTES
from billing.sandbox.runner import Runner
from billing.sandbox.serving.any_case import listen
from billing.sandbox.store import open_store
from billing.sandbox.wallet_pages import WalletPages
from billing.sandbox.world import World


@contextlib.asynccontextmanager
async def serve(options: Options) -> AsyncIterator[World]:
    """Serve a sandbox for as long as the block lasts; ``world.base_url`` says where.

    :raises OSError: the port is taken, or the database file is unusable.
    """
    wake = asyncio.Event()
    world = World(options, open_store(options.database), wake.set)
    courier, wire = Courier(world), Wire()
    runner = Runner(world, courier, wake)
    serving = web.AppRunner(
        _application(world, runner, courier, wire),
        access_log=None,
        shutdown_timeout=0.2,
        handle_signals=False,
    )
    await serving.setup()
    heartbeat: asyncio.Task[None] | None = None
    listening: asyncio.Server | None = None
    try:
        listening = await listen(_protocols(serving), options.host, options.port)
        world.base_url = _base_url(options, listening)
        world.load()
        heartbeat = asyncio.create_task(runner.run())
        yield world
    finally:
        wire.release()
        if heartbeat is not None:
            heartbeat.cancel()
        await courier.close()
        if listening is not None:
            listening.close()
        await serving.cleanup()
        world.store.close()


def _application(world: World, runner: Runner, courier: Courier, wire: Wire) -> web.Application:
    edge, application = Edge(world, wire), web.Application()
    gateway = [web.route(each.method, each.path, edge.handler(each)) for each in ROUTES]
    application.add_routes(gateway)
    application.add_routes([web.post("/connect/token", TokenEndpoint(world).issue)])
    application.add_routes(Control(world, runner, courier, wire).routes())
    application.add_routes(WalletPages(world).routes())
    return application


def _protocols(serving: web.AppRunner) -> Callable[[], asyncio.Protocol]:
    if serving.server is None:
        raise RuntimeError("the application is not set up")
    return serving.server


def _base_url(options: Options, listening: asyncio.Server) -> str:
    port = listening.sockets[0].getsockname()[1]
    host = f"[{options.host}]" if ":" in options.host else options.host
    return f"http://{host}:{port}"
