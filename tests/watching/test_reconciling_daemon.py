"""The thread that reconciles begins and ends with its daemon, outlives what fails, and asks no more than its share."""

import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from harness import kst
from prometheus_client import CollectorRegistry
from sqlalchemy.engine import make_url
from waiting import HANG_SECONDS, until

import billing.entrypoints.reconciling as thread_of
from billing.bootstrap import facts_of, make_gateway
from billing.config.settings import DaemonSection, DatabaseSection, GatewaySection, Settings
from billing.entrypoints.daemon import Daemon
from billing.entrypoints.metrics.instruments import SweepInstruments
from billing.entrypoints.pulse import Pulse
from billing.entrypoints.reconciling import Reconciler, reconciling
from billing.gateway.port import Health
from billing.store.binding import bind
from billing.store.database import Database
from billing.store.installation import set_clock


def go_to(world, instant):
    """Move the sandbox's clock and the daemon's, which is kept in the database."""
    world.go_to(instant)
    with world.engine.database.transaction() as tx:
        set_clock(tx, world.now)


@contextmanager
def daemon_on(world, reads_per_second=200.0):
    """Run a daemon and its reconciliation as the command does, in a thread; yield its database."""
    settings = Settings(
        database=DatabaseSection(url=world.engine.database.url.render_as_string(hide_password=False)),
        gateway=GatewaySection(base_url=str(world.http.base_url)),
        daemon=DaemonSection(tick_seconds=0.05),
    )
    rules = replace(world.engine.rules.reconciling, reads_per_second=reads_per_second)
    pulse = Pulse("d", SweepInstruments(CollectorRegistry()), stalled_after=60)
    with ExitStack() as stack:
        own = Database(settings.database.url.get_secret_value())
        stack.callback(own.dispose)
        with own.transaction() as tx:
            bind(tx, facts_of(settings))
        engine = replace(
            world.engine,
            database=own,
            gateway=stack.enter_context(make_gateway(settings)),
            rules=replace(world.engine.rules, reconciling=rules),
            watch=pulse,
        )
        daemon = Daemon(settings, engine, "d", pulse)

        def run():
            with reconciling(settings, engine):
                daemon.run()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield own
        finally:
            daemon.stop()
            thread.join(HANG_SECONDS)
    assert not thread.is_alive()


def reconciler_runs():
    return any(thread.name == "reconciler" for thread in threading.enumerate())


def rounds(world):
    return {row["name"]: row for row in world.rows("SELECT * FROM reconciliation_round")}


def under_way(row):
    return row.get("place") is not None


def all_ended(world):
    rows = rounds(world)
    return bool(rows) and all(not under_way(row) and row["ended_at"] is not None for row in rows.values())


def questions(world):
    """Return how often the sandbox was asked about payments."""
    asked = [each for each in world.sandbox("GET", "requests") if each["path"].startswith("/payments")]
    return sum(each["method"] == "GET" and "health-check" not in each["path"] for each in asked)


@pytest.fixture
def patient(monkeypatch):
    """A thread that tries again soon after an error."""
    monkeypatch.setattr(thread_of, "AFTER_AN_ERROR", timedelta(milliseconds=100))


@pytest.fixture
def paid(world):
    world.subscribe()
    go_to(world, world.now + timedelta(hours=1))
    return world


def refund_past_the_engine(world):
    payment = world.rows("SELECT gateway_payment_id FROM charge")[0]["gateway_payment_id"]
    world.post(f"/payments/{payment}/refunds", {"amount": 4000})
    go_to(world, world.now + timedelta(minutes=1))


def test_rounds_begin_with_the_daemon_and_its_thread_ends_with_it(paid):
    refund_past_the_engine(paid)
    assert not reconciler_runs()
    with daemon_on(paid):
        until(lambda: all_ended(paid), "a round of each kind")
        assert reconciler_runs()
    assert not reconciler_runs()
    assert [row["state"] for row in paid.rows("SELECT state FROM refund")] == ["refunded"]


def test_what_is_due_later_is_asked_when_its_time_has_come_and_not_before(paid):
    with daemon_on(paid):
        until(lambda: all_ended(paid), "the first rounds")
        first = rounds(paid)["recent"]
        go_to(paid, paid.now + timedelta(hours=23))
        refund_past_the_engine(paid)
        before = paid.scalar("SELECT sweeps FROM daemon")
        until(lambda: paid.scalar("SELECT sweeps FROM daemon") > before, "a sweep of the daemon")
        assert rounds(paid)["recent"]["began_at"] == first["began_at"]
        go_to(paid, paid.now + timedelta(hours=1))
        until(lambda: paid.rows("SELECT state FROM refund"), "the next daily round")
        assert rounds(paid)["recent"]["began_at"] != first["began_at"]


def go_away(world):
    """Let the database be gone for everybody but us; return how it comes back."""
    database = world.engine.database
    if database.engine.dialect.name == "sqlite":
        with database.transaction() as tx:
            tx.exec_driver_sql("ALTER TABLE installation RENAME TO gone")
        return lambda: _execute(database, "ALTER TABLE gone RENAME TO installation")
    name = database.url.database
    server = Database(
        make_url(str(database.url.render_as_string(hide_password=False)))
        .set(database="postgres")
        .render_as_string(hide_password=False)
    )
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as line:
        line.exec_driver_sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        line.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    def come_back():
        with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as line:
            line.exec_driver_sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        server.dispose()
        database.dispose()

    return come_back


def _execute(database, statement):
    with database.transaction() as tx:
        tx.exec_driver_sql(statement)


@pytest.mark.usefixtures("patient")
def test_it_outlives_a_database_that_goes_away(paid):
    with daemon_on(paid), structlog.testing.capture_logs() as lines:
        until(lambda: all_ended(paid), "the first rounds")
        refund_past_the_engine(paid)
        come_back = go_away(paid)
        told = until(
            lambda: [line for line in lines if line["event"] == "reconciliation_failed"], "an error of the database"
        )
        come_back()
        go_to(paid, paid.now + timedelta(days=1))
        until(lambda: paid.rows("SELECT state FROM refund") or not reconciler_runs(), "the next round")
        assert reconciler_runs(), "the error ended the thread"
        until(lambda: all_ended(paid), "its end")
    assert all(line["error"] for line in told)


@pytest.mark.usefixtures("patient")
def test_a_gateway_that_is_unreachable_for_a_while_is_asked_again_from_where_the_round_was(paid):
    refund_past_the_engine(paid)
    paid.faults(outage=True)
    with daemon_on(paid):
        until(lambda: rounds(paid).get("recent", {}).get("asked"), "a question without an answer")
        began = rounds(paid)["recent"]["began_at"]
        assert rounds(paid)["recent"]["ended_at"] is None
        paid.faults(outage=None)
        assert paid.rows("SELECT state FROM refund") == []
        go_to(paid, paid.now + timedelta(minutes=6))
        until(lambda: all_ended(paid), "the rounds")
    assert (rounds(paid)["recent"]["began_at"], rounds(paid)["recent"]["unread"]) == (began, 0)
    assert [row["state"] for row in paid.rows("SELECT state FROM refund")] == ["refunded"]


def test_it_asks_no_more_than_its_share_of_the_read_limit(sqlite_world):
    """Two questions a page, a page every two seconds: the daemon asks one a second, whatever it could."""
    for who in ("kim", "lee", "park", "choi", "jung", "kang"):
        sqlite_world.subscribe(who)
    go_to(sqlite_world, sqlite_world.now + timedelta(hours=1))
    share, before, began = 1.0, questions(sqlite_world), time.monotonic()
    with daemon_on(sqlite_world, reads_per_second=share):
        until(lambda: rounds(sqlite_world).get("recent", {}).get("ended_at"), "a whole round")
    asked, lasted = questions(sqlite_world) - before, time.monotonic() - began
    assert rounds(sqlite_world)["recent"]["asked"] == 6
    assert 6 <= asked <= share * lasted + 2


# --- clocks ---------------------------------------------------------------------------------------


class Skewed:
    """The sandbox as a gateway whose clock is so many seconds behind ours."""

    def __init__(self, gateway, skew):
        self._gateway = gateway
        self.skew = skew
        self.compared = 0

    def check_health(self):
        self.compared += 1
        return Health(True, True, "HTTP 200", self.skew)

    def __getattr__(self, name):
        return getattr(self._gateway, name)


@contextmanager
def thread_on(world, monkeypatch, gateway=None, mode="sandbox"):
    """Run the thread alone; ``mode`` live: on the machine's clock, which goes on from the world's."""
    if mode == "live":
        began, first = time.monotonic(), world.now

        def now(*_args, **_more):
            return first + timedelta(seconds=time.monotonic() - began)

        monkeypatch.setattr(thread_of, "machine_now", now)
        monkeypatch.setattr(thread_of, "engine_now", now)
    settings = Settings(daemon=DaemonSection(tick_seconds=0.02)).model_copy(update={"mode": mode})
    stop = threading.Event()
    engine = replace(world.engine, gateway=gateway or world.engine.gateway)
    thread = threading.Thread(target=Reconciler(settings, engine).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(HANG_SECONDS)
    assert not thread.is_alive()


def test_on_a_clock_that_is_not_trusted_nothing_is_asked(sqlite_world, monkeypatch):
    sqlite_world.subscribe()
    gateway = Skewed(sqlite_world.engine.gateway, 2 * 86400)
    with thread_on(sqlite_world, monkeypatch, gateway, "live"):
        until(lambda: gateway.compared > 3, "a few comparisons of the clocks")
        assert rounds(sqlite_world) == {}
        gateway.skew = 0
        until(lambda: rounds(sqlite_world).get("rotation", {}).get("ended_at"), "the rounds, by a right clock")


def test_a_clock_that_went_back_asks_nothing_before_it_is_where_it_was(sqlite_world, monkeypatch):
    sqlite_world.subscribe()
    go_to(sqlite_world, kst("2027-02-10 12:00"))
    reads = []
    original = thread_of.engine_now

    def read(*args, **more):
        reads.append(original(*args, **more))
        return reads[-1]

    monkeypatch.setattr(thread_of, "engine_now", read)
    with thread_on(sqlite_world, monkeypatch):
        until(lambda: all_ended(sqlite_world), "the first rounds")
        with sqlite_world.engine.database.transaction() as tx:
            set_clock(tx, kst("2027-02-08 12:00"))
            tx.exec_driver_sql("UPDATE reconciliation_round SET due_at = '2027-02-08', ended_at = NULL")
            tx.exec_driver_sql("UPDATE reconciliation_turn SET next_page_at = '2027-02-08'")
        seen = len(reads)
        until(lambda: len(reads) > seen + 4, "a few looks at the clock that went back")
        assert {row["ended_at"] for row in rounds(sqlite_world).values()} == {None}
        go_to(sqlite_world, kst("2027-02-10 13:00"))
        until(lambda: all_ended(sqlite_world), "the rounds, once the time has come again")


def test_a_thread_that_waits_after_an_error_ends_at_once(sqlite_world, monkeypatch):
    monkeypatch.setattr(thread_of, "AFTER_AN_ERROR", timedelta(seconds=3 * HANG_SECONDS))
    with structlog.testing.capture_logs() as lines, thread_on(sqlite_world, monkeypatch):
        come_back = go_away(sqlite_world)
        until(lambda: [line for line in lines if line["event"] == "reconciliation_failed"], "an error")
    come_back()
