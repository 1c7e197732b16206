import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from api_world import event, served_api, signed
from sqlalchemy.exc import DataError, OperationalError, ProgrammingError

from billing.config import Secrets
from billing.entrypoints.api import webhooks


def stored(api):
    return api.world.rows("SELECT event_id, type, payment_id, state FROM webhook ORDER BY id")


def test_a_signed_event_is_stored_and_answered_at_once(api):
    answer = api.webhook(event())
    assert (answer.status_code, answer.content) == (200, b"")
    assert stored(api) == [
        {"event_id": "evt_1", "type": "payment_captured", "payment_id": "pay_1", "state": "received"}
    ]


def test_fifty_copies_of_an_event_at_once_make_one_row(both):
    start = threading.Barrier(50)

    def send(_):
        start.wait()
        return both.webhook(event()).status_code

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(send, range(50))) == {200}
    assert len(stored(both)) == 1


def test_a_redelivery_under_another_event_id_is_the_same_event(api):
    assert api.webhook(event(1)).status_code == 200
    assert api.webhook(event(1, id="evt_other")).status_code == 200
    assert len(stored(api)) == 1


def test_a_captured_payment_whose_subscriber_never_comes_back_is_settled_by_the_webhook(api):
    made = api.enrol()
    api.world.sandbox("PUT", "webhooks", {"url": f"{api.url}/webhooks/checkout", "key": "kakaosandbox-webhook-key"})
    api.world.agree(made["redirect_url"])
    api.world.sandbox("POST", "drain")
    assert stored(api)
    api.world.sweep()
    assert api.subscription(made["id"])["state"] == "active"
    api.world.sandbox("PUT", "webhooks", {"url": None})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Cko-Signature": ""},
        {"Cko-Signature": "0" * 64},
        {"Cko-Signature": "x" * 10_000},
        {"Cko-Signature": signed(event())["Cko-Signature"][:-1]},
        {"Cko-Signature": signed(event(2))["Cko-Signature"]},
        {"Cko-Signature": signed(event(), key="another-key")["Cko-Signature"]},
        {"Cko-Signature": b"\xed\x95\x9c\xff"},
        [("Cko-Signature", signed(event())["Cko-Signature"]), ("Cko-Signature", "0" * 64)],
        [("Cko-Signature", "0" * 64)] * 100,
    ],
    ids=lambda headers: str(headers)[:40],
)
def test_what_is_not_signed_is_turned_away_without_a_word(still, headers):
    answer = still.webhook(event(), headers)
    assert answer.status_code in (
        401,
        431 if "x" * 10_000 in str(headers) else 401,
        400 if len(str(headers)) > 65536 else 401,
    )
    assert stored(still) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing",
        b"[]",
        b"null",
        b"{}",
        b'{"id": "evt_1", "type": "payment_captured"}',
        b'{"id": "", "type": "payment_captured", "data": {}}',
        b'{"id": 1, "type": "payment_captured", "data": {}}',
        b'{"id": "evt_1", "type": null, "data": {}}',
        b'{"id": "evt_\\u0000", "type": "payment_captured", "data": {}}',
        b'{"id": "evt_\\ud800", "type": "payment_captured", "data": {}}',
        b'{"id": "evt_\\u202e", "type": "payment_captured", "data": {}}',
        b'{"id": "evt_1", "id": "evt_2", "type": "payment_captured", "data": {}}',
        b'{"id": "evt_1", "type": "payment_captured", "data": {"amount": NaN}}',
        b'\xef\xbb\xbf{"id": "evt_1", "type": "payment_captured", "data": {}}',
        b'{"id": "evt_1", "type": "payment_captured", "data": {}} trailing',
        b"[" * 100_000,
        b'{"id": "' + b"x" * 101 + b'", "type": "payment_captured", "data": {}}',
        b"\x1f\x8b\x08\x00",
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_signed_but_no_event_is_refused_and_not_stored(still, body):
    assert still.webhook(body).status_code == 400
    assert stored(still) == []


def test_a_body_over_256_kibibytes_is_not_read(still):
    assert still.webhook(b"x" * (256 * 1024 + 1)).status_code == 413
    assert still.webhook(b"x" * (256 * 1024)).status_code == 400


@pytest.mark.parametrize("kind", [OperationalError, ProgrammingError, DataError])
def test_an_event_that_cannot_be_stored_is_asked_for_again(api, monkeypatch, kind):
    def fail(*_args, **_more):
        raise kind("INSERT", {}, Exception("server closed the connection"))

    monkeypatch.setattr(webhooks, "receive_webhooks", fail)
    answer = api.webhook(event())
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    monkeypatch.undo()
    assert api.webhook(event()).status_code == 200
    assert len(stored(api)) == 1


def test_the_static_header_is_a_second_factor_and_two_keys_hold_while_one_replaces_the_other(sqlite_world):
    secrets = Secrets(webhook_keys="old-key,new-key", webhook_authorization="hook-secret")
    with served_api(secrets=secrets) as served:
        api = served.put(sqlite_world)
        authorized = {"Authorization": "hook-secret"}
        assert api.webhook(event(), signed(event(), "new-key") | authorized).status_code == 200
        assert api.webhook(event(2), signed(event(2), "old-key") | authorized).status_code == 200
        assert api.webhook(event(3), signed(event(3), "new-key")).status_code == 401
        assert api.webhook(event(3), signed(event(3), "new-key") | {"Authorization": "Bearer x"}).status_code == 401
        assert len(stored(api)) == 2


def test_a_signature_in_capitals_counts_too(api):
    headers = {"Cko-Signature": signed(event())["Cko-Signature"].upper()}
    assert api.webhook(event(), headers).status_code == 200
