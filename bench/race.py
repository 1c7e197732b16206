"""One race: a fresh copy of a seeded database, a gateway, one or more processes, and what it cost them."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from bench.cpu import cpu_of, peak_mb
from bench.seeding import start_the_clock
from billing.store.database import Database

_PATIENCE: Final = 900.0
_LOOK_EVERY: Final = 0.05
_LEFT: Final = text(
    "SELECT EXISTS (SELECT 1 FROM subscription WHERE state IN ('active', 'trialing') AND parked_reason IS NULL "
    "AND next_due_at <= '2027-02-10 02:00:00') OR EXISTS (SELECT 1 FROM invoice WHERE state = 'open' AND "
    "next_attempt_at IS NOT NULL) OR EXISTS (SELECT 1 FROM charge WHERE state IN ('sending', 'pending', 'unknown'))"
)


class WentWrong(RuntimeError):
    """A race whose books do not balance has no time."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is raced under. ``latency_ms`` is the gateway's, ``in_flight`` per process."""

    renewals: int
    latency_ms: float = 0
    in_flight: int = 128
    processes: int = 1


@dataclass(frozen=True, slots=True)
class Result:
    """What a race took. CPU in ms for each renewal, memory in MB of the largest process."""

    seconds: float
    per_second: float
    cpu_ms: float
    database_ms: float
    gateway_ms: float
    peak_mb: float


class Gateway:
    """The gateway's process, on a port that it keeps from race to race."""

    def __init__(self, port: int, *arguments: str) -> None:
        command = [sys.executable, "-m", "bench.gateway", "--port", str(port), *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - our own module
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def cpu(self) -> float:
        return cpu_of(self._process.pid)

    def count(self) -> dict[str, Any]:
        """Return what it was asked for."""
        with urllib.request.urlopen(f"{self.url}/bench/count") as answer:  # noqa: S310 - loopback
            told: dict[str, Any] = json.load(answer)
            return told

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class Script:
    """A floor: says when it is ready, begins when it is told to."""

    def __init__(self, module: str, url: str, gateway: Gateway, in_flight: int) -> None:
        options = ["--database", url, "--gateway", gateway.url, "--in-flight", str(in_flight)]
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", module, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.pid = self._process.pid

    def wait_until_ready(self, _database: Database) -> None:
        """Return when it has opened what it needs."""
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            raise WentWrong("the floor did not start")

    def begin(self) -> None:
        """Let it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class BillingDaemon:
    """``billing daemon``, as it is run in production. It begins when the clock does."""

    def __init__(self, url: str, gateway: Gateway, in_flight: int, log: Path) -> None:
        self._log = log.open("ab")
        self._process = billing(["daemon", "--name", f"d{time.monotonic_ns()}"], url, gateway, in_flight, self._log)
        self.pid = self._process.pid

    def wait_until_ready(self, database: Database) -> None:
        """Return when every daemon has swept."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with database.snapshot() as tx:
                if tx.execute(text("SELECT count(*) = 0 OR min(sweeps) < 3 FROM daemon")).scalar_one() in (False, 0):
                    return
            time.sleep(0.05)
        raise WentWrong(f"the daemon did not start; see {self._log.name}")

    def begin(self) -> None:
        """Do nothing: the clock begins."""

    def stop(self) -> None:
        """Drain it."""
        self._process.terminate()
        self._process.wait(timeout=60)
        self._log.close()


def billing(
    command: list[str], url: str, gateway: Gateway, in_flight: int, log: Any, **more: str
) -> "subprocess.Popen[bytes]":
    """Start the engine's own command with the settings of a race."""
    settings = {
        "DATABASE__URL": url,
        "GATEWAY__BASE_URL": gateway.url,
        "GATEWAY__IN_FLIGHT": str(in_flight),
        "GATEWAY__WRITES_PER_SECOND": "10000",
        "GATEWAY__READS_PER_SECOND": "10000",
        "DAEMON__TICK_SECONDS": "0.05",
        "DAEMON__METRICS_PORT": "0",
        "BRAKE__FLOOR": "10000000",
        **more,
    }
    environment = {**os.environ, **{f"BILLING_{name}": value for name, value in settings.items()}}
    program = [sys.executable, "-m", "billing.entrypoints.cli.main", *command]
    return subprocess.Popen(program, env=environment, stdout=log, stderr=log)  # noqa: S603 - our own command


@contextmanager
def _running(contestants: list[Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for each in contestants:
            stack.callback(each.stop)
        yield


def race(name: str, url: str, terms: Terms, gateway: Gateway, server_cpu: Any, log: Path) -> Result:
    """Race on a seeded database and return what it took.

    :raises WentWrong: not every renewal was captured, invoiced and moved on, once.
    """
    database = Database(url)
    contestants: list[Any] = [
        BillingDaemon(url, gateway, terms.in_flight, log) if name == "engine" else
        Script(f"bench.{name}", url, gateway, terms.in_flight)
        for _ in range(terms.processes)
    ]  # fmt: skip
    with _running(contestants):
        for each in contestants:
            each.wait_until_ready(database)
        time.sleep(0.3)
        used = [cpu_of(each.pid) for each in contestants], server_cpu(), gateway.cpu
        began = time.monotonic()
        start_the_clock(url)
        for each in contestants:
            each.begin()
        _wait(database, contestants, gateway, terms.renewals)
        seconds = time.monotonic() - began
        mine = sum(cpu_of(each.pid) - before for each, before in zip(contestants, used[0], strict=True))
        theirs, gateways = server_cpu() - used[1], gateway.cpu - used[2]
        peak = max(peak_mb(each.pid) for each in contestants)
    _check(database, gateway, terms.renewals)
    database.dispose()
    per = 1000 / terms.renewals
    return Result(seconds, terms.renewals / seconds, mine * per, theirs * per, gateways * per, peak)


def _wait(database: Database, contestants: list[Any], gateway: Gateway, renewals: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and all(Path(f"/proc/{each.pid}/fd/0").exists() for each in contestants):
        # The gateway is asked first: a look into the database costs as much as some renewals.
        if gateway.count()["payments"] >= renewals:
            with database.snapshot() as tx:
                if not tx.execute(_LEFT).scalar_one():
                    return
        time.sleep(_LOOK_EVERY)
    raise WentWrong("it did not come to an end")


def _check(database: Database, gateway: Gateway, renewals: int) -> None:
    asked = (
        "SELECT (SELECT count(*) FROM invoice WHERE state = 'paid'), "
        "(SELECT count(*) FROM charge WHERE state = 'captured'), "
        "(SELECT count(*) FROM subscription WHERE billed_index = 1 AND paid_through > '2027-02-10')"
    )
    with database.snapshot() as tx:
        found = tuple(tx.execute(text(asked)).one())
    counted = gateway.count()
    if found != (renewals,) * 3 or counted["payments"] != renewals or counted["repeats"]:
        raise WentWrong(f"{renewals} were due; invoices, charges and subscriptions say {found}, the gateway {counted}")
