"""The processes of a race: the gateway, the floors, and the engine's own daemon and API."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any, Final, Protocol

from sqlalchemy import text

from bench.cpu import cpu_of
from billing.store.database import Database

_PATIENCE: Final = 60.0


class WentWrong(RuntimeError):
    """A race whose books do not balance has no time."""


class Contestant(Protocol):
    """A process that is raced."""

    pid: int

    def wait_until_ready(self, database: Database) -> None:
        """Return when it could begin."""

    def begin(self) -> None:
        """Let it begin."""

    def stop(self) -> None:
        """End it."""


class Gateway:
    """The gateway's process, on a port that it keeps from race to race."""

    def __init__(self, port: int, *arguments: str) -> None:
        command = [sys.executable, "-m", "bench.gateway", "--port", str(port), *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
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

    def __init__(self, module: str, url: str, gateway_port: int, in_flight: int) -> None:
        options = ["--database", url, "--gateway", _local(gateway_port), "--in-flight", str(in_flight)]
        self._process = subprocess.Popen(
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

    def __init__(self, url: str, gateway_port: int, in_flight: int, log: Path, **settings: str) -> None:
        self._log = log.open("ab")
        command = ["daemon", "--name", f"d{time.monotonic_ns()}"]
        self._process = billing(
            command, url, gateway_port, self._log, **{"GATEWAY__IN_FLIGHT": str(in_flight), **settings}
        )
        self.pid = self._process.pid

    def wait_until_ready(self, database: Database) -> None:
        """Return when every daemon has swept."""
        deadline = time.monotonic() + _PATIENCE
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
        _end(self._process)
        self._log.close()


class Api:
    """``billing api``, which takes the gateway's webhooks."""

    def __init__(self, url: str, gateway_port: int, port: int, log: Path) -> None:
        self._log = log.open("ab")
        self._url = _local(port)
        self._process = billing(["api"], url, gateway_port, self._log, API__PORT=str(port))
        self.pid = self._process.pid

    def wait_until_ready(self, _database: Database) -> None:
        """Return when it answers."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self._url}/healthz"):  # noqa: S310 - loopback
                    return
            except urllib.error.URLError:
                time.sleep(0.05)
        raise WentWrong(f"the API did not start; see {self._log.name}")

    def begin(self) -> None:
        """Do nothing: the gateway begins."""

    def stop(self) -> None:
        """Drain it."""
        _end(self._process)
        self._log.close()


def billing(command: list[str], url: str, gateway_port: int, log: IO[bytes], **more: str) -> "subprocess.Popen[bytes]":
    """Start the engine's own command with the settings of a race."""
    settings = {
        "DATABASE__URL": url,
        "GATEWAY__BASE_URL": _local(gateway_port),
        "GATEWAY__WRITES_PER_SECOND": "10000",
        "GATEWAY__READS_PER_SECOND": "10000",
        "DAEMON__TICK_SECONDS": "0.05",
        "DAEMON__METRICS_PORT": "0",
        "BRAKE__FLOOR": "10000000",
        **more,
    }
    environment = {**os.environ, **{f"BILLING_{name}": value for name, value in settings.items()}}
    program = [sys.executable, "-m", "billing.entrypoints.cli.main", *command]
    return subprocess.Popen(program, env=environment, stdout=log, stderr=log)


def _local(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(timeout=_PATIENCE)
