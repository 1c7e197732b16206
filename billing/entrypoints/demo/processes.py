"""The demo's processes: sandbox, API and daemon, each as a user would start it."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import httpx2

_START_SECONDS: Final = 30.0


class DidNotStart(RuntimeError):
    """A process ended or did not answer in time; its log says why."""


@dataclass(slots=True)
class Processes:
    """Everything that was started; all of it is stopped at the end of the block."""

    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def start_sandbox(self, seed: int, webhook_url: str, webhook_key: str, *, strict: bool) -> str:
        """Start the sandbox on a free port and return its URL."""
        arguments = ["-m", "billing.sandbox", "--port", "0", "--seed", str(seed), "--quiet"]
        arguments += ["--webhook-url", webhook_url, "--webhook-key", webhook_key]
        arguments += ["--strict"] if strict else []
        process = self._start("sandbox", arguments, stdout=subprocess.PIPE)
        line = _first_line(process)
        if "http://" not in line:
            raise DidNotStart(f"the sandbox did not start; see {self._log('sandbox')}")
        return "http://" + line.split("http://", 1)[1].strip()

    def start_api(self, config: Path, url: str) -> None:
        """Start the API and return when it answers."""
        process = self._billing("api", config, ["api"])
        deadline = time.monotonic() + _START_SECONDS
        with httpx2.Client(base_url=url, timeout=1) as client:
            while time.monotonic() < deadline and process.poll() is None:
                try:
                    if client.get("/healthz").status_code == 200:
                        return
                except httpx2.HTTPError:
                    time.sleep(0.05)
        raise DidNotStart(f"the API did not start; see {self._log('api')}")

    def start_daemon(self, config: Path, name: str) -> None:
        """Start a daemon; whoever waits for its first sweep sees that it runs."""
        self._billing("daemon", config, ["daemon", "--name", name])

    def kill_daemon(self) -> None:
        """Kill the daemon as a power cut would: no signal handler runs."""
        process = self.running.pop("daemon")
        process.send_signal(signal.SIGKILL)
        process.wait()

    def require_running(self) -> None:
        """Do nothing while all processes run.

        :raises DidNotStart: one of them ended.
        """
        for name, process in self.running.items():
            if process.poll() is not None:
                raise DidNotStart(f"the {name} ended with code {process.returncode}; see {self._log(name)}")

    def _billing(self, name: str, config: Path, command: list[str]) -> subprocess.Popen[bytes]:
        return self._start(name, ["-m", "billing.entrypoints.cli.main", "--config", str(config), *command])

    def _start(self, name: str, arguments: list[str], stdout: int | None = None) -> subprocess.Popen[bytes]:
        with self._log(name).open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stdout if stdout is not None else log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl-C goes to the demo alone, which stops them in order
            )
        self.running[name] = process
        return process

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def end_in_order_when_told_to() -> None:
    """Take SIGTERM and SIGHUP for Ctrl-C: blocks that have begun are left, and end what they started."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _first_line(process: subprocess.Popen[bytes]) -> str:
    if process.stdout is None:
        return ""
    ready, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
    return process.stdout.readline().decode() if ready else ""
