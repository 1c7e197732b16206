"""A shell that lives as long as a page: what one block sets or starts is there for the next one."""

import os
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from external_tools import BIN
from waiting import HANG_SECONDS

SECONDS = 2 * HANG_SECONDS


class Shell:
    """Bash in a folder of its own, with the environment's commands; the first command that fails ends it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def __enter__(self) -> Self:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BILLING_")}
        environment |= {"PATH": f"{BIN}{os.pathsep}{environment['PATH']}", "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
        environment["BILLING_DAEMON__TICK_SECONDS"] = "0.1"  # readers wait some seconds more
        self._bash = subprocess.Popen(
            ["bash", "-e"],
            cwd=self._folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._bash.wait(timeout=HANG_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.wait()
        self._bash.stdin.close()
        self._bash.stdout.close()

    def run(self, script: str) -> str:
        """Run a block and return what it printed.

        :raises AssertionError: a command of it failed, or it did not end in time.
        """
        self._count += 1
        mark = f"--- end of block {self._count} ---"
        timer = threading.Timer(SECONDS, os.killpg, (self._bash.pid, signal.SIGKILL))
        timer.start()
        try:
            with suppress(BrokenPipeError):
                self._bash.stdin.write(f"{script}\necho '{mark}'\n")
                self._bash.stdin.flush()
            printed = []
            for line in self._bash.stdout:
                if line.rstrip("\n").endswith(mark):
                    return "".join([*printed, line.rstrip("\n").removesuffix(mark)])
                printed.append(line)
        finally:
            timer.cancel()
        raise AssertionError(f"this block failed:\n{script}\nit printed:\n{''.join(printed)}")

    def run_python(self, program: str) -> str:
        """Run a program in the folder, in the shell's environment."""
        file = self._folder / f"snippet_{self._count}.py"
        file.write_text(program, encoding="utf-8")
        return self.run(f"python {file.name}")
