"""Stories of a process that wrote a charge down and then stood still: it wakes up when others have taken over."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from harness import WEB, email

from billing.domain.charging import NotSent, Refused, Unknown
from billing.operations.charge_due import charge_due
from billing.operations.first_charges import GatewayUnavailable
from billing.operations.re_enrol import re_enrol
from billing.operations.record_outcomes import record_outcomes
from billing.operations.renew_due import renew_due
from billing.operations.request_refund import request_refund

KIM = email("kim")


class _Slow:
    """A gateway before whose door its caller stands still: for so many seconds, or while something else happens."""

    def __init__(self, gateway, *, seconds=0.0, meanwhile=lambda: None):
        self._gateway = gateway
        self._seconds = seconds
        self._meanwhile = meanwhile

    def create_payments(self, requests, *, since):
        self._meanwhile()
        return self._gateway.create_payments(requests, since=since - self._seconds)

    def create_refunds(self, requests, *, since):
        self._meanwhile()
        return self._gateway.create_refunds(requests, since=since - self._seconds)

    def __getattr__(self, name):
        return getattr(self._gateway, name)


def _stall(world, **how):
    return replace(world.engine, gateway=_Slow(world.engine.gateway, **how), actor="the slow one")


def _renewals(world):
    return world.rows("SELECT * FROM charge WHERE kind = 'renewal' ORDER BY attempt_no")


@pytest.fixture
def due(world):
    """A renewal that is due now."""
    world.subscribe()
    world.go_to("2027-02-28 12:00")
    return world


def _charge(world, engine):
    renew_due(engine, now=world.now)
    charge_due(engine, now=world.now)


def test_a_charge_that_was_written_down_long_ago_is_not_sent_any_more(due):
    _charge(due, _stall(due, seconds=61))
    assert len(due.sent()) == 1
    (charge,) = _renewals(due)
    assert (charge["state"], charge["error"]) == ("refused", "its turn came too late")
    due.live_through("2027-02-28 14:00")
    assert [row["state"] for row in _renewals(due)] == ["refused", "captured"]


def test_a_charge_that_waits_for_less_is_sent(due):
    _charge(due, _stall(due, seconds=50))
    assert len(due.sent()) == 2


class _Answered(_Slow):
    """The other sender's gateway: between its answer and the recording of it, something happens."""

    def create_payments(self, requests, *, since):
        told = self._gateway.create_payments(requests, since=since)
        self._meanwhile()
        return told


@pytest.mark.parametrize("told", [NotSent("too late"), Refused(422, ("source_id_invalid",)), Unknown("timed out")])
def test_what_became_of_an_older_send_says_nothing_about_the_one_that_is_under_way(due, told):
    whole = due.engine

    def the_slow_one_wakes_up():
        (charge,) = _renewals(due)
        assert (charge["state"], charge["sends"]) == ("sending", 2)
        ident = UUID(str(charge["id"]))
        record_outcomes(whole, [(ident, told)], now=due.now, sends={ident: 1})
        assert [row["state"] for row in _renewals(due)] == ["sending"]
        seen.append(ident)

    seen = []
    due.faults(unprocessed_502=1)
    _charge(due, whole)
    due.faults(unprocessed_502=None)
    due.engine = replace(whole, gateway=_Answered(whole.gateway, meanwhile=the_slow_one_wakes_up))
    due.live_through("2027-02-28 13:00", timedelta(minutes=1))
    assert len(seen) == 1
    assert [row["state"] for row in _renewals(due)] == ["captured"]
    assert len(due.captured()) == 2


def test_a_refund_that_was_written_down_long_ago_is_sent_by_the_next_sweep_instead(world):
    world.subscribe()
    charge = UUID(str(world.rows("SELECT id FROM charge")[0]["id"]))
    request_refund(_stall(world, seconds=61), charge, None, reason="asked", now=world.now)
    assert world.payments()[0]["refunded"] == 0
    world.live_through(world.now + timedelta(hours=3))
    assert world.states("refund") == ["refunded"]


def test_no_link_is_made_for_a_subscriber_who_waited_too_long(world):
    subscription = world.subscribe()
    with pytest.raises(GatewayUnavailable, match="too late"):
        re_enrol(_stall(world, seconds=61), subscription, WEB, now=world.now)
    assert len(world.sent()) == 1
    assert re_enrol(world.engine, subscription, WEB, now=world.now).redirect_url is not None
