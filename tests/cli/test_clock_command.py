"""`billing clock`: time that moves for every process, through the database."""

import itertools
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from harness import kst
from prometheus_client import CollectorRegistry

from billing.bootstrap import open_engine
from billing.config.source import read_settings
from billing.entrypoints.clock import engine_now
from billing.entrypoints.daemon import Daemon
from billing.entrypoints.metrics.instruments import SweepInstruments
from billing.entrypoints.pulse import Pulse
from billing.entrypoints.test_clock import Backwards, SandboxClock, advance, give_back
from billing.gateway.client import CheckoutGateway
from billing.gateway.port import Health
from billing.store.heartbeats import announce_daemon, beat
from billing.store.installation import set_clock
from billing.store.reports import next_due_instant


def clock_of(shop):
    return shop.billing("clock", "show", "--json").json


def paid_periods(shop):
    return shop.ask("SELECT COUNT(*) FROM invoice WHERE state = 'paid'")


def test_a_month_is_lived_through_without_a_daemon(world, shop):
    world.subscribe("kim")
    told = shop.billing("clock", "advance", "1mo")
    assert told.code == 0, told.err
    assert "No daemon is running: what is due is done here." in told.words
    assert "It is 2027-02-28 12:02 KST now" in told.words
    assert clock_of(shop)["now"] == "2027-02-28T03:02:00Z"
    assert paid_periods(shop) == 2


def test_a_year_is_lived_through_and_every_rule_holds(world, shop):
    world.subscribe("kim")
    told = shop.billing("clock", "advance", "1y", "--json").json
    assert told["problems"] == []
    assert told["daemons"] == 0
    assert paid_periods(shop) == 1 + 12
    assert shop.billing("verify").code == 0


def test_the_dunning_ladder_is_lived_through(world, shop):
    world.subscribe("kim")
    world.wallet("kim@example.test", default="20051")
    assert shop.billing("clock", "set", "2027-03-20").code == 0
    assert shop.ask("SELECT state FROM subscription") == "canceled"
    assert shop.ask("SELECT COUNT(*) FROM charge WHERE state = 'declined'") == 6


@pytest.fixture
def daemon(world, shop):
    """A real daemon in a thread, on its own connections."""
    world.subscribe("kim")
    text = shop.config.read_text(encoding="utf-8")
    shop.config.write_text(f"{text}[daemon]\ntick_seconds = 0.05\n", encoding="utf-8")
    settings = read_settings(shop.config)
    pulse = Pulse("d", SweepInstruments(CollectorRegistry()), stalled_after=60)
    with open_engine(settings, actor="daemon d", sweep_observer=pulse) as engine:
        made = Daemon(settings, engine, "d", pulse)
        thread = threading.Thread(target=made.run)
        thread.start()
        while not shop.ask("SELECT COUNT(*) FROM daemon WHERE sweeps > 0"):
            time.sleep(0.01)
        yield made
        made.stop()
        thread.join()


@pytest.mark.usefixtures("daemon")
def test_a_running_daemon_does_the_work_and_is_waited_for(shop):
    told = shop.billing("clock", "advance", "2mo")
    assert told.code == 0, told.err
    assert "Waiting for 1 daemon at each stop." in told.words
    assert paid_periods(shop) == 3
    assert shop.ask("SELECT COUNT(*) FROM event WHERE actor LIKE 'cli:%'") == 0


def test_a_daemon_that_hangs_is_waited_for_so_long_and_then_told(world, shop):
    now = datetime.now(UTC)
    with shop.database.transaction() as tx:
        announce_daemon(tx, "stuck", now, now)
        beat(tx, "stuck", now, now, 0)
    told = shop.billing("clock", "advance", "1d", "--wait", "0.2")
    assert told.code == 0
    assert "warning: at 2027-02-01T03:00:00+00:00 not everything that was due was done in time" in told.err
    assert clock_of(shop)["now"] == world.now.replace(day=1, month=2).isoformat().replace("+00:00", "Z")


def test_without_a_sweep_time_just_passes(world, shop):
    world.subscribe("kim")
    told = shop.billing("clock", "advance", "1mo", "--no-sweep")
    assert "nothing is done here: time just passes" in told.words
    assert paid_periods(shop) == 1


@pytest.mark.usefixtures("world")
def test_backwards_is_refused(shop):
    for command in (("set", "2027-01-31 12:00"), ("set", "2027-01-30"), ("set", "2026-11-01T00:00Z")):
        told = shop.billing("clock", *command)
        assert told.code == 1
        assert told.err == "error: it is 2027-01-31 12:00 KST, and time only moves forward\n"


@pytest.mark.usefixtures("world")
def test_the_next_twenty_years_are_far_enough(shop):
    assert "more than 20 years ahead" in shop.billing("clock", "advance", "21y").err


def test_real_time_comes_back_only_if_it_was_not_later(world, shop):
    told = shop.billing("clock", "real")
    assert told.code == 1
    assert "does not run backwards to the machine's" in told.err
    shop.write("DELETE FROM event")
    shop.write("UPDATE installation SET clock = '2026-01-01 00:00:00'")
    world.sandbox("POST", "reset")
    assert "time is the machine's again" in shop.billing("clock", "set", "real").words
    assert clock_of(shop)["test_clock"] is False


def test_the_sandbox_moves_along(world, shop):
    shop.billing("clock", "advance", "1d")
    assert world.sandbox("GET", "clock")["now"].startswith("2027-02-01T03:00:00")


@pytest.mark.usefixtures("world")
def test_a_sandbox_that_does_not_answer_is_left_alone_and_told(shop):
    text = shop.config.read_text(encoding="utf-8")
    lines = ['base_url = "http://127.0.0.1:9"' if "base_url" in line else line for line in text.split("\n")]
    shop.config.write_text("\n".join(lines), encoding="utf-8")
    shop.write("UPDATE installation SET bound_to = NULL")
    shop.billing("go", "--adopt", "--yes")
    told = shop.billing("clock", "advance", "1d")
    assert told.code == 0
    assert "warning: the sandbox keeps its own time (ConnectError)" in told.err


def test_it_is_refused_with_live_keys(live_shop):
    for command in (("set", "2030-01-01"), ("advance", "1mo"), ("real",)):
        told = live_shop.billing("clock", *command)
        assert (told.code, told.err) == (
            1,
            "error: the test clock works with sandbox keys only; in live mode time is what it is\n",
        )
    assert "the machine's time" in live_shop.billing("clock", "show").out
    assert "--at works with sandbox keys only" in live_shop.billing("run-due", "--at", "2030-01-01").err


@pytest.mark.usefixtures("world")
def test_a_month_is_a_month_on_the_wall_clock(shop):
    shop.billing("clock", "set", "2027-01-31 20:00", "--no-sweep")
    for duration, reached in (
        ("1mo", "2027-02-28T11:00:00Z"),
        ("1y", "2028-02-28T11:00:00Z"),
        ("1d", "2028-02-29T11:00:00Z"),
        ("1y", "2029-02-28T11:00:00Z"),
        ("2w", "2029-03-14T11:00:00Z"),
        ("12h", "2029-03-14T23:00:00Z"),
        ("30min", "2029-03-14T23:30:00Z"),
    ):
        shop.billing("clock", "advance", duration, "--no-sweep")
        assert clock_of(shop)["now"] == reached


def test_time_is_what_the_database_says_unless_it_is_live(world, shop):
    assert engine_now(shop.database, is_live=False) == world.now
    assert engine_now(shop.database, is_live=True) != world.now


def test_the_stops_are_where_something_is_due(world, shop):
    world.subscribe("kim")
    stops = []
    advance(
        shop.database,
        kst("2027-03-01 12:00"),
        wait_for_daemons=timedelta(seconds=1),
        on_step=lambda step: stops.append(step.at),
        sweep=lambda at: 0,  # noqa: ARG005 - nothing is done, so only what was due before is met
    )
    assert kst("2027-02-28 10:00") <= stops[0] <= kst("2027-02-28 10:40")
    assert stops[-1] == kst("2027-03-01 12:00")
    assert all(later - earlier >= timedelta(minutes=30) for earlier, later in itertools.pairwise(stops[:-1]))


def test_a_sweep_that_never_rests_is_told(world, shop):
    journey = advance(
        shop.database,
        world.now + timedelta(days=1),
        wait_for_daemons=timedelta(seconds=1),
        sweep=lambda at: 1,  # noqa: ARG005
    )
    assert len(journey.problems) == 1


def test_the_logic_refuses_to_go_back_by_itself(world, shop):
    with pytest.raises(Backwards):
        advance(shop.database, world.now, wait_for_daemons=timedelta(seconds=1))
    with pytest.raises(Backwards):
        give_back(shop.database)


def test_a_sandbox_clock_that_refuses_is_asked_once(sandbox):
    with SandboxClock(sandbox.url) as clock:
        assert clock.move(datetime(1960, 1, 1, tzinfo=UTC)) is None
        assert "keeps its own time" in str(clock.refusal)
        assert clock.move(kst("2027-01-01 00:00")) is None


def test_next_due_instant_finds_every_kind(world, shop):
    """Each column that can be due is met, in order, strictly after the given instant."""
    world.subscribe("kim")
    world.enrol("lee")
    at = kst("2027-06-01 00:00")
    wanted = []
    planted = [
        "UPDATE subscription SET next_due_at = :at WHERE state = 'active'",
        "UPDATE subscription SET expires_at = :at WHERE state = 'incomplete'",
        "UPDATE charge SET check_at = :at WHERE state = 'pending'",
        "UPDATE subscription SET cancel_at = :at WHERE state = 'active'",
        "UPDATE invoice SET next_attempt_at = :at WHERE state = 'open'",
        "UPDATE invoice SET give_up_at = :at WHERE state = 'open'",
        "UPDATE installation SET held_until = :at",
    ]
    for number, statement in enumerate(planted):
        instant = at + timedelta(days=number)
        shop.write(statement, at=f"{instant:%Y-%m-%d %H:%M:%S}.000000")
        wanted.append(instant)
    found = []
    instant = at - timedelta(days=1)
    with shop.database.snapshot() as tx:
        while (instant := next_due_instant(tx, instant)) is not None:
            found.append(instant)
    assert found == wanted


def test_nothing_is_due_in_an_empty_database(database):
    with database.snapshot() as tx:
        assert next_due_instant(tx, datetime(2020, 1, 1, tzinfo=UTC)) is None


def test_real_time_is_given_back_before_anything_happened(database):
    with database.transaction() as tx:
        set_clock(tx, datetime(2020, 1, 1, tzinfo=UTC))
    assert give_back(database) > datetime(2026, 1, 1, tzinfo=UTC)


def test_by_a_clock_that_is_ahead_nothing_is_done_in_live_mode(live_shop, monkeypatch):
    ahead = Health(reachable=True, authorised=True, detail="HTTP 200", clock_skew_seconds=86400.0)
    monkeypatch.setattr(CheckoutGateway, "check_health", lambda _self: ahead)
    told = live_shop.billing("run-due")
    assert told.code == 1
    assert "this machine's clock is 1 day, 0:00:00 ahead of the gateway's" in told.words
