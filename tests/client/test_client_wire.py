"""Both clients over real sockets: what is on the wire when an answer is late, broken or lost."""

import asyncio

import pytest
from harness import NO_CERTIFICATES
from scripted_server import ScriptedServer, answer, cut, hang, raw, reset, truncated
from waiting import HANG_SECONDS

from billing.client import AsyncBilling, Billing, NoAnswer, Retries, UnreadableAnswer
from billing.client.answers import Answer, Page
from billing.client.calls import call

KEY = "bk_test_of_these_tests"
QUICK = Retries(attempts=3, first_wait=0.01)
BUSY = {"status": 503, "code": "busy", "detail": "send it again", "request_id": "r"}


class Thing(Answer):
    id: str


def asked(server, made, kind=Thing, *, is_async, **more):
    settings = {"seconds": HANG_SECONDS, "retries": QUICK, "tls": NO_CERTIFICATES} | more
    if not is_async:
        with Billing(server.url, KEY, **settings) as client:
            return client._wire.ask(made, kind)

    async def ask():
        async with AsyncBilling(server.url, KEY, **settings) as client:
            return await client._wire.ask(made, kind)

    return asyncio.run(ask())


@pytest.fixture
def server():
    with ScriptedServer() as made:
        yield made


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def is_async(request):
    return request.param


@pytest.mark.parametrize(
    "trouble",
    [
        cut,
        reset,
        hang,
        truncated(200, b'{"id": "x"}'),
        raw(b"no http\r\n\r\n"),
        answer(503, BUSY),
        answer(429, BUSY | {"status": 429}),
    ],
    ids=["cut", "reset", "hang", "truncated", "garbled", "busy", "too many"],
)
def test_a_post_in_trouble_is_sent_again_byte_for_byte_under_its_key(server, is_async, trouble):
    server.plays(trouble, answer(201, {"id": "sub_1"}))
    seconds = 2 if trouble is hang else HANG_SECONDS
    made = asked(server, call("POST", "/v1/subscriptions", body={"name": "김철수"}), is_async=is_async, seconds=seconds)
    assert made == Thing(id="sub_1")
    first, again = server.requests
    assert (first.method, first.path, first.headers, first.body) == (
        again.method,
        again.path,
        again.headers,
        again.body,
    )
    assert first.headers["idempotency-key"]
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert first.body == '{"name": "김철수"}'.encode()


def test_nobody_answers(server, is_async):
    server.plays(cut)
    with pytest.raises(NoAnswer):
        asked(server, call("GET", "/v1/plans"), is_async=is_async)
    assert len(server.requests) == 3


def test_nobody_listens(is_async):
    with ScriptedServer() as server:
        pass
    with pytest.raises(NoAnswer, match="cannot connect"):
        asked(server, call("GET", "/v1/plans"), is_async=is_async)


def test_queries_are_encoded_and_a_get_carries_no_key(server, is_async):
    server.plays(
        answer(200, {"data": [{"id": "1", "new": 1}], "has_more": False, "next_cursor": None, "object": "list"})
    )
    page = asked(server, call("GET", "/v1/things", {"customer": "a&b", "limit": 5}), Page[Thing], is_async=is_async)
    assert page.data == (Thing(id="1"),)
    [request] = server.requests
    assert request.path == "/v1/things?customer=a%26b&limit=5"
    assert "idempotency-key" not in request.headers
    assert request.body == b""


def test_an_answer_of_another_shape_is_not_taken_for_one(server, is_async):
    server.plays(answer(200, {"name": "김철수"}))
    with pytest.raises(UnreadableAnswer, match="Thing that was asked for: see id") as caught:
        asked(server, call("GET", "/v1/things/1"), is_async=is_async)
    assert "김철수" not in str(caught.value)


def test_redirects_are_not_followed_for_they_would_carry_the_key_elsewhere(server, is_async):
    server.plays(answer(307, b"", [("Location", "http://127.0.0.1:1/")]))
    with pytest.raises(UnreadableAnswer):
        asked(server, call("GET", "/v1/things/1"), is_async=is_async)
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", [Billing, AsyncBilling])
def test_what_cannot_be_a_url_or_a_key_is_refused_at_once(kind):
    with pytest.raises(ValueError, match="base_url must be the URL"):
        kind("billing.internal", KEY)
    with pytest.raises(ValueError, match="api_key must be the key") as caught:
        kind("http://127.0.0.1", "bk_test_secret\n")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("kind", [Billing, AsyncBilling])
def test_a_client_does_not_show_its_key(kind):
    made = kind("http://127.0.0.1", KEY, tls=NO_CERTIFICATES)
    assert KEY not in repr(made) + repr(made._wire) + str(vars(made))
