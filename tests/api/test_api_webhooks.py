import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import structlog
from api_world import WEBHOOK_PATH, client, edge, event, rejections, served_api, serving, signed
from sqlalchemy.exc import DataError, OperationalError, ProgrammingError
from starlette.responses import PlainTextResponse
from waiting import HANG_SECONDS, until

from billing.config.settings import SANDBOX_WEBHOOK_KEY, Secrets
from billing.entrypoints.api import webhooks
from billing.entrypoints.api.limits import Limits
from billing.entrypoints.api.refusals import Refusals
from billing.entrypoints.api.webhooks import Webhooks
from billing.gateway.webhooks import WebhookKeys


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
        [("Cko-Signature", "0" * 64)] * 50,
    ],
    ids=lambda headers: str(headers)[:40],
)
def test_what_is_not_signed_is_turned_away_without_a_word(still, headers):
    answer = still.webhook(event(), headers)
    assert answer.status_code == 401
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
        b'{"id": "evt_1", "type": "issuing_card_created", "event_data": {"card_id": "crd_1"}}',
        b'{"id": "evt_1", "type": "payment_captured", "data": []}',
        b'{"id": "evt_1", "type": "payment_captured", "timestamp": "2027-02-30T99:00:00Z", "data": {}}',
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
def test_what_is_signed_and_of_no_use_is_kept_with_the_reason_and_not_asked_for_again(api, body):
    assert [api.webhook(body).status_code for _ in range(2)] == [200, 200]
    (row,) = api.world.rows("SELECT state, why FROM webhook")
    assert row["state"] == "ignored"
    assert row["why"]


def test_one_event_id_with_two_types_is_two_events(both):
    for _ in range(2):
        assert both.webhook(event(1)).status_code == 200
        assert both.webhook(event(1, type="payment_refunded")).status_code == 200
    assert [row["type"] for row in stored(both)] == ["payment_captured", "payment_refunded"]


def test_a_body_over_256_kibibytes_is_not_read(still):
    assert still.webhook(b"x" * (256 * 1024 + 1)).status_code == 413
    assert still.webhook(b"x" * (256 * 1024)).status_code == 200


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


@contextmanager
def door(store, count=dict, **limits):
    """The way in for webhooks alone, with another application behind it; yields a client, and the way in."""
    behind = Limits(PlainTextResponse("behind"), most_at_once=1)
    webhooks = Webhooks(behind, store, WebhookKeys([SANDBOX_WEBHOOK_KEY]), count, rejections=rejections(), **limits)
    with serving(edge(webhooks)) as url, client(url) as http:
        yield http, webhooks


def sent(http, body):
    return http.post(WEBHOOK_PATH, content=body, headers=signed(body))


def test_an_event_too_many_is_asked_for_again_before_its_body_has_come_and_keeps_no_other_request_out():
    stored, begun, go_on = [], threading.Event(), threading.Event()

    def store(events):
        begun.set()
        go_on.wait(HANG_SECONDS)
        stored.extend(each.id for each in events)

    with door(store, most_at_once=1) as (http, _), ThreadPoolExecutor(1) as pool:
        first = pool.submit(sent, http, event(1))
        assert begun.wait(HANG_SECONDS)
        refused = sent(http, event(2))
        assert (refused.status_code, refused.headers["retry-after"], refused.content) == (503, "1", b"")
        with socket.create_connection(("127.0.0.1", urlsplit(str(http.base_url)).port), timeout=HANG_SECONDS) as line:
            line.sendall(b"POST /webhooks/checkout HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
            assert b" 503 " in line.recv(65536)
        assert http.post("/v1/x", json=[]).text == "behind"
        go_on.set()
        assert first.result().status_code == 200
        assert sent(http, event(3)).status_code == 200
    assert stored == ["evt_1", "evt_3"]


def test_events_that_come_while_others_are_stored_are_stored_together_and_answered_each():
    batches, begun, go_on = [], threading.Event(), threading.Event()

    def store(events):
        begun.set()
        go_on.wait(HANG_SECONDS)
        batches.append(sorted(each.id for each in events))

    with door(store) as (http, way_in), ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(sent, http, event(0))]
        assert begun.wait(HANG_SECONDS)
        answers += [pool.submit(sent, http, event(number)) for number in (1, 2, 3)]
        until(lambda: len(way_in._intake._waiting) == 3, "the arrival of three more")
        go_on.set()
        assert [each.result().status_code for each in answers] == [200] * 4
    assert batches == [["evt_0"], ["evt_1", "evt_2", "evt_3"]]


def test_an_event_that_comes_too_slowly_is_given_up():
    with (
        door(list, body_seconds=0.2) as (http, _),
        socket.create_connection(("127.0.0.1", urlsplit(str(http.base_url)).port), timeout=HANG_SECONDS) as line,
    ):
        line.sendall(b"POST /webhooks/checkout HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        assert b" 408 " in line.recv(65536)


def test_an_error_of_ours_is_answered_without_a_word_of_it_and_logged_with_the_path():
    def fail(_events):
        raise RuntimeError("evt_1 of kim@example.test")

    with structlog.testing.capture_logs() as lines, door(fail) as (http, _):
        answer = sent(http, event(1))
        assert sent(http, event(1)).status_code == 500  # it holds no place
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "kim" not in answer.text + str(lines)
    assert (lines[0]["path"], lines[0]["error"]) == (WEBHOOK_PATH, "RuntimeError")


def test_an_answer_to_a_webhook_is_numbered_and_never_cached(api):
    for answer in (api.webhook(event()), api.webhook(event(), {})):
        assert len(answer.headers["x-request-id"]) == 16
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_only_the_one_path_is_open_and_only_to_post(still):
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        answer = still.http.request(method, WEBHOOK_PATH, headers={"Authorization": ""})
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    for path in ("/webhooks", "/webhooks/", "/webhooks/checkout/", "/webhooks/other", "/WEBHOOKS/checkout"):
        answer = still.http.post(path, content=event(), headers={**signed(event()), "Authorization": ""})
        still.refused(answer, 401, "unauthorized")


def refused(api):
    rows = api.world.rows("SELECT why, number FROM webhook_refusal ORDER BY why")
    return {row["why"]: row["number"] for row in rows}


def test_what_is_turned_away_is_counted_by_its_reason_in_one_row_each(sqlite_world):
    with served_api(secrets=Secrets(webhook_keys="the-key", webhook_authorization="hook-secret")) as served:
        api = served.put(sqlite_world)
        authorized = {"Authorization": "hook-secret"}
        assert api.webhook(event(), signed(event(), "another-key") | authorized).status_code == 401
        until(lambda: refused(api) == {"wrong_signature": 1})


def test_refusals_are_written_at_once_and_then_only_every_few_seconds(monkeypatch):
    monkeypatch.setitem(Refusals.__init__.__kwdefaults__, "seconds_between", HANG_SECONDS)
    written, more = [], threading.Event()

    def count(counts):
        written.append(dict(counts))
        more.set()

    with door(list, count) as (http, _):
        for _ in range(20):
            assert http.post(WEBHOOK_PATH, content=event(), headers={"Cko-Signature": "0" * 64}).status_code == 401
        assert http.post(WEBHOOK_PATH, content=b"x" * (256 * 1024 + 1)).status_code == 413
        assert more.wait(HANG_SECONDS)
    assert len(written) == 1, "the others wait for their turn"
    assert written[0]["wrong_signature"] >= 1


def test_refusals_that_could_not_be_written_are_written_later(monkeypatch):
    written, tries = [], []

    def count(counts):
        tries.append(dict(counts))
        if len(tries) == 1:
            raise OperationalError("INSERT", {}, Exception("server closed the connection"))
        written.append(dict(counts))

    monkeypatch.setitem(Refusals.__init__.__kwdefaults__, "seconds_between", 0.01)
    with door(list, count) as (http, _):
        assert http.post(WEBHOOK_PATH, content=event()).status_code == 401
        until(lambda: written == [{"no_signature": 1}])
