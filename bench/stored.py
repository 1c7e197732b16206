"""Sends the API a burst of signed webhooks and times how fast they are stored: `python -m bench.stored`."""

import argparse
import asyncio
import hashlib
import hmac
import json
import statistics
import tempfile
import time
from pathlib import Path

import uvloop
from sqlalchemy import text

from bench.contestants import WentWrong
from bench.cpu import cpu_of, peak_mb
from bench.gateway import WEBHOOK_KEY
from bench.ground import Ground
from bench.postgres import postgres
from bench.race import Terms
from billing.store.database import Database


def main() -> None:
    """Run each burst on a fresh database and print a table row."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--runs", type=int, default=5)
    reader.add_argument("--webhooks", type=int, default=10_000, help="in a burst")
    reader.add_argument("--connections", type=int, nargs="+", default=[32, 256], help="that the gateway opens at once")
    arguments = reader.parse_args()
    print("| webhooks | connections | stored/s | answer p50 ms | p99 ms | API CPU ms | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, postgres() as server:
        ground = Ground(server, Path(folder))
        for connections in arguments.connections:
            found = [burst(ground, arguments.webhooks, connections) for _ in range(arguments.runs)]
            rates, middles, lasts, costs, peaks = (list(each) for each in zip(*found, strict=True))
            rate = f"{statistics.median(rates):,.0f} ({min(rates):,.0f}-{max(rates):,.0f})"
            row = [f"{statistics.median(middles):.0f}", f"{statistics.median(lasts):.0f} ({max(lasts):.0f})"]
            row += [f"{statistics.median(costs):.3f}", f"{max(peaks):.0f}"]
            print("| " + " | ".join([str(arguments.webhooks), str(connections), rate, *row]) + " |", flush=True)


def burst(ground: Ground, webhooks: int, connections: int) -> tuple[float, float, float, float, float]:
    """Return webhooks stored per second, median and 99th percentile of the answer in ms, CPU ms for each, memory."""
    url, port, api = ground.api(Terms(renewals=200))
    database = Database(url)
    try:
        api.wait_until_ready(database)
        used, began = cpu_of(api.pid), time.monotonic()
        took = sorted(uvloop.run(_post(port, webhooks, connections)))
        rate = webhooks / (time.monotonic() - began)
        cost, peak = (cpu_of(api.pid) - used) * 1000 / webhooks, peak_mb(api.pid)
    finally:
        api.stop()
    with database.snapshot() as tx:
        stored = tx.execute(text("SELECT count(*) FROM webhook")).scalar_one()
    database.dispose()
    if stored != webhooks:
        raise WentWrong(f"{webhooks} were sent and {stored} are stored")
    return rate, took[webhooks // 2] * 1000, took[webhooks * 99 // 100] * 1000, cost, peak


async def _post(port: int, webhooks: int, connections: int) -> list[float]:
    requests = iter([_request(number) for number in range(webhooks)])
    took: list[float] = []

    async def one_after_another() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in requests:
            began = time.monotonic()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            took.append(time.monotonic() - began)
            if b" 200 " not in head[:20]:
                raise WentWrong(f"a webhook was answered {head[:40]!r}")
        writer.close()

    await asyncio.gather(*(one_after_another() for _ in range(connections)))
    return took


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
