"""What strangers can do to the API: memory after each attack, and how long honest requests take meanwhile.

    python -m bench.hostile --seconds 10 --rest 60

Each attack runs in a process of its own, on loopback, for a bounded time. Nobody of them has a key, but for
``parameters``, which has one that may only read.
"""

import argparse
import asyncio
import hashlib
import hmac
import http.client
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

KEY: Final = "sandbox-api-key"
WEBHOOK_KEY: Final = b"kakaosandbox-webhook-key"
MOST_TIMES_IDLE: Final = 20
MOST_TIMES_MEMORY: Final = 1.5
_LINES: Final = 40
_START: Final = (
    "from billing.config.source import read_settings; from billing.entrypoints.api.app import run_api; "
    "run_api(read_settings())"
)
_GET: Final = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"
_Attack = Callable[[int, float], Awaitable[None]]


async def _flood(port: int, until: float, piece: bytes, begin: bytes = b"", *, reads: bool = True) -> None:
    """Send a beginning and then pieces until the time is up, on one connection after another."""
    while time.monotonic() < until:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(begin)
                while time.monotonic() < until:
                    writer.write(piece)
                    await writer.drain()
                    if reads and not await asyncio.wait_for(reader.read(65536), 10):
                        break
                    if reader.at_eof():
                        break
            finally:
                writer.transport.abort()
        await asyncio.sleep(0)


def _many(piece: bytes, begin: bytes = b"", lines: int = _LINES, *, reads: bool = True) -> _Attack:
    async def attack(port: int, until: float) -> None:
        await asyncio.gather(*(_flood(port, until, piece, begin, reads=reads) for _ in range(lines)))

    return attack


async def _silence(port: int, until: float) -> None:
    """Open connections and say nothing, again whenever one is closed; more than a process may have files by default."""

    async def silent() -> None:
        while time.monotonic() < until:
            with suppress(OSError, TimeoutError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    await asyncio.wait_for(reader.read(1), max(0.1, until - time.monotonic()))
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0.5)

    await asyncio.gather(*(silent() for _ in range(1100)))


_PARAMETERS: Final = "&".join(f"a{number}" for number in range(9000)).encode()
_BEARER: Final = b"GET %b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n"
_CHUNKED: Final = (
    b"POST /webhooks/checkout HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    b"\r\n2\r\n{}\r\n0\r\nX: "
)
ATTACKS: Final[Mapping[str, _Attack]] = {
    "endless head of long lines": _many(
        (b"X-Aaaaaaa: " + b"y" * 80 + b"\r\n") * 700, b"GET /healthz HTTP/1.1\r\nHost: x\r\n", 4, reads=False
    ),
    "endless head of short lines": _many(b"a:b\r\n" * 13_000, b"GET /healthz HTTP/1.1\r\nHost: x\r\n", 4, reads=False),
    "heads of 20,000 lines": _many(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"a:bcdefg\r\n" * 20_000 + b"\r\n"),
    "endless trailers": _many(b"y" * 65_536, _CHUNKED, 4, reads=False),
    "7,000 requests at once": _many(_GET % b"/healthz" * 7000),
    "1,100 silent connections": _silence,
    "/readyz": _many(_GET % b"/readyz"),
    "/healthz": _many(_GET % b"/healthz"),
    "wrong keys": _many(_BEARER % (b"/v1/plans", b"bk_test_wrong")),
    "9,000 parameters, with a key": _many(_BEARER % (b"/v1/customers?" + _PARAMETERS, KEY.encode()), lines=2),
}


@dataclass
class Seen:
    """Seconds that honest requests took, and how many were not answered with 200."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds) if self.seconds else math.inf

    @property
    def p99(self) -> float:
        return sorted(self.seconds)[math.ceil(len(self.seconds) * 0.99) - 1] if self.seconds else math.inf


@dataclass
class Api:
    """The process under attack."""

    process: subprocess.Popen[str]
    port: int
    asked: int = 0

    def rss(self) -> int:
        """Return its resident memory in MB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000

    def keyed_read(self) -> int:
        """Read a list with a key; return the status."""
        return self._ask("GET", "/v1/plans", None, {"Authorization": f"Bearer {KEY}"})

    def webhook(self) -> int:
        """Deliver a signed webhook; return the status."""
        self.asked += 1
        body = json.dumps({"id": f"evt_{self.asked}", "type": "payment_captured", "data": {"id": "pay_1"}}).encode()
        signature = hmac.new(WEBHOOK_KEY, body, hashlib.sha256).hexdigest()
        headers = {"Cko-Signature": signature, "Content-Type": "application/json"}
        return self._ask("POST", "/webhooks/checkout", body, headers)

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> int:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            answer.read()
            return answer.status
        finally:
            line.close()

    def probe(self, ask: Callable[[], int], seconds: float, most: int = 100_000) -> Seen:
        """Ask again and again for so long, or so often."""
        seen, until = Seen(), time.monotonic() + seconds
        while time.monotonic() < until and len(seen.seconds) + seen.failed < most:
            begun = time.monotonic()
            try:
                status = ask()
            except (OSError, http.client.HTTPException):
                status = 0
            if status == 200:
                seen.seconds.append(time.monotonic() - begun)
            else:
                seen.failed += 1
            time.sleep(0.02)
        return seen


@contextmanager
def api(folder: Path) -> Iterator[Api]:
    """Start the API as an operator does, on a fresh SQLite database."""
    (folder / "config.toml").write_text(f'[database]\nurl = "sqlite:///{folder / "billing.db"}"\n[api]\nport = 0\n')
    environment = {**os.environ, "BILLING_CONFIG": str(folder / "config.toml")}
    billing = [sys.executable, "-m", "billing.entrypoints.cli.main"]
    subprocess.run([*billing, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-c", _START], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        assert process.stdout is not None
        where = process.stdout.readline().strip()
        one = Api(process, int(where.rpartition(":")[2]))
        process.stdout.readline()
        drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=log)  # what it logs must not fill the pipe
        try:
            for _ in range(100):
                one.keyed_read()
                one.webhook()
            yield one
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            drain.wait(10)


@contextmanager
def under(name: str, port: int, seconds: float) -> Iterator[None]:
    """Let an attack go on, in a process of its own, for so long at most."""
    command = [sys.executable, "-m", "bench.hostile", "--attack", name, "--port", str(port), "--seconds", str(seconds)]
    with subprocess.Popen(command, cwd=Path(__file__).parent.parent) as attacker:
        try:
            yield
            attacker.wait(seconds + 60)
        finally:
            attacker.kill()


def _report(seconds: float, rest: float) -> None:
    with tempfile.TemporaryDirectory() as folder, api(Path(folder)) as one:
        idle = {"read": one.probe(one.keyed_read, 5), "webhook": one.probe(one.webhook, 5)}
        before = one.rss()
        print(
            f"idle: read {idle['read'].median * 1000:.1f} ms, webhook {idle['webhook'].median * 1000:.1f} ms (medians)"
        )
        print("| attack | MB at its end | MB after | read p99 ms (x idle) | webhook p99 ms (x idle) | not answered |")
        print("| --- | --- | --- | --- | --- | --- |")
        print(f"| none | {before} | {before} | | | |")
        for name in ATTACKS:
            with under(name, one.port, seconds):
                time.sleep(0.5)
                read = one.probe(one.keyed_read, seconds / 2 - 0.5)
                hook = one.probe(one.webhook, seconds / 2 - 0.5)
                at_end = one.rss()
            time.sleep(rest)
            told = [
                f"{seen.p99 * 1000:.0f} ({seen.p99 / idle[kind].median:.1f})"
                for kind, seen in (("read", read), ("webhook", hook))
            ]
            failed = read.failed + hook.failed
            print(f"| {name} | {at_end} | {one.rss()} | {told[0]} | {told[1]} | {failed} |", flush=True)


def main() -> None:
    """Run one attack, or all of them and tell what they did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rest", type=float, default=60, help="seconds from the end of an attack to the measurement")
    parser.add_argument("--attack", choices=list(ATTACKS))
    parser.add_argument("--port", type=int)
    asked = parser.parse_args()
    if asked.attack:
        asyncio.run(ATTACKS[asked.attack](asked.port, time.monotonic() + asked.seconds))
    else:
        _report(asked.seconds, asked.rest)


if __name__ == "__main__":
    main()
