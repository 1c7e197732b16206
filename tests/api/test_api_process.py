"""The process itself, started as an operator starts it."""

import os
import re
import signal
import subprocess
import sys

import pytest
from api_world import client
from harness import START
from waiting import HANG_SECONDS

from billing.bootstrap import facts_of
from billing.config.settings import DatabaseSection, Settings
from billing.entrypoints.api.app import run_api
from billing.entrypoints.ready import NotReady
from billing.operations.set_up import migrate
from billing.store.database import Database

RUN = (
    "from billing.config.source import read_settings; from billing.entrypoints.api.app import run_api; "
    "run_api(read_settings())"
)


def started(folder):
    """Start a process on a fresh database of its own."""
    folder.mkdir()
    settings = Settings(database=DatabaseSection(url=f"sqlite:///{folder / 'billing.db'}"))
    database = Database(settings.database.url.get_secret_value())
    migrate(database, facts_of(settings), now=START)
    database.dispose()
    file = folder / "config.toml"
    file.write_text(f'[database]\nurl = "{settings.database.url.get_secret_value()}"\n[api]\nport = 0\n')
    environment = {**os.environ, "BILLING_CONFIG": str(file)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", RUN], env=environment, **pipes)


def test_it_says_where_it_listens_and_ends_cleanly(tmp_path):
    signals = (signal.SIGTERM, signal.SIGINT)
    processes = [started(tmp_path / how.name) for how in signals]
    for how, process in zip(signals, processes, strict=True):
        with process:
            line = process.stdout.readline()
            found = re.fullmatch(r"billing API on (http://127\.0\.0\.1:\d+)\n", line)
            assert found, line
            assert process.stdout.readline().startswith("sandbox-api-key opens it as an admin: ")
            with client(found[1]) as http:
                assert http.get("/readyz").json() == {"status": "ready"}
            process.send_signal(how)
            out, err = process.communicate(timeout=HANG_SECONDS)
        assert (process.returncode, out, err) == (0, "", "")


def test_it_does_not_start_on_a_database_that_is_not_ready(tmp_path):
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    with pytest.raises(NotReady, match="billing migrate"):
        run_api(Settings(database=DatabaseSection(url=url)))
