"""Each fault of the wire, on writes and on reads."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from waiting import HANG_SECONDS, until

NOT_PROCESSED = [("unauthorized_401_empty", 401), ("rate_limit_429", 429), ("unprocessed_502", 502)]
READS = [
    ("read_unauthorized_401_empty", 401),
    ("read_rate_limit_429", 429),
    ("read_404", 404),
    ("read_502", 502),
    ("read_500", 500),
]


@pytest.mark.parametrize(("fault", "status"), NOT_PROCESSED)
def test_a_write_turned_away_has_no_effect(shop, fault, status):
    shop.faults(**{fault: 1})
    assert shop.post(shop.first_body(), "key-1").status_code == status
    assert shop.ledger() == []
    assert shop.control("GET", "requests")[-1]["fault"] == fault
    shop.faults(**{fault: None})
    assert shop.post(shop.first_body(), "key-1").status_code == 202


@pytest.mark.parametrize(("fault", "status"), READS)
def test_a_read_turned_away(shop, fault, status):
    first = shop.first()
    shop.faults(**{fault: 1})
    for path in (
        f"/payments/{first['id']}",
        f"/payments/{first['id']}/actions",
        "/payments?reference=first-1",
    ):
        assert shop.call("GET", path).status_code == status
    assert shop.post(shop.first_body(reference="first-2")).status_code == 202


def test_an_outage_answers_503_to_everything_but_the_control_interface(shop):
    shop.faults(outage=True)
    assert shop.post(shop.first_body()).status_code == 503
    assert shop.call("GET", "/payments?reference=a").status_code == 503
    assert shop.ledger() == []


def test_429_may_carry_a_retry_after_of_any_sort(shop):
    shop.faults(rate_limit_429=1, retry_after="-5")
    assert shop.post(shop.first_body()).headers["Retry-After"] == "-5"
    shop.faults(retry_after=None)
    assert "Retry-After" not in shop.post(shop.first_body()).headers


def test_a_burst_of_429_strikes_whole_windows(shop):
    shop.faults(rate_limit_burst=0.5, rate_limit_burst_seconds=10)
    struck = []
    for window in range(1, 13):
        shop.at(f"2026-03-01T00:{window:02}:00Z")
        struck.append({shop.post(shop.first_body(amount=0)).status_code for _ in range(3)})
    assert {429} in struck
    assert {422} in struck
    assert all(len(each) == 1 for each in struck)


def test_processed_but_500_takes_effect(shop):
    shop.faults(processed_500=1)
    answer = shop.post(shop.first_body())
    assert (answer.status_code, answer.content) == (500, b"")
    assert len(shop.ledger()) == 1


@pytest.mark.parametrize(("fault", "effects"), [("processed_timeout", 1), ("unprocessed_timeout", 0)])
def test_an_unanswered_write_may_or_may_not_have_had_an_effect(shop, fault, effects):
    shop.faults(**{fault: 1, "timeout_seconds": 0.2})
    with pytest.raises(requests.ConnectionError):
        shop.post(shop.first_body(), "key-1")
    assert len(shop.ledger()) == effects
    shop.faults(**{fault: 0})
    assert shop.post(shop.first_body(), "key-1").status_code == 202
    assert len(shop.ledger()) == 1  # a lost 2xx is remembered under its key


def test_an_unanswered_read_hangs_too(shop):
    first = shop.first()
    shop.faults(read_timeout=1, timeout_seconds=0.1)
    with pytest.raises(requests.ConnectionError):
        shop.get(first)


def test_a_hanging_answer_does_not_block_a_reset(shop):
    shop.faults(processed_timeout=1, timeout_seconds=600)
    with pytest.raises(requests.Timeout):
        requests.post(shop.url + "/payments", json=shop.first_body(), headers=shop.http.headers, timeout=0.1)
    shop.control("POST", "reset")  # which itself must be answered within less than the 600 seconds


@pytest.mark.parametrize("prefix", ["", "read_"])
def test_a_dripped_body_is_whole_but_slow(shop, prefix):
    first = shop.first()
    shop.faults(**{f"{prefix}drip_body": 1, "timeout_seconds": (seconds := 0.5)})
    started = time.monotonic()
    answer = shop.get(first) if prefix else shop.first(reference="first-2")
    assert answer["id"]
    assert time.monotonic() - started >= seconds


@pytest.mark.parametrize("prefix", ["", "read_"])
def test_an_endless_body_goes_on_until_the_caller_leaves(shop, prefix):
    first = shop.first()
    shop.faults(**{f"{prefix}endless_body": 1})
    method, path = ("GET", f"/payments/{first['id']}") if prefix else ("POST", "/payments")
    body = None if prefix else shop.first_body(reference="first-2")
    with shop.http.request(method, shop.url + path, json=body, stream=True, timeout=HANG_SECONDS) as answer:
        assert answer.ok
        assert sum(len(chunk) for chunk, _ in zip(answer.iter_content(65_536), range(40), strict=False)) > 1 << 20
    assert shop.ledger()[0]["id"] == first["id"]


@pytest.mark.parametrize("prefix", ["", "read_"])
def test_a_truncated_body_ends_before_its_promised_length(shop, prefix):
    first = shop.first()
    shop.faults(**{f"{prefix}truncated_body": 1})
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        shop.get(first) if prefix else shop.post(shop.first_body(reference="first-2"))


def test_garbage_comes_in_many_kinds_with_a_good_status(shop):
    first = shop.first()
    shop.faults(read_garbage_json=1, garbage_json=1)
    bodies = set()
    for _ in range(40):
        answer = shop.call("GET", f"/payments/{first['id']}")
        assert answer.status_code == 200
        bodies.add(answer.content)
    assert len(bodies) > 5
    assert first["id"].encode() not in b"".join(bodies)
    assert shop.post(shop.first_body(reference="first-2")).status_code == 202
    assert len(shop.ledger()) == 2


def test_the_list_lags_behind_but_the_payment_itself_does_not(shop):
    shop.faults(list_lag_seconds=20)
    firsts = [shop.first(reference=f"first-{n}") for n in range(8)]

    def listed():
        return [shop.call("GET", f"/payments?reference=first-{n}").json()["total_count"] for n in range(8)]

    assert 0 in listed()
    assert all(shop.status(first) == "Pending" for first in firsts)
    shop.at("2026-03-01T00:00:20Z")
    assert listed() == [1] * 8


def test_a_stale_read_still_shows_pending_by_id_and_by_reference(shop):
    first = shop.first()
    shop.agree(first)
    shop.faults(read_stale=1)
    listed = shop.call("GET", "/payments?reference=first-1").json()["data"][0]
    for shown in (shop.get(first), listed):
        assert (shown["status"], shown["balances"]["total_captured"]) == ("Pending", 0)
        assert "approved" not in shown
    assert shop.ledger()[0]["status"] == "Captured"


def test_unknown_statuses_fields_and_events_may_come(shop, receiver):
    shop.faults(unknown_fields=True, read_unknown_status=1, webhook_unknown_type=1)
    first = shop.first()
    shop.drain()
    assert first["new_field"]
    assert shop.status(first) == "Under Review"
    assert receiver.types == ["pending", "reviewed"]
    assert all("new_field" in event["data"] for event in receiver.events)


def test_faults_strike_refunds_with_odds_of_their_own(shop):
    first = shop.first()
    shop.agree(first)
    shop.faults(processed_500=1)
    assert shop.refund(first, amount=100).status_code == 500
    assert shop.get(first)["balances"]["available_to_refund"] == 12800


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gremlins", 1),
        ("webhook_lost", 1.1),
        ("webhook_lost", "often"),
        ("webhook_lost", True),
        ("settle_seconds_min", 1.5),
        ("outage", 1),
        ("over_refund_status", 409),
        ("over_refund_status", 422.0),
        ("dead_agreement_code", ["200R1"]),
        ("retry_after", 5),
        ("retry_after", "1\r\nX: y"),
        ("timeout_seconds", 1e9),
    ],
)
def test_unknown_names_and_bad_values_are_refused_by_name_and_change_nothing(shop, name, value):
    answer = shop.call("PUT", "/_sandbox/faults", json={"latency_ms": 1, name: value})
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(f"{name}:")
    assert shop.control("GET", "faults")["latency_ms"] == 0


def test_faults_are_merged_documented_and_null_brings_a_default_back(shop):
    shop.faults(webhook_lost=0.5)
    shop.faults(processed_500=1)
    assert shop.control("GET", "faults")["webhook_lost"] == 0.5
    shop.faults(webhook_lost=None)
    described = shop.control("GET", "faults?describe=1")
    assert described["webhook_lost"]["value"] == 0
    assert all(each["doc"] for each in described.values())


def test_the_log_of_requests_tells_no_secrets(shop):
    shop.post(shop.first_body(), "key-1")
    entry = shop.control("GET", "requests")[-1]
    assert entry == {
        "at": "2026-03-01T00:00:00.000000Z",
        "method": "POST",
        "path": "/payments",
        "idempotency_key": "key-1",
        "reference": "first-1",
        "status": 202,
        "fault": None,
    }
    assert "sk_" not in str(shop.control("GET", "requests"))


def test_a_request_that_is_not_http_does_not_disturb_it(shop):
    host, port = shop.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=HANG_SECONDS) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        connection.recv(100)
    assert shop.ledger() == []


def test_a_request_still_waiting_at_a_reset_does_not_touch_the_new_world(shop):
    shop.faults(latency_ms=60_000)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(requests.post, shop.url + "/payments", json=shop.first_body(), headers=shop.http.headers)
        until(lambda: [each["status"] for each in shop.control("GET", "requests")] == [None], "its arrival")
        shop.control("POST", "reset")
        assert waiting.result().status_code == 503
    assert shop.ledger() == []
