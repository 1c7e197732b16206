"""`billing` as a process of its own: exit codes, signals, pipes."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from waiting import HANG_SECONDS, until


@pytest.fixture
def start(lived):
    # What these processes compile is kept outside the tree, so that only the first of them ever is slow.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "billing-tests-compiled")}

    # What is started as a shell's background job is deaf to Ctrl-C, and so would be what it starts.
    heard_before = signal.signal(signal.SIGINT, signal.default_int_handler)
    running = []

    def run(*arguments):
        command = [sys.executable, "-m", "billing.entrypoints.cli.main", "--config", str(lived.config), *arguments]
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command, env=environment, **streams)
        running.append(process)
        return process

    yield run
    signal.signal(signal.SIGINT, heard_before)
    for process in running:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


def test_it_refuses_and_exits_1_with_a_sentence_on_stderr(start):
    process = start("plans", "show", "gold")
    out, err = process.communicate(timeout=HANG_SECONDS)
    assert (process.returncode, out, err) == (1, "", "error: there is no plan gold\n")


def test_ctrl_c_at_a_question_exits_130_and_nothing_was_done(start, lived):
    process = start("plans", "archive", "basic")
    told = ""
    while not told.endswith("[y/N]"):
        told += process.stderr.read(1)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=HANG_SECONDS)
    assert process.returncode == 130
    process.communicate()
    assert lived.ask("SELECT COUNT(*) FROM plan WHERE archived_at IS NOT NULL") == 0


def test_a_reader_that_leaves_is_no_error(start):
    process = start("events", "--limit", "10000", "--json")
    process.stdout.readline()
    process.stdout.close()
    process.wait(timeout=HANG_SECONDS)
    assert process.stderr.read() == ""


def test_a_daemon_sweeps_gives_signs_of_life_and_drains_on_sigterm(start, lived):
    process = start("daemon", "--name", "here")
    until(lambda: lived.ask("SELECT COUNT(*) FROM daemon WHERE sweeps > 0"), "a sweep", every=0.05)
    assert "here alive" in lived.billing("doctor").words
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 0
    assert '"event": "daemon_stopped"' in err
    assert lived.ask("SELECT COUNT(*) FROM daemon") == 0
