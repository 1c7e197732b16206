"""Webhooks: what is sent, signed how, tried again when, and every way it goes wrong."""

import hashlib
import hmac
import json
import threading
import time

import pytest
import requests
from waiting import HANG_SECONDS, until

KEY = "키-key"
RETRIES = ["00:05:00", "00:15:00", "00:30:00", "01:00:00", "02:00:00", "06:00:00", "18:00:00"]


def settle(shop):
    """Let an enrolment, a declined charge, an expired one and refunds of both ends happen."""
    first = shop.first(metadata={"order": "1001"})
    shop.agree(first)
    shop.script("kim@example.test", script=["20051", "expire", "cancel"], refunds=["ok", "20006"])
    for n in range(3):
        shop.later(first["source"]["id"], reference=f"later-{n}")
    shop.refund(first, amount=900, reference="refund-1")
    shop.refund(first, amount=100)
    shop.at("2026-03-01T00:01:00Z")


def test_each_event_is_signed_over_its_raw_body_and_carries_the_authorization(shop, receiver):
    first = shop.first(items=[{"name": "차 ☕", "unit_price": 1}], metadata={"이름": "김"})
    shop.agree(first)
    shop.drain()
    assert receiver.types == ["pending", "capture_pending", "captured"]
    for headers, body in receiver.came:
        assert headers["Cko-Signature"] == hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
        assert headers["Authorization"] == "hook-secret"
        assert headers["Content-Type"].startswith("application/json")


def test_what_happens_on_the_wallet_page_is_sent_without_moving_the_clock(shop, receiver):
    shop.agree(shop.first())
    clock = shop.drain()
    assert clock["now"] == "2026-03-01T00:00:00.000000Z"
    assert receiver.types == ["pending", "capture_pending", "captured"]


def test_events_differ_in_their_fields_as_on_the_event_pages(shop, receiver):
    settle(shop)
    events = {event["type"].removeprefix("payment_"): event for event in receiver.events}
    assert set(events) == {
        "pending", "capture_pending", "captured", "declined", "expired", "canceled",
        "refund_pending", "refunded", "refund_declined",
    }  # fmt: skip
    with_created_on = {name for name, event in events.items() if "created_on" in event}
    assert with_created_on == {"declined", "refunded", "refund_declined"}
    assert all(("timestamp" in event) != ("created_on" in event) for event in events.values())
    data = {name: event["data"] for name, event in events.items()}
    assert "action_id" not in data["pending"]
    assert "reference" not in data["refund_pending"]
    assert data["captured"]["metadata"] == {"order": "1001"}
    assert data["captured"]["balances"]["total_captured"] == data["captured"]["amount"] == 12900
    assert data["captured"]["response_code"] == "10000"
    assert (data["declined"]["response_code"], data["declined"]["payment_type"]) == ("20051", "Recurring")
    assert data["declined"]["source"]["type"] == "kakaopay"
    assert data["declined"]["processing"]["partner_error_codes"] == ["USER_BALANCE_NOT_ENOUGH"]
    assert not {"response_code"} & (set(data["expired"]) | set(data["canceled"]))
    assert (data["refunded"]["amount"], data["refunded"]["reference"]) == (900, "refund-1")
    assert (data["refund_declined"]["amount"], data["refund_declined"]["response_code"]) == (100, "20006")


def test_instants_have_from_none_to_seven_fractional_digits(shop, receiver):
    for n in range(40):
        shop.first(reference=f"first-{n}")
    shop.drain()
    lengths = {len(event["timestamp"]) for event in receiver.events}
    assert lengths >= {len("2026-03-01T00:00:00+00:00"), len("2026-03-01T00:00:00.0000000+00:00")}


def test_an_event_refused_is_tried_again_on_the_real_schedule_and_then_dropped(shop, receiver):
    receiver.answers = [500] * 20
    first = shop.first()
    assert shop.drain()["next"] == "2026-03-01T00:05:00.000000Z"
    shop.press(first, "reject")
    for tries, instant in enumerate(RETRIES, start=1):
        assert receiver.types.count("pending") == tries
        shop.at(f"2026-03-01T{instant}Z")
    shop.at("2026-03-02T06:00:00Z")
    assert receiver.types.count("pending") == 9
    assert shop.at("2026-03-09T00:00:00Z")["next"] is None
    assert receiver.types.count("pending") == 9
    assert len({event["id"] for event in receiver.events if event["type"] == "payment_pending"}) == 1


def test_one_move_of_the_clock_makes_all_tries_on_its_way(shop, receiver):
    receiver.answers = [500] * 8
    shop.faults(first_payment_expiry_seconds=2_000_000)
    shop.first()
    shop.at("2026-03-03T00:00:00Z")
    assert receiver.types == ["pending"] * 9


def test_a_try_that_succeeds_is_the_last(shop, receiver):
    receiver.answers = [307, 404]
    shop.faults(first_payment_expiry_seconds=2_000_000)
    shop.first()
    shop.at("2026-03-02T00:00:00Z")
    assert receiver.types == ["pending"] * 3


def test_a_redirect_is_not_followed_and_counts_as_refused(shop, receiver):
    receiver.answers = [307]
    shop.first()
    assert shop.drain()["next"] == "2026-03-01T00:05:00.000000Z"
    assert len(receiver.came) == 1


def test_retries_come_sooner_by_the_time_scale(shop, receiver):
    receiver.answers = [500]
    shop.faults(time_scale=300)
    shop.first()
    assert shop.drain()["next"] == "2026-03-01T00:00:01.000000Z"


def test_a_receiver_too_slow_has_not_received(shop, receiver):
    given_up = threading.Event()
    receiver.until = given_up.is_set
    shop.faults(webhook_timeout_seconds=0.05)
    shop.first()
    assert shop.drain()["next"] == "2026-03-01T00:05:00.000000Z"
    given_up.set()


def test_a_receiver_that_is_not_there_is_tried_again(shop):
    shop.control("PUT", "webhooks", {"url": "http://127.0.0.1:9/"})
    shop.first()
    assert shop.drain()["next"] == "2026-03-01T00:05:00.000000Z"


def test_the_events_of_one_payment_go_one_after_another_those_of_several_at_once(shop, receiver):
    receiver.until = lambda: time.sleep(0.05) or True  # two at once would be seen together
    shop.agree(shop.first())
    shop.drain()
    assert receiver.types == ["pending", "capture_pending", "captured"]
    assert receiver.busy_max == 1
    receiver.until = lambda: receiver.busy_max > 1
    for n in range(6):
        shop.first(reference=f"first-{n}")
    until(lambda: receiver.busy_max > 1, "a second delivery beside the first")
    shop.drain()


def test_a_reset_does_not_wait_for_a_slow_receiver(shop, receiver):
    let_go = threading.Event()
    receiver.until = let_go.is_set
    shop.faults(webhook_timeout_seconds=60)
    shop.first()
    until(lambda: receiver.busy == 1, "the delivery")
    for act in ("reset", "drain"):  # each is answered long before the receiver is given up
        told = requests.post(f"{shop.url}/_sandbox/{act}", timeout=HANG_SECONDS / 4)
        assert told.status_code == 200
    assert told.json()["next"] is None
    let_go.set()


def test_without_a_receiver_events_are_kept_and_not_sent(shop, receiver):
    receiver.answers = [500]
    shop.first()
    shop.drain()
    shop.control("PUT", "webhooks", {"url": None})
    first = shop.first(reference="first-2")
    shop.at("2026-03-01T00:06:00Z")
    assert len(receiver.came) == 1
    assert len(shop.call("GET", f"/workflows/events/subject/{first['id']}").json()["data"]) == 1


def test_a_lost_event_never_comes_but_can_be_read_and_reflowed(shop, receiver):
    shop.faults(webhook_lost=1)
    first = shop.first()
    shop.drain()
    assert receiver.came == []
    (listed,) = shop.call("GET", f"/workflows/events/subject/{first['id']}").json()["data"]
    assert listed["type"] == "payment_pending"
    assert shop.call("POST", f"/workflows/events/{listed['id']}/reflow").status_code == 202
    shop.drain()
    assert [event["id"] for event in receiver.events] == [listed["id"]]


def test_a_late_event_comes_late(shop, receiver):
    shop.faults(webhook_late=1, webhook_late_seconds=600)
    shop.first()
    shop.at("2026-03-01T00:09:59Z")
    assert receiver.types == []
    shop.at("2026-03-01T00:10:00Z")
    assert receiver.types == ["pending"]


def test_a_reordered_event_is_overtaken(shop, receiver):
    source = shop.enrolled()
    shop.drain()
    receiver.came.clear()
    shop.faults(webhook_reorder=1)
    shop.later(source)
    shop.faults(webhook_reorder=0)
    shop.at("2026-03-01T00:05:00Z")
    assert receiver.types == ["capture_pending", "captured", "pending"]


def test_duplicates_are_the_same_event_many_times(shop, receiver):
    shop.faults(webhook_duplicate=1, webhook_duplicate_copies=9)
    shop.first()
    shop.drain()
    assert receiver.types == ["pending"] * 10
    assert len({body for _, body in receiver.came}) == 1


def test_a_wrongly_signed_delivery_is_followed_by_a_right_one_if_refused(shop, receiver):
    shop.faults(webhook_bad_signature=1)
    receiver.answers = [401]
    shop.first()
    shop.at("2026-03-01T00:05:00Z")
    signatures = [headers["Cko-Signature"] for headers, _ in receiver.came]
    right = hmac.new(KEY.encode(), receiver.came[0][1], hashlib.sha256).hexdigest()
    assert signatures[0] != right
    assert signatures[1] == right


def test_only_the_events_asked_for_are_sent(shop, receiver):
    shop.control("PUT", "webhooks", {"events": ["payment_captured"]})
    shop.agree(shop.first())
    shop.drain()
    assert receiver.types == ["captured"]


def test_the_event_api_shows_the_event_and_its_tries(shop, receiver):
    receiver.answers = [500]
    shop.first()
    shop.at("2026-03-01T00:05:00Z")
    sent = receiver.events[0]
    shown = shop.call("GET", f"/workflows/events/{sent['id']}").json()
    tries = shown.pop("action_invocations")
    assert shown == sent
    assert [(each["retry"], each["succeeded"], each["final"]) for each in tries] == [
        (False, False, False),
        (True, True, True),
    ]


def test_events_can_be_sent_again_by_payment_and_in_bulk(shop, receiver):
    first = shop.first()
    shop.agree(first)
    shop.drain()
    shop.call("POST", f"/workflows/events/subject/{first['id']}/reflow")
    shop.drain()
    assert receiver.types == ["pending", "capture_pending", "captured"] * 2
    shop.call("POST", "/workflows/events/reflow", json={"events": [receiver.events[0]["id"]]})
    shop.call("POST", "/workflows/events/reflow", json={"subjects": [first["id"]]})
    shop.drain()
    assert len(receiver.came) == 10
    assert shop.call("POST", "/workflows/events/reflow", json={}).status_code == 422


@pytest.mark.parametrize(
    "wanted",
    [
        {"url": "ftp://x"},
        {"key": ""},
        {"authorization": "a\nb"},
        {"events": ["payment_paid"]},
        {"events": [[]]},
        {"u": 1},
    ],
)
def test_senseless_webhook_settings_are_refused_by_name(shop, wanted):
    answer = shop.call("PUT", "/_sandbox/webhooks", json=wanted)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(next(iter(wanted)))


def test_the_webhook_settings_do_not_show_their_secrets(shop, receiver):
    shown = json.dumps(shop.control("GET", "webhooks"))
    assert receiver.url in shown
    assert KEY not in shown
    assert "hook-secret" not in shown
