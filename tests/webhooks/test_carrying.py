"""A real daemon carries, is killed while it does, and the next one ends what it began."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from receiving import Post
from waiting import HANG_SECONDS, until

from billing.bootstrap import facts_of
from billing.config.source import read_settings
from billing.operations.courier import AT_ONCE
from billing.store.binding import bind
from billing.store.installation import set_clock


@contextmanager
def daemon(file):
    command = [sys.executable, "-m", "billing.entrypoints.cli.main", "--config", str(file), "daemon"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(HANG_SECONDS)


def configured(tmp_path, world, sandbox):
    url = world.engine.database.url.render_as_string(hide_password=False)
    made = tmp_path / "config.toml"
    made.write_text(
        f'[database]\nurl = "{url}"\n[gateway]\nbase_url = "{sandbox.url}"\n'
        "[daemon]\ntick_seconds = 0.1\nmetrics_port = 0\n"
    )
    with world.engine.database.transaction() as tx:
        bind(tx, facts_of(read_settings(made)))
        set_clock(tx, world.now)
    return made


@pytest.fixture
def file(tmp_path, world, sandbox):
    return configured(tmp_path, world, sandbox)


def lease_ends(world):
    with world.engine.database.transaction() as tx:
        tx.exec_driver_sql("UPDATE webhook_delivery SET next_try_at = queued_at WHERE state = 'pending'")


def test_a_daemon_that_is_killed_while_it_sends_leads_to_the_same_id_once_more_at_most(world, receiver, file):
    post = Post(world)
    made = post.endpoint(receiver)
    world.subscribe()
    receiver.wait = 2 * HANG_SECONDS
    with daemon(file) as process:
        until(lambda: len(receiver.requests) == AT_ONCE, "the first deliveries")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert set(post.states()) == {"pending"}
    receiver.wait = 0
    receiver.let_go.set()
    lease_ends(world)
    with daemon(file):
        until(lambda: set(post.states()) == {"delivered"})
    assert len(post.states()) == 7
    assert [receiver.ids.count(each) for each in receiver.ids[:AT_ONCE]] == [2] * AT_ONCE
    assert len(receiver.ids) == 7 + AT_ONCE
    assert receiver.requests[-1].verified(made.secret)


def test_a_daemon_with_a_dead_endpoint_sweeps_on_and_does_not_wait_for_it(sqlite_world, receiver, tmp_path, sandbox):
    world = sqlite_world
    made = configured(tmp_path, world, sandbox)
    post = Post(world)
    post.endpoint(receiver)
    receiver.wait = 4 * HANG_SECONDS
    with daemon(made) as process:
        world.enrol()
        until(lambda: len(receiver.requests) >= 2)
        swept = world.scalar("SELECT sweeps FROM daemon")
        until(lambda: world.scalar("SELECT sweeps FROM daemon") > swept)
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG_SECONDS) == 0
