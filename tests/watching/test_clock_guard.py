"""A clock that is ahead would renew and charge before the time: a daemon compares it with the gateway's first."""

from dataclasses import replace
from datetime import timedelta

import pytest
from harness import START, kst
from prometheus_client import CollectorRegistry

import billing.entrypoints.daemon as daemons
from billing.config.settings import Settings
from billing.entrypoints.metrics.instruments import SweepInstruments
from billing.entrypoints.pulse import Pulse
from billing.gateway.port import Health
from billing.operations.clock_guard import ClockGuard


class Gateway:
    """A gateway whose clock is so many seconds behind ours, or that does not answer."""

    def __init__(self, skew, real=None):
        self.skew = skew
        self.asked = 0
        self._real = real

    def check_health(self):
        self.asked += 1
        return Health(self.skew is not None, True, "HTTP 200", self.skew)

    def __getattr__(self, name):
        return getattr(self._real, name)


@pytest.mark.parametrize(
    ("skew", "why"),
    [
        (299, None),
        (-299, None),
        (301, "this machine's clock is 0:05:01 ahead of the gateway's"),
        (-7200.4, "this machine's clock is 2:00:00 behind the gateway's"),
    ],
)
def test_a_clock_is_trusted_within_five_minutes_of_the_gateway_s(skew, why):
    assert ClockGuard(Gateway(skew)).why_not_act(START) == why


def test_an_agreement_lasts_while_time_goes_on_evenly():
    gateway = Gateway(0)
    guard = ClockGuard(gateway)
    for ticks in range(100):
        assert guard.why_not_act(START + timedelta(minutes=2) * ticks) is None
    assert gateway.asked == 1


@pytest.mark.parametrize("jump", [timedelta(minutes=3), timedelta(days=30), timedelta(minutes=-3)])
def test_after_a_jump_the_gateway_is_asked_again(jump):
    gateway = Gateway(0)
    guard = ClockGuard(gateway)
    guard.why_not_act(START)
    gateway.skew = jump.total_seconds() * 100
    assert guard.why_not_act(START + jump) is not None
    assert guard.why_not_act(START + jump + timedelta(seconds=5)) is not None, "it does not get used to it"
    gateway.skew = 0
    assert guard.why_not_act(START + timedelta(seconds=10)) is None
    assert gateway.asked == 4


def test_a_gateway_that_tells_no_time_stops_nothing_and_is_asked_again():
    gateway = Gateway(None)
    guard = ClockGuard(gateway)
    assert guard.why_not_act(START) is None
    assert guard.why_not_act(START) is None
    assert gateway.asked == 2


@pytest.fixture
def tick(sqlite_world, monkeypatch):
    """A live daemon of a world with a renewal due, and the word of its pulse after a tick."""
    sqlite_world.subscribe()
    sqlite_world.go_to("2027-02-28 12:00")
    monkeypatch.setattr(daemons, "machine_now", lambda: kst("2027-02-28 12:00"))
    monkeypatch.setattr(daemons, "engine_now", lambda *_args, **_more: kst("2027-02-28 12:00"))
    settings = Settings()

    def tick_with(skew, mode="live"):
        pulse = Pulse("d", SweepInstruments(CollectorRegistry()), stalled_after=60)
        engine = replace(sqlite_world.engine, gateway=Gateway(skew, sqlite_world.engine.gateway))
        daemons.Daemon(settings.model_copy(update={"mode": mode}), engine, "d", pulse).tick()
        return pulse.why_unhealthy()

    return tick_with


def test_a_live_daemon_whose_clock_is_ahead_renews_and_charges_nothing_and_is_unhealthy(tick, sqlite_world):
    assert "2 days, 0:00:00 ahead of the gateway's" in tick(2 * 86400)
    assert len(sqlite_world.rows("SELECT id FROM invoice")) == 1
    assert len(sqlite_world.sent()) == 1
    assert tick(0) is None
    assert len(sqlite_world.sent()) == 2


def test_with_a_test_clock_the_gateway_s_time_says_nothing(tick, sqlite_world):
    assert tick(2 * 86400, mode="sandbox") is None
    assert len(sqlite_world.sent()) == 2
