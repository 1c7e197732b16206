"""What starts servers ends them: told to end, a program leaves no process behind, whoever started that."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from external_tools import ROOT
from waiting import HANG_SECONDS, until

BENCH = ["-m", "bench", "--contestants", "engine", "--most", "200", "--others", "0", "--latencies", "0", "--runs", "9"]
PROGRAMS = {
    "the bench": (BENCH, ("postgres", "bench.gateway", "daemon")),
    "the demo": (["-m", "billing.entrypoints.cli.main", "demo"], ("billing.sandbox", "api", "daemon")),
    "the example SaaS": ([str(ROOT / "examples/saas/run.py"), "--port", "0"], ("sandbox", "api", "daemon")),
}


def _commands(mark: str) -> dict[int, str]:
    """Return every process that has inherited the mark, with its command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has ended, or is another's
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="without /proc no process tells its environment")
@pytest.mark.timeout(4 * HANG_SECONDS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", PROGRAMS)
def test_whoever_is_told_to_end_leaves_nothing_running(name, number, tmp_path):
    arguments, started = PROGRAMS[name]
    mark = f"MARK_OF_A_TEST={uuid.uuid4().hex}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **dict([mark.split("=")])}
    program = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(
            lambda: all(any(word in each for each in _commands(mark).values()) for word in started),
            f"{', '.join(started)} to be started",
        )
        program.send_signal(number)
        program.wait(timeout=HANG_SECONDS)
        until(lambda: not _commands(mark), f"the end of {_commands(mark)}")
    finally:
        for pid in _commands(mark):
            os.kill(pid, signal.SIGKILL)
