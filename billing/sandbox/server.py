"""Running the sandbox in the foreground, until SIGINT or SIGTERM."""

import asyncio
import signal
import sys

from billing.sandbox.app import serve
from billing.sandbox.options import Options
from billing.sandbox.world import World


def run(options: Options) -> None:
    """Serve until told to stop. A port that is taken ends the program with one line, not a trace."""
    try:
        asyncio.run(_serve_until_stopped(options))
    except OSError as error:
        raise SystemExit(f"the sandbox cannot start: {error}") from None


async def _serve_until_stopped(options: Options) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serve(options) as world:
        _say(f"sandbox listening on {world.base_url}")
        if not options.quiet:
            _say(_directions(world))
        await stop.wait()


def _directions(world: World) -> str:
    options, url = world.options, world.base_url
    return (
        f"  ledger          {url}/_sandbox/payments\n"
        f"  wallets         {url}/_sandbox/wallets\n"
        f"  agreements      {url}/wallet/agreements\n"
        f"  faults          {url}/_sandbox/faults?describe=1\n"
        f"  profiles        {' '.join(sorted(world.profiles)) or 'none: PUT /_sandbox/profiles'}\n"
        f"  secret key      {options.secret_key}\n"
        f"  channel         {options.processing_channel_id}\n"
        f"  OAuth client    {options.client_id} / {options.client_secret} at {url}/connect/token\n"
        f"  webhooks to     {world.webhooks.url or 'nowhere yet: PUT /_sandbox/webhooks'}\n"
        f"  seed            {world.dice.seed}"
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
