"""Stories of refunds that cannot get through: given up after so many sends, or waiting for our set-up to be mended."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from soundness import assert_sound

from billing.domain.charging import Refused
from billing.operations.parking import release_refund
from billing.operations.refunds import MOST_SENDS
from billing.operations.request_refund import request_refund


def _order(world):
    charge = UUID(str(world.rows("SELECT id FROM charge")[0]["id"]))
    return request_refund(world.engine, charge, 4000, reason="sorry", now=world.now)


def _row(world):
    return world.rows("SELECT * FROM refund")[0]


def _posts(world):
    requests = world.sandbox("GET", "requests")
    return [each for each in requests if each["method"] == "POST" and each["path"].endswith("/refunds")]


def test_a_refund_that_went_out_eight_times_in_vain_is_set_aside_with_the_reason(world):
    world.subscribe()
    world.faults(unprocessed_502=1)
    refund = _order(world)
    world.live_through("2027-02-03 12:00", step=timedelta(minutes=5))
    row = _row(world)
    assert (row["state"], row["sends"], row["check_at"]) == ("parked", MOST_SENDS, None)
    assert row["error"] == "sent 8 times, and the gateway never accepted it: HTTP 502"
    posts = _posts(world)
    assert len(posts) == MOST_SENDS
    assert len({each["idempotency_key"] for each in posts}) == 1

    release_refund(world.engine, refund, "the gateway is well again", world.now)
    world.sweep()
    world.live_through("2027-02-05 12:00", step=timedelta(minutes=5))
    assert _row(world)["state"] == "parked"
    assert len(_posts(world)) == 2 * MOST_SENDS

    world.faults(unprocessed_502=0)
    release_refund(world.engine, refund, "now it is", world.now)
    world.wait(minutes=30)
    world.calm(hours=1)
    assert _row(world)["state"] == "refunded"
    assert world.payments()[0]["refunded"] == 4000
    assert_sound(world, at_rest=True)


def test_a_refund_that_our_set_up_stops_uses_up_no_send_and_is_tried_ever_more_slowly(world):
    world.subscribe()
    world.faults(unauthorized_401_empty=1)
    _order(world)
    world.live_through("2027-02-05 12:00", step=timedelta(minutes=5))
    assert _row(world)["state"] == "unknown"
    assert _row(world)["sends"] == 0
    assert "HTTP 401" in _row(world)["error"]
    sent = [datetime.fromisoformat(each["at"]) for each in _posts(world)]
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert len(sent) > MOST_SENDS
    assert gaps[0] < timedelta(minutes=20)
    assert gaps[-1] > timedelta(hours=6)
    assert all(later >= earlier - timedelta(minutes=10) for earlier, later in pairwise(gaps))  # a sweep comes in steps
    world.calm(days=1)
    assert _row(world)["state"] == "refunded"
    assert _row(world)["sends"] == 1
    assert_sound(world, at_rest=True)


class _Refusing:
    """A gateway that refuses refunds, and with ``lies`` makes them all the same."""

    def __init__(self, gateway, *, lies):
        self._gateway = gateway
        self._lies = lies

    def create_refunds(self, requests, **when):
        if self._lies:
            self._gateway.create_refunds(requests, **when)
        return [Refused(422, ("velocity_count_limit_exceeded",)) for _ in requests]

    def __getattr__(self, name):
        return getattr(self._gateway, name)


def test_a_refund_that_was_refused_and_made_all_the_same_is_found_an_hour_later(world):
    world.subscribe()
    whole = world.engine
    world.engine = replace(whole, gateway=_Refusing(whole.gateway, lies=True))
    _order(world)
    world.wait(minutes=1)
    assert _row(world)["state"] == "refused"
    world.engine = whole
    world.wait(minutes=70)
    row = _row(world)
    assert (row["state"], row["check_at"], row["response_code"]) == ("refunded", None, "10000")
    assert world.payments()[0]["refunded"] == 4000
    assert len(_posts(world)) == 1
    assert_sound(world, at_rest=True)


def test_a_refund_that_was_refused_is_looked_at_twice_more_and_then_never_again(world):
    world.subscribe()
    world.engine = replace(world.engine, gateway=_Refusing(world.engine.gateway, lies=False))
    _order(world)
    world.live_through(world.now + timedelta(days=3))
    assert sum(tally.acts["refund_rechecks"] for tally in world.tallies) == 2
    row = _row(world)
    assert (row["state"], row["check_at"]) == ("refused", None)
    assert row["response_code"] == "velocity_count_limit_exceeded"
