"""A daemon is healthy while its sweeps go on, and says in words why when they do not."""

import http.client
import json
import os
import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest
import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from waiting import HANG_SECONDS, until

from billing.bootstrap import facts_of
from billing.config.settings import DaemonSection, DatabaseSection, GatewaySection, Settings
from billing.entrypoints.daemon import Daemon
from billing.entrypoints.metrics.instruments import SweepInstruments
from billing.entrypoints.metrics.vitals import Vitals
from billing.entrypoints.pulse import MOST_IDS_IN_A_LINE, Pulse
from billing.entrypoints.watch_port import MOST_AT_ONCE, PORTS_TRIED, watch_port
from billing.operations.engine import Tally
from billing.store.binding import bind
from billing.store.database import Database


class Time:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def monotonic():
    return Time()


@pytest.fixture
def pulse(monotonic):
    return Pulse("d", SweepInstruments(CollectorRegistry()), stalled_after=60, monotonic=monotonic)


def ask(port, path):
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_SECONDS)
    line.request("GET", path)
    answer = line.getresponse()
    body = answer.read().decode()
    line.close()
    return answer.status, json.loads(body) if path != "/metrics" else body


def free_ports():
    """Return the first of as many neighbouring free ports as a daemon tries."""
    for first in range(20_000 + os.getpid() % 1000 * PORTS_TRIED, 60_000, PORTS_TRIED):
        with ExitStack() as open_ports:
            try:
                for port in range(first, first + PORTS_TRIED):
                    open_ports.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports")


def test_a_daemon_that_sweeps_is_well(pulse, monotonic):
    for _ in range(5):
        monotonic.now += 50
        with pulse.sweep():
            pass
    assert pulse.why_unhealthy() is None


def test_a_daemon_that_has_just_started_is_given_time(pulse, monotonic):
    monotonic.now += 59
    assert pulse.why_unhealthy() is None


def test_a_sweep_that_stalls_is_told_with_its_seconds(pulse, monotonic):
    with pulse.sweep():
        pulse.took_up(["a"])
        monotonic.now += 61
        assert pulse.why_unhealthy() == "no sweep has ended or moved on for 61 s, longer than 60 s"
    assert pulse.why_unhealthy() is None


def test_a_long_sweep_that_goes_from_batch_to_batch_is_well(pulse, monotonic):
    with pulse.sweep():
        for _ in range(10):
            monotonic.now += 40
            pulse.took_up(["a"])
        assert pulse.why_unhealthy() is None


def test_an_act_that_raised_makes_the_sweep_a_failure_until_one_succeeds(pulse):
    with pulse.sweep():
        pulse.acted("charge_due", Tally(), 0.1, "OperationalError: gone")
    assert pulse.why_unhealthy() == "the last sweep failed: charge_due: OperationalError: gone"
    with pulse.sweep():
        pulse.acted("charge_due", Tally(), 0.1, None)
    assert pulse.why_unhealthy() is None


def test_an_act_gives_one_line_with_ids_and_counts_and_an_idle_one_none(pulse):
    with structlog.testing.capture_logs() as lines:
        pulse.took_up(range(500))
        tally = Tally()
        tally.acts["charges_started"] = 500
        pulse.acted("charge_due", tally, 0.25, None)
        pulse.acted("settle_refunds", Tally(), 0.001, None)
    [line] = lines
    assert (line["act"], line["rows"], line["charges_started"], line["seconds"]) == ("charge_due", 500, 500, 0.25)
    assert line["ids"] == [str(number) for number in range(MOST_IDS_IN_A_LINE)]


@contextmanager
def daemon_on(world, **section):
    """Run a daemon in a thread, its watch port open; yield the port."""
    database = world.engine.database
    settings = Settings(
        database=DatabaseSection(url=database.url.render_as_string(hide_password=False)),
        gateway=GatewaySection(base_url=str(world.http.base_url)),
        daemon=DaemonSection(tick_seconds=0.05, **section),
    )
    own = Database(settings.database.url.get_secret_value())
    with own.transaction() as tx:
        bind(tx, facts_of(settings))
    registry = CollectorRegistry()
    pulse = Pulse("d", SweepInstruments(registry), stalled_after=settings.daemon.stalled_after_seconds)
    registry.register(pulse)
    registry.register(Vitals(lambda: own, is_live=False, kept_seconds=0))
    engine = type(world.engine)(own, world.engine.gateway, world.engine.rules, "d", pulse)
    daemon = Daemon(settings, engine, "d", pulse)
    thread = threading.Thread(target=daemon.run)
    with watch_port("127.0.0.1", free_ports(), registry, pulse.why_unhealthy, lambda: None) as url:
        thread.start()
        yield int(url.rpartition(":")[2])
        daemon.stop()
        thread.join()
    own.dispose()


def answered(port, path, status):
    """Wait until a path is answered with a status, and return what it tells then."""

    def told():
        found, body = ask(port, path)
        return [body] if found == status else None

    [body] = until(told, f"the status {status} at {path}")
    return body


def test_a_daemon_whose_sweep_hangs_on_the_database_is_unhealthy_until_it_goes_on(sqlite_world):
    with daemon_on(sqlite_world, stalled_after_seconds=1) as port:
        answered(port, "/healthz", 200)
        with sqlite_world.engine.database.transaction():  # the write lock, which every sweep needs
            assert "no sweep has ended or moved on for" in answered(port, "/healthz", 503)["why"]
        assert answered(port, "/healthz", 200) == {"status": "up"}


def test_a_daemon_whose_sweeps_fail_is_unhealthy(sqlite_world):
    with daemon_on(sqlite_world) as port:
        answered(port, "/healthz", 200)
        with sqlite_world.engine.database.transaction() as tx:
            tx.exec_driver_sql("ALTER TABLE installation RENAME TO gone")
        why = answered(port, "/healthz", 503)["why"]
        assert why == "the last sweep failed: OperationalError: no such table: installation"
        assert "billing_database_up 0.0" in ask(port, "/metrics")[1]


def test_metrics_of_a_daemon_tell_of_its_sweeps_and_the_engine(sqlite_world):
    sqlite_world.subscribe()
    began = time.monotonic()
    with daemon_on(sqlite_world) as port:

        def metrics():
            body = ask(port, "/metrics")[1]
            swept = "billing_last_sweep_age_seconds" in body and "billing_sweep_seconds_count 0.0" not in body
            return body if swept else None

        body, lived = until(metrics, "a sweep"), time.monotonic() - began
    told = {
        sample.name: sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
        if not sample.labels
    }
    assert (told["billing_daemon_healthy"], told["billing_database_up"]) == (1, 1)
    assert (told["billing_renewals_overdue"], told["billing_charges_unknown"]) == (0, 0)
    assert told["billing_last_sweep_age_seconds"] <= lived
    assert told["billing_sweep_seconds_count"] >= 1


def served(port):
    return watch_port("127.0.0.1", port, CollectorRegistry(), lambda: None, lambda: "the database is empty")


def test_several_daemons_of_a_machine_take_neighbouring_ports():
    first = free_ports()
    with served(first) as one, served(first) as two:
        assert [one, two] == [f"http://127.0.0.1:{first}", f"http://127.0.0.1:{first + 1}"]
        assert ask(first + 1, "/readyz") == (503, {"status": "not_ready", "why": "the database is empty"})
        assert ask(first, "/admin")[0] == 404


def test_a_daemon_works_unwatched_where_no_port_is_free_or_none_is_wanted():
    first = free_ports()
    with ExitStack() as taken:
        for port in range(first, first + PORTS_TRIED):
            taken.enter_context(socket.create_server(("127.0.0.1", port)))
        with structlog.testing.capture_logs() as lines, served(first) as url:
            assert url is None
    assert [(line["event"], line["why"]) for line in lines] == [("watch_port_not_open", "Address already in use")]
    with served(0) as url:
        assert url is None


def test_a_client_that_says_nothing_keeps_nobody_else_waiting():
    first = free_ports()
    with served(first), socket.create_connection(("127.0.0.1", first)):
        assert ask(first, "/healthz")[0] == 200


def test_so_many_connections_have_a_thread_and_one_more_is_closed():
    first = free_ports()
    with served(first), ExitStack() as lines:
        for _ in range(MOST_AT_ONCE):
            lines.enter_context(socket.create_connection(("127.0.0.1", first), timeout=HANG_SECONDS))
        with socket.create_connection(("127.0.0.1", first), timeout=HANG_SECONDS) as one_more:
            assert one_more.recv(1) == b""
        lines.close()
        until(lambda: answers(first), "a place that was given back")


def answers(port):
    try:
        return ask(port, "/healthz")[0] == 200
    except OSError:
        return False
