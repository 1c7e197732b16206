"""Idempotency keys: only 2xx is remembered, for 24 hours, and one runs at a time."""

from concurrent.futures import ThreadPoolExecutor


def test_a_repeated_key_replays_the_same_answer_and_charges_once(shop):
    source = shop.enrolled()
    one = shop.post(shop.later_body(source), "key-1")
    two = shop.post(shop.later_body(source), "key-1")
    assert (one.status_code, one.content) == (two.status_code, two.content) == (202, one.content)
    assert two.headers["Content-Type"] == "application/json; charset=utf-8"
    assert len(shop.ledger()) == 2
    assert shop.ledger()[1]["idempotency_key"] == "key-1"


def test_a_key_lives_24_hours_of_sandbox_time(shop):
    source = shop.enrolled()
    one = shop.post(shop.later_body(source), "key-1").json()
    shop.at("2026-03-01T23:59:59Z")
    assert shop.post(shop.later_body(source), "key-1").json() == one
    shop.at("2026-03-02T00:00:00Z")
    assert shop.post(shop.later_body(source), "key-1").json()["id"] != one["id"]


def test_the_life_of_a_key_can_be_the_older_two_minutes(shop):
    shop.faults(idempotency_seconds=120)
    source = shop.enrolled()
    one = shop.post(shop.later_body(source), "key-1").json()
    shop.at("2026-03-01T00:02:00Z")
    assert shop.post(shop.later_body(source), "key-1").json()["id"] != one["id"]


def test_a_refusal_is_not_remembered(shop):
    source = shop.enrolled()
    assert shop.post(shop.later_body(source, amount=0), "key-1").status_code == 422
    assert shop.post(shop.later_body(source), "key-1").status_code == 202


def test_after_a_500_a_resend_with_the_same_key_charges_again(shop):
    source = shop.enrolled()
    shop.faults(processed_500=1)
    assert shop.post(shop.later_body(source), "key-1").status_code == 500
    shop.faults(processed_500=0)
    assert shop.post(shop.later_body(source), "key-1").status_code == 202
    assert len(shop.ledger()) == 3


def test_a_duplicate_in_flight_gets_429_and_the_first_goes_through(shop):
    source = shop.enrolled()
    shop.faults(latency_ms=150)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: shop.post(shop.later_body(source), "key-1"), range(2)))
    assert sorted(answer.status_code for answer in answers) == [202, 429]
    shop.faults(latency_ms=0)
    assert shop.post(shop.later_body(source), "key-1").status_code == 202
    assert len(shop.ledger()) == 2


def test_another_body_under_the_same_key_is_a_replay_or_a_refusal(shop):
    source = shop.enrolled()
    one = shop.post(shop.later_body(source), "key-1").json()
    assert shop.post(shop.later_body(source, amount=1), "key-1").json() == one
    shop.faults(idempotency_other_body="422")
    assert shop.post(shop.later_body(source, amount=1), "key-1").status_code == 422


def test_refunds_have_keys_too_apart_from_those_of_payments(shop):
    first = shop.post(shop.first_body(), "key-1").json()
    shop.agree(first)
    path = f"/payments/{first['id']}/refunds"
    answers = [
        shop.call("POST", path, json={"amount": 100}, headers={"Cko-Idempotency-Key": "key-1"}).json() for _ in range(2)
    ]
    assert answers[0]["action_id"] == answers[1]["action_id"]
    assert shop.get(first)["balances"]["available_to_refund"] == 12800
