"""`billing` as a process of its own: exit codes, signals, pipes."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2
import pytest
from harness import NO_CERTIFICATES, utc
from sqlalchemy import text
from waiting import HANG_SECONDS, until

from billing.store.installation import set_clock
from billing.store.reconciliation import LEASE


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


RECENT = "SELECT {} FROM reconciliation_round WHERE name = 'recent'"


def slowly(lived, **gateway):
    """Let a daemon ask two questions a page, and be patient with the gateway."""
    words = lived.config.read_text().replace("reads_per_second = 2000.0", "reads_per_second = 100.0")
    for name, value in gateway.items():
        words = words.replace(f"{name} = 2.0", f"{name} = {value}")
    lived.config.write_text(f"{words}[reconciliation]\nread_share = 0.01\nrecent_days = 30\n")


def ended(lived):
    place = lived.ask(RECENT.format("place"))
    return lived.ask(RECENT.format("ended_at")) is not None and place is None


def test_sigterm_in_the_midst_of_a_round_keeps_its_place_and_the_next_daemon_goes_on(start, lived):
    slowly(lived)
    first = start("daemon", "--name", "first")
    until(lambda: lived.ask(RECENT.format("asked")), "a page of the first round", every=0.05)
    first.send_signal(signal.SIGTERM)
    _, err = first.communicate(timeout=HANG_SECONDS)
    assert (first.returncode, '"event": "daemon_stopped"' in err) == (0, True)
    began, asked = lived.ask(RECENT.format("began_at")), lived.ask(RECENT.format("asked"))
    assert not ended(lived)
    second = start("daemon", "--name", "second")
    until(lambda: ended(lived), "the end of the round", every=0.05)
    second.send_signal(signal.SIGTERM)
    second.communicate(timeout=HANG_SECONDS)
    assert lived.ask(RECENT.format("began_at")) == began
    recent = f"datetime('{utc(began).replace(tzinfo=None)}', '-30 days')"
    charges = lived.ask(
        f"SELECT count(*) FROM charge WHERE state = 'captured' AND sent_at >= {recent} AND sent_at <= '{began}'"
    )
    refunds = lived.ask(f"SELECT count(*) FROM refund WHERE created_at >= {recent}")
    assert asked < lived.ask(RECENT.format("asked")) == charges + refunds, "each was asked about once"


def test_a_gateway_that_never_answers_keeps_no_daemon_from_ending(start, lived, lived_sandbox):
    """The page that waits for its answer is given up; another daemon asks it once the lease is over."""
    wait_for_an_answer = 40.0
    slowly(lived, answer_seconds=wait_for_an_answer)
    with lived.database.transaction() as tx:
        tx.execute(text("UPDATE charge SET check_at = NULL"))  # the sweep, which is finished first, asks nothing
    with httpx2.Client(base_url=lived_sandbox.url, verify=NO_CERTIFICATES) as sandbox:
        sandbox.put("/_sandbox/faults", json={"read_timeout": 1, "timeout_seconds": 600}).raise_for_status()
        try:
            first = start("daemon", "--name", "first")
            until(lambda: lived.ask(RECENT.format("began_at")), "a page under way", every=0.05)
            first.send_signal(signal.SIGTERM)
            first.communicate(timeout=wait_for_an_answer)
        finally:
            sandbox.put("/_sandbox/faults", json={"read_timeout": None, "timeout_seconds": None}).raise_for_status()
    began = lived.ask(RECENT.format("began_at"))
    assert (first.returncode, ended(lived)) == (0, False)
    with lived.database.transaction() as tx:
        set_clock(tx, utc(began) + 3 * LEASE)
    second = start("daemon", "--name", "second")
    until(lambda: ended(lived), "the end of the round", every=0.05)
    second.send_signal(signal.SIGTERM)
    second.communicate(timeout=HANG_SECONDS)
    assert lived.ask(RECENT.format("began_at")) == began
