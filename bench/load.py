"""Asks the API what SaaS backends ask while a charge run is under way, and times it: `python -m bench.load`."""

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import uvloop
from sqlalchemy import text

from bench.contestants import WentWrong
from bench.cpu import cpu_of
from bench.ending import end_what_was_started
from bench.ground import Ground, Loaded
from bench.postgres import postgres
from bench.race import Terms
from bench.seeding import NOW, put_clock
from billing.config.settings import SANDBOX_API_KEY
from billing.domain.public_ids import Kind, public_id

MIX: Final = {"access": 45, "subscription": 20, "subscriptions": 10, "invoices": 10, "enrolment": 10, "cancellation": 5}
"""How many of a hundred requests are of each kind."""
_TABLE: Final = "| requests | per second | p50 ms | p95 ms | p99 ms | slowest ms | not 2xx |"


@dataclass(slots=True)
class Told:
    """What was waited for answers of one kind, in seconds from when each was to be sent, and which were no good."""

    waits: list[float] = field(default_factory=list)
    failed: Counter[int] = field(default_factory=Counter)


def main() -> None:
    """Load it once under each charge run, and print a table of each."""
    end_what_was_started()
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rate", type=float, default=50, help="requests per second, all kinds together")
    reader.add_argument("--seconds", type=float, default=60)
    reader.add_argument("--charges", type=float, nargs="+", default=[0, 80, 400], help="per second, of the daemon")
    reader.add_argument("--latency-ms", type=float, default=100, help="of the gateway")
    reader.add_argument("--others", type=int, default=100_000, help="subscriptions that are not due")
    reader.add_argument("--seed", type=int, default=1)
    arguments = reader.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, postgres() as server:
        ground = Ground(server, Path(folder))
        for charges in arguments.charges:
            told, made, cost = load(ground, charges, arguments)
            print(
                f"\n{charges:g} charges per second wanted, {made / arguments.seconds:.0f} made; API CPU {cost:.2f} ms"
            )
            print(f"{_TABLE}\n{'| --- ' * 7}|")
            for name, each in sorted(told.items()):
                print(_row(name, each, arguments.seconds), flush=True)


def load(ground: Ground, charges: float, arguments: argparse.Namespace) -> tuple[dict[str, Told], int, float]:
    """Return what was told of each kind, how many renewals were charged meanwhile, and API CPU ms for each request.

    :raises WentWrong: a renewal was sent twice.
    """
    due = max(200, int(charges * (arguments.seconds + 10)))
    terms = Terms(due, arguments.latency_ms)
    settings = {"GATEWAY__WRITES_PER_SECOND": str(charges)} if charges else {}
    with ground.loaded(terms, others=arguments.others, with_daemon=charges > 0, **settings) as loaded:
        chance = random.Random(arguments.seed)  # noqa: S311 - the same requests in every run
        with loaded.database.snapshot() as tx:
            found = tx.execute(text("SELECT id FROM subscription ORDER BY id LIMIT 5000")).scalars()
            ids = [public_id(Kind.SUBSCRIPTION, each) for each in found]
        put_clock(loaded.database, NOW)
        before, used = loaded.charged(), cpu_of(loaded.api.pid)
        told = uvloop.run(_arrive(loaded, ids, chance, arguments))
        made, spent = loaded.charged() - before, cpu_of(loaded.api.pid) - used
        if loaded.gateway.count()["repeats"]:
            raise WentWrong("a renewal was sent twice")
        return told, made, spent * 1000 / sum(len(each.waits) for each in told.values())


async def _arrive(
    loaded: Loaded, ids: Sequence[str], chance: random.Random, arguments: argparse.Namespace
) -> dict[str, Told]:
    told: dict[str, Told] = defaultdict(Told)
    headers = {"Authorization": f"Bearer {SANDBOX_API_KEY}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(loaded.url, headers=headers, connector=connector) as session:

        async def one(number: int, at: float) -> None:
            name, method, path, body = _request(number, ids, chance)
            once = {"Idempotency-Key": f"load-{number}"} if method == "POST" else {}
            async with session.request(method, path, json=body, headers=once) as answer:
                await answer.read()
            told[name].waits.append(time.monotonic() - at)
            if answer.status >= 300:
                told[name].failed[answer.status] += 1

        async with asyncio.TaskGroup() as group:
            at = began = time.monotonic()
            number = 0
            # They come when they come, however long the others wait: a slow answer does not thin the load.
            while (at := at + chance.expovariate(arguments.rate)) < began + arguments.seconds:
                await asyncio.sleep(max(0, at - time.monotonic()))
                number += 1
                group.create_task(one(number, at))
    return told


def _request(number: int, ids: Sequence[str], chance: random.Random) -> tuple[str, str, str, Any]:
    [name] = chance.choices(list(MIX), list(MIX.values()))
    customer, subscription = f"customer-{chance.randrange(1, len(ids))}", chance.choice(ids)
    match name:
        case "access":
            return name, "GET", f"/v1/customers/{customer}/access", None
        case "subscription":
            return name, "GET", f"/v1/subscriptions/{subscription}", None
        case "subscriptions":
            return name, "GET", f"/v1/subscriptions?customer_reference={customer}", None
        case "invoices":
            return name, "GET", f"/v1/invoices?subscription_id={subscription}", None
        case "enrolment":
            return name, "POST", "/v1/subscriptions", _enrolment(number)
        case _:
            return name, "POST", f"/v1/subscriptions/{subscription}/cancel", {"at": "period_end"}


def _enrolment(number: int) -> dict[str, Any]:
    return {
        "plan": "basic",
        "customer_reference": f"newcomer-{number}",
        "name": "구독자",
        "email": "subscriber@example.com",
        "terminal_type": "WEB",
        "success_url": "http://127.0.0.1/done",
        "failure_url": "http://127.0.0.1/failed",
    }


def _row(name: str, told: Told, seconds: float) -> str:
    waits = sorted(told.waits)
    figures = [waits[int(len(waits) * part)] * 1000 for part in (0.5, 0.95, 0.99)] + [waits[-1] * 1000]
    failed = ", ".join(f"{count} x {status}" for status, count in sorted(told.failed.items())) or "0"
    return "| " + " | ".join([name, f"{len(waits) / seconds:.1f}", *(f"{each:.0f}" for each in figures), failed]) + " |"


if __name__ == "__main__":
    main()
