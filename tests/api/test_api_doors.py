"""Keys, limits, health, documentation: what stands before the endpoints."""

import asyncio
import json
import socket
import threading
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import structlog
from api_world import client, edge, event, serving, wanted
from harness import START
from starlette.responses import PlainTextResponse
from waiting import HANG_SECONDS

from billing.config.settings import ApiSection, DatabaseSection, Secrets, Settings
from billing.domain.api_keys import KeyMode
from billing.domain.roles import Role
from billing.entrypoints.api import plans
from billing.entrypoints.api.app import create_app
from billing.entrypoints.api.desk import Desk
from billing.entrypoints.api.limits import Limits
from billing.operations.api_keys import create_key
from billing.store.binding import bind
from billing.store.database import Database

OPEN = {"/healthz", "/readyz", "/webhooks/checkout", "/v1/return/{token}"}
LIVE = {
    "mode": "live",
    "secrets": Secrets(gateway_secret_key="sk_live", webhook_keys="w" * 30),
    "api": ApiSection(public_url="https://billing.test", return_urls=["https://app.test", "http://other.test"]),
}


def paths(api):
    schema = api.get("/openapi.json")["paths"]
    return [(method.upper(), path) for path, methods in schema.items() for method in methods]


def test_every_path_but_the_open_ones_needs_a_key(still):
    asked = [(method, path) for method, path in paths(still) if path not in OPEN]
    assert len(asked) > 30
    for method, path in asked:
        for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer"}):
            answer = still.call(method, path.replace("{", "").replace("}", ""), headers=headers)
            assert "API key" in still.refused(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "authorization",
    [
        "sandbox-api-key",
        "Basic sandbox-api-key",
        "Bearer sandbox-api-key-and-more",
        "Bearer sandbox-api-ke",
        "Bearer SANDBOX-API-KEY",
        b"Bearer \xff\xfe",
        "Bearer " + "x" * 20_000,
    ],
    ids=lambda text: str(text)[:20],
)
def test_what_is_no_key_is_refused(still, authorization):
    still.refused(still.call("GET", "/v1/plans", headers={"Authorization": authorization}), 401, "unauthorized")


def test_two_keys_at_once_are_none(still):
    headers = [("Authorization", "Bearer sandbox-api-key"), ("Authorization", "Bearer sandbox-api-key")]
    with client(still.url, headers=headers) as http:
        still.refused(http.get("/v1/plans"), 401, "unauthorized")


def test_what_is_not_there_is_said_in_the_same_shape(still):
    still.refused(still.call("GET", "/v1/nothing"), 404, "no_such_path")
    still.refused(still.call("GET", "/v1/plans/"), 404, "no_such_path")
    answer = still.call("DELETE", "/v1/plans")
    still.refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"


def test_answers_are_not_cached_sniffed_or_framed(still):
    headers = still.http.get("/v1/plans").headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    for directive in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert f"{directive} 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers
    assert "strict-transport-security" not in headers  # a sandbox is reached without TLS
    assert "server" not in headers


def test_health_needs_no_key(still):
    assert still.http.get("/healthz", headers={"Authorization": ""}).json() == {"status": "up"}
    assert still.http.get("/readyz", headers={"Authorization": ""}).json() == {"status": "ready"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_may_be_asked_by_head_as_load_balancers_do(still, path):
    answer = still.http.head(path, headers={"Authorization": ""})
    assert (answer.status_code, answer.content) == (200, b"")
    assert still.http.delete(path).headers["allow"] == "GET, HEAD"


@pytest.fixture
def on_another_database(api, served):
    """Put the API on another database for the rest of the test."""
    opened = []

    def put(url):
        opened.append(Database(url))
        served.app.state.desk = Desk(served.settings, replace(api.world.engine, database=opened[-1]))
        served.app.state.ready.refresh()

    yield put
    for database in opened:
        database.dispose()


def test_an_empty_database_is_not_ready_and_takes_no_webhooks(api, on_another_database, tmp_path):
    on_another_database(f"sqlite:///{tmp_path / 'other.db'}")
    answer = api.http.get("/readyz")
    assert answer.status_code == 503
    assert "billing migrate" in answer.json()["why"]
    api.refused(api.call("GET", "/v1/plans"), 503, "database_unavailable")
    assert api.webhook(event()).status_code == 503


def test_a_database_that_cannot_be_reached_is_not_ready(api, on_another_database):
    on_another_database("postgresql://nobody@127.0.0.1:1/none")
    answer = api.http.get("/readyz")
    assert (answer.status_code, answer.json()["why"]) == (503, "the database cannot be reached")
    answer = api.call("GET", "/v1/plans")
    api.refused(answer, 503, "database_unavailable")
    assert "127.0.0.1" not in answer.text
    assert api.webhook(event()).status_code == 503


def test_a_copied_database_is_not_ready(api, served):
    with api.world.engine.database.transaction() as tx:
        bind(tx, {"mode": "another"})
    served.app.state.ready.refresh()
    assert "another installation" in api.http.get("/readyz").json()["why"]


def test_the_documentation_is_there_in_sandbox_mode_only(still, sqlite_world):
    assert still.http.get("/docs", headers={"Authorization": ""}).status_code == 200
    key = create_key(sqlite_world.engine, "shop-backend", Role.BACKEND, KeyMode.LIVE, now=START).secret
    with serving(create_app(Settings(**LIVE), sqlite_world.engine)) as url, client(url) as http:
        for path in ("/docs", "/openapi.json", "/redoc"):
            assert http.get(path).status_code == 401
            assert http.get(path, headers={"Authorization": f"Bearer {key}"}).status_code == 404
        body = wanted(success_url="http://app.test/x", failure_url="https://elsewhere.test/billing")
        answer = http.post("/v1/subscriptions", json=body, headers={"Authorization": f"Bearer {key}"})
        told = {each["field"]: each["detail"] for each in answer.json()["errors"]}
        assert "https" in told["success_url"]
        assert "api.return_urls" in told["failure_url"]
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Original-URL", "X-User-ID"])
def test_headers_of_a_proxy_open_nothing(still, header):
    for told in ("127.0.0.1", "for=127.0.0.1", "/healthz", "admin"):
        answer = still.call("GET", "/metrics", headers={"Authorization": "", header: told})
        still.refused(answer, 401, "unauthorized")


def test_methods_that_nobody_needs_are_refused(still):
    for method in ("TRACE", "OPTIONS", "PUT", "CONNECT"):
        assert still.http.request(method, "/v1/plans").status_code in (400, 404, 405)


def test_who_is_refused_and_who_does_what_is_logged_with_the_name_of_the_key(api):
    engine = api.world.engine
    keys = {
        role: create_key(engine, f"a-{role}", role, KeyMode.TEST, now=START).secret for role in (Role.READ, Role.ADMIN)
    }
    asked = {role: {"Authorization": f"Bearer {key}"} for role, key in keys.items()}
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        api.post("/v1/keys", {"name": "more"}, headers=asked[Role.READ])
        api.post("/v1/plans/basic/archive", headers=asked[Role.ADMIN])
        api.call("GET", "/v1/plans", headers={"Authorization": "Bearer bk_test_wrong"})
    told = {line["event"]: line for line in lines}
    assert (told["forbidden"]["key"], told["forbidden"]["path"]) == ("a-read", "/v1/keys")
    assert told["api_act"]["key"] == "a-admin"
    assert told["api_key_refused"]["request_id"]
    assert not [key for key in (*keys.values(), "bk_test_wrong") if key in str(lines)]


def test_an_error_of_ours_shows_no_trace_and_logs_no_text(api, monkeypatch):
    def fail(*_args, **_more):
        raise RuntimeError("kim@example.test")

    monkeypatch.setattr(plans, "list_plans", fail)
    with structlog.testing.capture_logs() as lines:
        answer = api.call("GET", "/v1/plans")
    api.refused(answer, 500, "internal_error")
    assert "kim" not in answer.text
    assert "kim" not in str(lines)
    assert lines[-1]["path"] == "/v1/plans"


def test_what_is_logged_has_no_personal_data(api):
    with structlog.testing.capture_logs() as lines:
        made = api.enrol(phone="010-1234-5678")
        api.come_back(made["redirect_url"])
        api.post(f"/v1/subscriptions/{made['id']}/cancel", {"reason": "because Kim asked"})
        api.post("/v1/subscriptions", wanted(email="no address"))
    assert [line["act"] for line in lines if line["event"] == "api_act"] == ["enrol", "settle_return", "cancel"]
    for secret in ("kim", "김철수", "1234-5678", "821012345678", "Kim asked", "no address", "sandbox-api-key"):
        assert secret not in str(lines)


async def length(scope, receive, send):
    """Answer with the length of the body."""
    message = await receive()
    await PlainTextResponse(str(len(message["body"])))(scope, receive, send)


class Held:
    """An app whose first request is held until :meth:`let_go`."""

    def __init__(self):
        self.begun, self._go_on = threading.Event(), threading.Event()

    async def __call__(self, scope, receive, send):
        if not self.begun.is_set():
            self.begun.set()
            assert await asyncio.to_thread(self._go_on.wait, HANG_SECONDS)
        await length(scope, receive, send)

    def let_go(self):
        self._go_on.set()


def exchanged(port, *pieces):
    with socket.create_connection(("127.0.0.1", port), timeout=HANG_SECONDS) as line:
        for piece in pieces:
            line.sendall(piece)
        answer = b""
        while chunk := line.recv(65536):
            answer += chunk
            if b"\r\n\r\n" in answer and b"HTTP/1.1 2" in answer:
                break
    return answer


@pytest.fixture(scope="module")
def bounded():
    with serving(edge(Limits(length, body_seconds=HANG_SECONDS / 2))) as url:
        yield urlsplit(url).port


HEAD = b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def test_a_body_that_never_ends_is_cut_off(bounded):
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    answer = exchanged(bounded, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 5)
    assert b" 413 " in answer
    assert b"body_too_large" in answer


def test_a_body_that_comes_too_slowly_is_given_up():
    with serving(edge(Limits(length, body_seconds=0.3))) as url:
        answer = exchanged(urlsplit(url).port, HEAD + b"Content-Length: 10\r\n\r\n", b"[")
    assert b" 408 " in answer
    assert b"body_too_slow" in answer


def test_a_body_that_says_it_is_too_large_is_not_read(bounded):
    assert b" 413 " in exchanged(bounded, HEAD + b"Content-Length: 65537\r\n\r\n")
    assert b" 200 " in exchanged(bounded, HEAD + b"Content-Length: 65536\r\n\r\n" + b"[" + b" " * 65534 + b"]")


def test_two_lengths_or_a_length_and_chunks_are_refused(bounded):
    assert b" 400 " in exchanged(bounded, HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]")
    answer = exchanged(bounded, HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n")
    assert b" 400 " in answer or b" 200 " in answer
    assert answer.count(b"HTTP/1.1") == 1


def test_a_body_that_breaks_off_reaches_no_endpoint():
    seen = []

    async def app(scope, receive, send):
        seen.append((await receive())["body"])
        await PlainTextResponse("done")(scope, receive, send)

    with serving(edge(Limits(app))) as url:
        port = urlsplit(url).port
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(HEAD + b"Content-Length: 10\r\n\r\n{}")
        assert b" 200 " in exchanged(port, HEAD + b"Content-Length: 2\r\n\r\n[]")
    assert seen == [b"[]"]


def test_too_many_requests_at_once_are_asked_to_come_back():
    held = Held()
    with serving(edge(Limits(held, most_at_once=1))) as url:
        port = urlsplit(url).port
        with socket.create_connection(("127.0.0.1", port), timeout=HANG_SECONDS) as first:
            first.sendall(HEAD + b"Content-Length: 2\r\n\r\n[]")
            assert held.begun.wait(HANG_SECONDS)
            second = exchanged(port, HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\n[]")
            assert b" 503 " in second
            assert b"retry-after: 1" in second.lower()
            assert json.loads(second.partition(b"\r\n\r\n")[2])["code"] == "busy"
            held.let_go()
            assert b" 200 " in first.recv(65536)
        assert b" 200 " in exchanged(port, HEAD + b"Content-Length: 2\r\n\r\n[]")


def test_a_burst_of_links_turns_no_other_request_away():
    open_to_all = HEAD.replace(b"/v1/x", b"/v1/return/x") + b"Content-Length: 2\r\nConnection: close\r\n\r\n[]"
    held = Held()
    with serving(edge(Limits(held, most_at_once=1))) as url:
        port = urlsplit(url).port
        with socket.create_connection(("127.0.0.1", port), timeout=HANG_SECONDS) as first:
            first.sendall(open_to_all)
            assert held.begun.wait(HANG_SECONDS)
            assert b" 503 " in exchanged(port, open_to_all)
            assert b" 200 " in exchanged(port, HEAD + b"Content-Length: 2\r\n\r\n[]")
            held.let_go()
            assert b" 200 " in first.recv(65536)


def test_settings_for_the_database_are_not_shown(still):
    assert DatabaseSection().url.get_secret_value() not in still.http.get("/openapi.json").text
