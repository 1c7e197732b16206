"""The processes under torture: started from the nursery, killed, stopped, continued, and started again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from waiting import HANG_SECONDS

NURSERY = Path(__file__).with_name("nursery.py")


class Nursery:
    """A process whose children are the others. Starting it takes seconds, a child of it takes none."""

    def __init__(self) -> None:
        command = [sys.executable, str(NURSERY)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def bear(self, program: str, arguments: list[str], log: Path) -> int:
        """Start a command and return its process id."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"program": program, "arguments": arguments, "log": str(log)}) + "\n")
        stdin.flush()
        return int(stdout.readline())

    def close(self) -> None:
        """End the nursery; children that still live go on."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=HANG_SECONDS)
        self._process.stdout.close()


class Fleet:
    """Processes by name. A supervisor: whatever is dead is started again by :meth:`keep_alive`."""

    def __init__(self, nursery: Nursery, folder: Path) -> None:
        self._nursery = nursery
        self._folder = folder
        self._how: dict[str, tuple[str, list[str]]] = {}
        self._pids: dict[str, int] = {}
        self._stopped: dict[str, float] = {}
        self._timers: list[threading.Timer] = []
        self.born = 0
        self.went_on_at = 0.0

    def add(self, name: str, program: str, *arguments: str) -> None:
        """Start a process that is to be kept alive."""
        self._how[name] = (program, list(arguments))
        self._start(name)

    def keep_alive(self) -> None:
        """Start again whatever is dead."""
        for name in self._how:
            if not self.lives(name):
                self._start(name)

    def lives(self, name: str) -> bool:
        try:
            os.kill(self._pids[name], 0)
        except ProcessLookupError:
            return False
        return True

    def kill(self, name: str) -> None:
        """SIGKILL, as a power cut or the kernel's memory killer would."""
        self._signal(self._pids[name], signal.SIGKILL)

    def stop_for(self, name: str, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after so many real seconds, whatever the caller does meanwhile."""
        pid = self._pids[name]
        self._stopped[name] = time.monotonic()
        self._signal(pid, signal.SIGSTOP)

        def go_on() -> None:
            self._signal(pid, signal.SIGCONT)
            self.went_on_at = time.monotonic()
            self._stopped.pop(name, None)

        timer = threading.Timer(seconds, go_on)
        self._timers.append(timer)
        timer.start()

    @property
    def stopped(self) -> frozenset[str]:
        return frozenset(self._stopped)

    def wait_for_the_stopped(self) -> None:
        """Return when every process that was stopped goes on."""
        for timer in self._timers:
            timer.join()
        self._timers.clear()

    def end(self) -> None:
        """End everything; what does not end in good order within ten seconds is killed."""
        self.wait_for_the_stopped()
        for pid in self._pids.values():
            self._signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while any(self.lives(name) for name in self._pids):
            if time.monotonic() > deadline:
                for name in self._pids:
                    self.kill(name)
            time.sleep(0.02)

    def said(self) -> dict[str, str]:
        """Return what each process said, over all its lives."""
        return {name: self._log(name).read_text(encoding="utf-8") for name in self._how}

    def _start(self, name: str) -> None:
        program, arguments = self._how[name]
        self._pids[name] = self._nursery.bear(program, arguments, self._log(name))
        self.born += 1

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    @staticmethod
    def _signal(pid: int, number: Any) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
