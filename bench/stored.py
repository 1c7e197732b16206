"""Sends the API a burst of signed webhooks and times how fast they are stored: `python -m bench.stored`."""

import argparse
import asyncio
import hashlib
import hmac
import json
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop
from sqlalchemy import text

from bench.contestants import WentWrong
from bench.cpu import cpu_of, peak_mb
from bench.ending import end_what_was_started
from bench.gateway import HEAD_END, WEBHOOK_KEY, header_of
from bench.ground import Ground
from bench.postgres import postgres
from bench.race import Terms
from billing.store.database import Database

_AGAIN_AFTER: Final = 1.0


@dataclass(frozen=True, slots=True)
class Burst:
    """What a burst showed. Seconds from sending to the answer, in order; CPU of the API and of the sender in ms for
    each webhook and for each answer.
    """

    per_second: float
    stored: Sequence[float]
    refused: Sequence[float]
    api_ms: float
    sender_ms: float
    peak_mb: float


def main() -> None:
    """Run each burst on a fresh database and print a table row."""
    end_what_was_started()
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--runs", type=int, default=5)
    reader.add_argument("--webhooks", type=int, default=10_000, help="in a burst")
    reader.add_argument(
        "--connections", type=int, nargs="+", default=[256, 1000, 2000], help="that the gateway opens at once"
    )
    arguments = reader.parse_args()
    print("| connections | stored/s | 200: p50 ms | p99 ms | 503s | p50 ms | p99 ms | API CPU ms | sender | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, postgres() as server:
        ground = Ground(server, Path(folder))
        for connections in arguments.connections:
            found = [burst(ground, arguments.webhooks, connections) for _ in range(arguments.runs)]
            print(_row(connections, found), flush=True)


def burst(ground: Ground, webhooks: int, connections: int) -> Burst:
    """Send so many webhooks at once. What is to be sent again is, until all are stored."""
    url, port, api = ground.api(Terms(renewals=200))
    database = Database(url)
    try:
        api.wait_until_ready(database)
        used, own, began = cpu_of(api.pid), time.process_time(), time.monotonic()
        told = uvloop.run(_post(port, webhooks, connections))
        rate = webhooks / (time.monotonic() - began)
        cost, peak = (cpu_of(api.pid) - used) * 1000 / webhooks, peak_mb(api.pid)
        sender = (time.process_time() - own) * 1000 / len(told)
    finally:
        api.stop()
    with database.snapshot() as tx:
        stored = tx.execute(text("SELECT count(*) FROM webhook")).scalar_one()
    database.dispose()
    if stored != webhooks:
        raise WentWrong(f"{webhooks} were sent and {stored} are stored")
    took = {status: sorted(seconds for each, seconds in told if each == status) for status in (b"200", b"503")}
    return Burst(rate, took[b"200"], took[b"503"], cost, sender, peak)


def _row(connections: int, found: Sequence[Burst]) -> str:
    rates = [each.per_second for each in found]
    row = [str(connections), f"{statistics.median(rates):,.0f} ({min(rates):,.0f}-{max(rates):,.0f})"]
    row += _times([each.stored for each in found])
    row.append(f"{statistics.median(len(each.refused) for each in found):,.0f}")
    row += _times([each.refused for each in found])
    row += [f"{statistics.median(getattr(each, cost) for each in found):.3f}" for cost in ("api_ms", "sender_ms")]
    return "| " + " | ".join([*row, f"{max(each.peak_mb for each in found):.0f}"]) + " |"


def _times(bursts: Sequence[Sequence[float]]) -> list[str]:
    """Return the medians of each burst's median and 99th percentile in ms, and the worst 99th percentile."""
    if not all(bursts):
        return ["", ""]
    middles, lasts = ([took[len(took) * part // 100] * 1000 for took in bursts] for part in (50, 99))
    return [f"{statistics.median(middles):.0f}", f"{statistics.median(lasts):.0f} ({max(lasts):.0f})"]


async def _post(port: int, webhooks: int, connections: int) -> list[tuple[bytes, float]]:
    """Return status and seconds of every answer."""
    requests = deque(_request(number) for number in range(webhooks))
    told: list[tuple[bytes, float]] = []

    async def one_after_another() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while requests:
            request = requests.popleft()
            began = time.monotonic()
            writer.write(request)
            status = await _answer(reader)
            told.append((status, time.monotonic() - began))
            if status == b"503":
                requests.append(request)
                # Checkout.com waits for minutes; a burst that is over sooner is the harder one.
                await asyncio.sleep(_AGAIN_AFTER)
            elif status != b"200":
                raise WentWrong(f"a webhook was answered {status!r}")
        writer.close()

    await asyncio.gather(*(one_after_another() for _ in range(connections)))
    return told


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(HEAD_END)
    length = header_of(head[: -len(HEAD_END)].lower(), b"content-length: ")
    await reader.readexactly(int(length or 0))
    return head[9:12]


def _request(number: int) -> bytes:
    about = {"id": f"pay_{number:026d}", "action_id": f"act_{number:026d}", "reference": f"bench-{number}"}
    body = json.dumps({"id": f"evt_{number:026d}", "type": "payment_captured", "data": about}).encode()
    signature = hmac.new(WEBHOOK_KEY, body, hashlib.sha256).hexdigest()
    return (
        b"POST /webhooks/checkout HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        b"cko-signature: %b\r\ncontent-length: %d\r\n\r\n%b" % (signature.encode(), len(body), body)
    )


if __name__ == "__main__":
    main()
