"""`Idempotency-Key` on every POST: done once, answered as it was, however often and wherever it is sent again."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from api_world import wanted
from harness import kst
from sqlalchemy.exc import OperationalError
from waiting import HANG_SECONDS

from billing.domain.api_keys import KeyMode
from billing.domain.roles import Role
from billing.entrypoints.api import idempotency, subscriptions
from billing.operations.api_keys import create_key, rotate_key
from billing.operations.erase_customer import erase_customer
from billing.operations.request_keys import LEASE

KEY = {"Idempotency-Key": "order-7"}
JSON = {"Content-Type": "application/json"}
ENROL = "/v1/subscriptions"


def same(first, again):
    """Say whether an answer was given again, word for word."""
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["content-type"] == first.headers["content-type"]
    return (again.status_code, again.text) == (first.status_code, first.text)


def test_a_request_that_is_sent_again_is_answered_word_for_word_as_it_was(both):
    first = both.post(ENROL, wanted(), headers=KEY)
    assert first.status_code == 201
    both.come_back(first.json()["redirect_url"])
    assert same(first, both.post(ENROL, wanted(), headers=KEY))
    assert both.world.scalar("SELECT count(*) FROM subscription") == 1


def test_an_answer_is_told_once_it_is_kept_so_that_whoever_hears_it_never_gets_another(api, monkeypatch):
    kept, real = [], idempotency.keep_answer

    def slowly(*args):
        time.sleep(0.2)
        real(*args)
        kept.append(args)

    monkeypatch.setattr(idempotency, "keep_answer", slowly)
    assert api.post(ENROL, wanted(), headers=KEY).status_code == 201
    assert kept


def test_any_post_may_carry_a_key(api):
    subscription = api.subscribe()
    for number, act in enumerate(("pause", "resume", "cancel")):
        key = {"Idempotency-Key": f"{act}-{number}"}
        first = api.post(f"{ENROL}/{subscription}/{act}", headers=key)
        assert first.status_code == 200
        assert same(first, api.post(f"{ENROL}/{subscription}/{act}", headers=key))
    assert [event["type"] for event in api.world.events() if "paused" in event["type"]] == ["subscription.paused"]


def test_what_was_refused_once_is_refused_again_though_it_could_be_done_by_now(api):
    subscription = api.subscribe()
    refused = api.post(f"{ENROL}/{subscription}/resume", headers=KEY)
    api.refused(refused, 409, "conflict")
    api.post(f"{ENROL}/{subscription}/pause")
    assert same(refused, api.post(f"{ENROL}/{subscription}/resume", headers=KEY))
    assert api.subscription(subscription)["state"] == "paused"
    assert api.post(f"{ENROL}/{subscription}/resume", headers={"Idempotency-Key": "another"}).status_code == 200


def test_what_was_not_even_looked_at_leaves_the_key_free(api):
    api.refused(api.post(ENROL, wanted(email="none"), headers=KEY), 422, "invalid_request")
    api.refused(
        api.call("POST", ENROL, headers=KEY | {"Content-Type": "text/plain"}, content=b"x"),
        415,
        "unsupported_media_type",
    )
    assert api.post(ENROL, wanted(), headers=KEY).status_code == 201


def test_the_same_body_in_another_order_and_with_other_spaces_is_the_same_request(api):
    first = api.post(ENROL, content=json.dumps(wanted()), headers=KEY | JSON)
    assert first.status_code == 201
    turned = json.dumps(dict(reversed(wanted().items())), indent=2, ensure_ascii=False).encode()
    assert same(first, api.post(ENROL, content=turned, headers=KEY | JSON))


def test_no_body_and_an_empty_one_are_the_same_request(api):
    path = f"{ENROL}/{api.subscribe()}/cancel"
    first = api.post(path, headers=KEY)
    assert first.status_code == 200
    assert same(first, api.post(path, {}, headers=KEY))
    assert "Use a new key" in api.refused(api.post(path, {"at": "now"}, headers=KEY), 422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("path", "body"), [(ENROL, wanted(locale="en")), ("/v1/keys", wanted()), (f"{ENROL}?x=1", wanted())]
)
def test_a_key_is_for_one_request_only(api, path, body):
    assert api.post(ENROL, wanted(), headers=KEY).status_code == 201
    assert "Use a new key" in api.refused(api.post(path, body, headers=KEY), 422, "idempotency_key_reused")


def test_two_api_keys_do_not_share_their_idempotency_keys_and_rotating_one_keeps_them(api):
    engine = api.world.engine
    key = create_key(engine, "shop", Role.BACKEND, KeyMode.TEST, now=datetime.now(UTC))
    first = api.post(ENROL, wanted(), headers=KEY | {"Authorization": f"Bearer {key.secret}"})
    other = api.post(ENROL, wanted(customer_reference="cust-lee"), headers=KEY)
    assert (first.status_code, other.status_code) == (201, 201)
    new = rotate_key(engine, key.row.id, KeyMode.TEST, overlap=timedelta(hours=1), now=datetime.now(UTC))
    assert same(first, api.post(ENROL, wanted(), headers=KEY | {"Authorization": f"Bearer {new.secret}"}))


def test_a_request_under_way_is_not_begun_again_and_its_copy_is_told_when_to_ask(both, monkeypatch):
    subscription = both.subscribe()
    begun, go_on, real = threading.Event(), threading.Event(), subscriptions.pause

    def slow(*args, **more):
        begun.set()
        assert go_on.wait(HANG_SECONDS)
        return real(*args, **more)

    monkeypatch.setattr(subscriptions, "pause", slow)
    path = f"{ENROL}/{subscription}/pause"
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(both.post, path, headers=KEY)
        assert begun.wait(HANG_SECONDS)
        copy = both.post(path, headers=KEY)
        other = both.post(path, {"resume_at": "2027-06-01T00:00:00Z"}, headers=KEY)
        go_on.set()
        first = first.result()
    both.refused(copy, 409, "idempotency_key_in_use")
    both.refused(other, 422, "idempotency_key_reused")
    assert copy.headers["retry-after"] == "1"
    assert first.status_code == 200
    assert same(first, both.post(path, headers=KEY))


def test_of_many_copies_at_once_one_is_done(both):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: both.post(ENROL, wanted(), headers=KEY), range(8)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert both.world.scalar("SELECT count(*) FROM subscription") == 1
    assert len(both.world.payments()) == 1


def test_what_went_wrong_on_our_side_is_not_kept_and_the_key_still_means_the_same_request(api, monkeypatch):
    def fail(*_args, **_more):
        raise RuntimeError

    monkeypatch.setattr("billing.entrypoints.api.enrolments.enrol_subscriber", fail)
    api.refused(api.post(ENROL, wanted(), headers=KEY), 500, "internal_error")
    monkeypatch.undo()
    api.refused(api.post(ENROL, wanted(locale="en"), headers=KEY), 422, "idempotency_key_reused")
    assert api.post(ENROL, wanted(), headers=KEY).status_code == 201


def test_a_gateway_that_is_away_leaves_the_request_to_be_sent_again(api):
    api.world.faults(unprocessed_502=1)
    api.refused(api.post(ENROL, wanted(), headers=KEY), 503, "gateway_unavailable")
    api.world.faults(unprocessed_502=0)
    api.go_to(api.world.now + timedelta(minutes=30))
    api.world.sweep()
    assert api.post(ENROL, wanted(), headers=KEY).status_code == 201
    assert api.world.scalar("SELECT count(*) FROM subscription") == 1


def test_an_enrolment_whose_process_died_is_in_flight_until_it_is_sent_anew(both, monkeypatch):
    def die(*_args, **_more):
        raise RuntimeError

    monkeypatch.setattr("billing.operations.first_charges.send_present_charge", die)
    both.refused(both.post(ENROL, wanted(), headers=KEY), 500, "internal_error")
    monkeypatch.undo()
    began = both.world.now
    for seconds, wait in ((0, 1), (40, 40), (100, 20)):
        both.go_to(began + timedelta(seconds=seconds))
        answer = both.post(ENROL, wanted(), headers=KEY)
        assert "is being sent to KakaoPay" in both.refused(answer, 409, "charge_in_flight")
        assert answer.headers["retry-after"] == str(wait)
        assert answer.json()["current"]["state"] == "incomplete"
    both.go_to(began + timedelta(seconds=120))
    assert both.post(ENROL, wanted(), headers=KEY).json()["redirect_url"]
    assert len(both.world.payments()) == 1


def test_an_answer_that_could_not_be_kept_is_given_and_the_act_finds_what_it_made_when_it_is_run_again(
    both, monkeypatch
):
    charge = both.charge_of(both.subscribe())

    def fail(*_args):
        raise OperationalError("UPDATE", {}, Exception("disk I/O error"))

    monkeypatch.setattr(idempotency, "keep_answer", fail)
    path = "/v1/refunds"
    body = {"charge_id": charge, "amount": {"amount": 1000, "currency": "KRW"}, "reason": "once"}
    first = both.post(path, body, headers=KEY)
    assert first.status_code == 201
    monkeypatch.undo()
    both.refused(both.post(path, body, headers=KEY), 409, "idempotency_key_in_use")
    later = datetime.now(UTC) + LEASE
    monkeypatch.setattr(idempotency, "machine_now", lambda: later)
    again = both.post(path, body, headers=KEY)
    assert again.status_code == 201
    assert again.json()["id"] == first.json()["id"]
    assert both.world.scalar("SELECT count(*) FROM refund") == 1


def test_a_secret_that_is_shown_once_is_not_kept(api):
    first = api.post("/v1/keys", {"name": "shop-backend"}, headers=KEY)
    again = api.post("/v1/keys", {"name": "shop-backend"}, headers=KEY)
    assert again.headers["idempotent-replayed"] == "true"
    assert first.json() | {"secret": None} == again.json()
    assert first.json()["secret"] not in json.dumps([str(row) for row in api.world.rows("SELECT * FROM keyed_request")])


def test_secrets_are_found_at_any_depth():
    kept = idempotency._without_secrets('{"data": [{"secret": "s3", "열쇠": 1}], "secret": {"a": 2}}'.encode())
    assert json.loads(kept) == {"data": [{"secret": None, "열쇠": 1}], "secret": None}


def test_after_30_days_a_key_is_forgotten_and_means_a_new_request(both):
    first = both.post(ENROL, wanted(), headers=KEY).json()
    both.post(f"{ENROL}/{first['id']}/cancel", {"at": "now"})
    both.sweep_at(kst("2027-03-02 11:59"))
    assert both.world.scalar("SELECT count(*) FROM keyed_request") == 1
    both.sweep_at(kst("2027-03-02 12:00"))
    assert both.world.scalar("SELECT count(*) FROM keyed_request") == 0
    again = both.post(ENROL, wanted(), headers=KEY)
    assert again.status_code == 201
    assert again.json()["id"] != first["id"]


def test_a_get_needs_no_key_and_takes_none(api):
    assert "idempotent-replayed" not in api.http.get("/v1/plans", headers=KEY).headers
    assert api.world.scalar("SELECT count(*) FROM keyed_request") == 0


def test_what_was_answered_about_a_customer_goes_with_them_and_is_not_done_again(both):
    engine = both.world.engine
    subscription = both.subscribe()
    body = {"charge_id": both.charge_of(subscription), "amount": {"amount": 1000, "currency": "KRW"}, "reason": "once"}
    assert both.post("/v1/refunds", body, headers=KEY).status_code == 201
    other = both.post(ENROL, wanted(customer_reference="cust-lee"), headers={"Idempotency-Key": "another"})
    both.post(f"{ENROL}/{subscription}/cancel", {"at": "now"})
    both.sweep_at(kst("2027-03-01 12:00"))
    customer = UUID(str(both.world.scalar("SELECT id FROM customer WHERE reference = 'cust-kim'")))
    erase_customer(engine, customer, reason="asked for", now=both.world.now)
    again = both.post("/v1/refunds", body, headers=KEY)
    assert "has been erased" in both.refused(again, 404, "not_found")
    assert both.world.scalar("SELECT count(*) FROM refund") == 1
    assert same(other, both.post(ENROL, wanted(customer_reference="cust-lee"), headers={"Idempotency-Key": "another"}))


@pytest.mark.parametrize(
    ("path", "body", "table"),
    [
        ("/v1/keys", {"name": "shop-backend"}, "api_key"),
        ("/v1/webhook_endpoints", {"url": "https://1.1.1.1/hooks"}, "webhook_endpoint"),
    ],
)
def test_what_is_made_with_a_secret_is_made_once_though_its_answer_was_lost(both, monkeypatch, path, body, table):
    def fail(*_args):
        raise OperationalError("UPDATE", {}, Exception("disk I/O error"))

    monkeypatch.setattr(idempotency, "keep_answer", fail)
    first = both.post(path, body, headers=KEY)
    assert first.status_code == 201, first.text
    monkeypatch.undo()
    later = datetime.now(UTC) + LEASE
    monkeypatch.setattr(idempotency, "machine_now", lambda: later)
    again = both.post(path, body, headers=KEY)
    assert again.status_code == 201
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["secret"] != first.json()["secret"]
    assert both.world.scalar(f"SELECT count(*) FROM {table}") == 1
    if table == "api_key":
        opens = [
            both.http.get("/v1/plans", headers={"Authorization": f"Bearer {each.json()['secret']}"})
            for each in (first, again)
        ]
        assert [each.status_code for each in opens] == [401, 200]


def test_what_admins_do_with_endpoints_is_in_the_audit_trail_and_no_secret_is_kept(api):
    made = api.post("/v1/webhook_endpoints", {"url": "https://1.1.1.1/hooks"}, headers=KEY)
    assert made.status_code == 201, made.text
    again = api.post("/v1/webhook_endpoints", {"url": "https://1.1.1.1/hooks"}, headers=KEY)
    assert (again.json()["id"], again.json()["secret"]) == (made.json()["id"], None)
    assert [entry["act"] for entry in api.get("/v1/audit")["data"]] == ["webhook_endpoint.created"]
