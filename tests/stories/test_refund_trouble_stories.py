"""Stories of refunds that cannot get through: given up after so many sends, or waiting for our set-up to be mended."""

from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from soundness import assert_sound

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
