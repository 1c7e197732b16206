"""The API as a process of its own, started as an operator starts it."""

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

from harness import START
from waiting import HANG_SECONDS

from billing.bootstrap import facts_of
from billing.config.settings import DatabaseSection, Settings
from billing.operations.set_up import migrate
from billing.store.database import Database

RUN = (
    "from billing.config.source import read_settings; from billing.entrypoints.api.app import run_api; "
    "run_api(read_settings())"
)


@contextmanager
def started(folder, **how):
    """Start a process on a fresh database of its own; it is killed if it still runs when the test is over."""
    folder.mkdir()
    settings = Settings(database=DatabaseSection(url=f"sqlite:///{folder / 'billing.db'}"))
    database = Database(settings.database.url.get_secret_value())
    migrate(database, facts_of(settings), now=START)
    database.dispose()
    file = folder / "config.toml"
    file.write_text(f'[database]\nurl = "{settings.database.url.get_secret_value()}"\n[api]\nport = 0\n')
    environment = {**os.environ, "BILLING_CONFIG": str(file)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", RUN], env=environment, **pipes, **how) as process:
        try:
            yield process
        finally:
            process.kill()  # or a test that failed would wait for its end


def where(process):
    """Return where a process listens, which it says first."""
    line = process.stdout.readline()
    found = re.fullmatch(r"billing API on (http://127\.0\.0\.1:\d+)\n", line)
    assert found, line
    assert process.stdout.readline().startswith("sandbox-api-key opens it as an admin: ")
    return found[1]


def ended(process, how=signal.SIGTERM):
    """Ask a process to end; return what it had said since."""
    process.send_signal(how)
    said = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 0
    return said
