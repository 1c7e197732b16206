"""Too often, too slowly, too much: what is turned away before it costs anything."""

import asyncio
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest
import uvicorn
from api_world import SILENT, client, event, served_api, serving, signed
from starlette.responses import PlainTextResponse

from billing.entrypoints.api.edge import Edge
from billing.entrypoints.api.limits import MOST_AT_ONCE, Limits
from billing.entrypoints.api.prompt import PromptProtocol
from billing.entrypoints.api.token_bucket import TokenBucket

HEAD = b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def test_a_bucket_gives_a_burst_and_then_so_many_a_second():
    bucket = TokenBucket(per_second=2, burst=3)
    assert [bucket.wait_for(100.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert bucket.wait_for(100.4) == pytest.approx(0.1)
    assert bucket.wait_for(100.5) == 0
    assert [bucket.wait_for(1000.0) for _ in range(4)] == [0, 0, 0, 0.5]


@pytest.fixture
def strict(sqlite_world):
    with served_api(api={"requests_per_second": 2.0, "request_burst": 5}) as served:
        yield served.put(sqlite_world)


def test_a_key_that_asks_too_often_is_told_when_to_come_back_and_is_answered_then(strict):
    answers = [strict.http.get("/v1/plans") for _ in range(7)]
    assert [answer.status_code for answer in answers[:5]] == [200] * 5
    assert strict.refused(answers[-1], 429, "too_many_requests")
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[0].headers["ratelimit-policy"] == '"key";q=5;w=3'
    assert answers[0].headers["ratelimit"].startswith('"key";r=4;t=')
    assert answers[-1].headers["ratelimit"].startswith('"key";r=0;t=')
    time.sleep(int(answers[-1].headers["retry-after"]))
    assert strict.http.get("/v1/plans").status_code == 200


def test_one_key_that_asks_too_often_keeps_no_other_one_and_no_webhook_out(strict):
    key = strict.post("/v1/keys", {"name": "another"}).json()["secret"]
    assert {strict.http.get("/v1/plans").status_code for _ in range(10)} == {200, 429}
    assert strict.http.get("/v1/plans", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    assert strict.webhook(event(), signed(event())).status_code == 200
    assert strict.http.get("/healthz").status_code == 200


def test_a_request_too_many_is_turned_away_before_its_body_has_come(strict):
    while strict.http.get("/v1/plans").status_code == 200:
        pass
    with socket.create_connection(("127.0.0.1", urlsplit(strict.url).port), timeout=5) as line:
        line.sendall(b"POST /v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sandbox-api-key\r\n")
        line.sendall(b"Content-Length: 1000\r\n\r\n")
        assert b" 429 " in line.recv(65536)


class Hasty(PromptProtocol):
    head_seconds = 0.4
    whole_seconds = 0.8


@pytest.fixture(scope="module")
def hasty():
    """A server as the API's, with short deadlines."""

    async def app(scope, receive, send):
        message = await receive()
        await PlainTextResponse(str(len(message["body"])))(scope, receive, send)

    limited = Limits(app, body_seconds=0.3)

    async def door(scope, receive, send):
        refused = scope["path"] == "/refused"
        await (PlainTextResponse("no", 401) if refused else limited)(scope, receive, send)

    listener = socket.create_server(("127.0.0.1", 0))
    stack = Edge(door, always_tls=True)
    server = uvicorn.Server(uvicorn.Config(stack, lifespan="off", ws="none", http=Hasty, **SILENT))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()


def dripped(port, begin, drop, *, seconds):
    """Send the beginning and then a drop every 50 ms; return what was answered, and when the line was cut."""
    answer, begun = b"", time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(begin)
        line.settimeout(0.05)
        while time.monotonic() - begun < seconds:
            try:
                line.sendall(drop)
                chunk = line.recv(65536)
                answer += chunk
                if not chunk:
                    return answer, time.monotonic() - begun
            except TimeoutError:
                continue
            except OSError:
                return answer, time.monotonic() - begun
    return answer, None


def test_a_body_that_drips_is_cut_off_though_it_never_stands_still(hasty):
    answer, after = dripped(hasty, HEAD + b"Content-Length: 60000\r\n\r\n", b"[", seconds=4)
    assert b" 408 " in answer
    assert b"body_too_slow" in answer
    assert 0.25 < after < 1.5


@pytest.mark.parametrize("begin", [b"", b"POST /v1/x HTTP/1.1\r\nX-Slow: "])
def test_a_head_that_drips_is_cut_off(hasty, begin):
    _, after = dripped(hasty, begin, b"a" if begin else b"", seconds=4)
    assert after is not None
    assert 0.3 < after < 1.5


def test_a_further_head_on_the_same_line_is_cut_off_too(hasty):
    answer, after = dripped(hasty, HEAD + b"Content-Length: 2\r\n\r\n[]POST /v1/x HTTP/1.1\r\nX: ", b"a", seconds=4)
    assert b" 200 " in answer
    assert after is not None


def test_the_body_of_a_request_that_was_refused_does_not_hold_the_line(hasty):
    answer, after = dripped(
        hasty, b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", b"[", seconds=4
    )
    assert b" 401 " in answer
    assert after is not None
    assert after < 2.5


@contextmanager
def idle_lines(port, head, number):
    """So many connections that announce a body and do not send it."""
    with ExitStack() as lines:
        for _ in range(number):
            lines.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5)).sendall(head)
        yield


@pytest.mark.parametrize(
    "request_line", [b"GET /v1/return/x", b"POST /v1/return/x", b"POST /webhooks/checkout", b"POST /readyz"]
)
def test_more_idle_lines_than_there_are_places_keep_nobody_out(api, request_line):
    head = request_line + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
    with idle_lines(urlsplit(api.url).port, head, MOST_AT_ONCE + 44):
        time.sleep(0.3)
        assert api.http.get("/v1/plans").status_code == 200
        assert api.post("/v1/keys", {"name": "shop"}).status_code == 201
        assert api.webhook(event()).status_code == 200
        assert api.http.get("/readyz").status_code == 200


def test_who_is_slow_keeps_nobody_waiting(hasty):
    with (
        idle_lines(hasty, HEAD + b"Content-Length: 10\r\n\r\n[", 50),
        client(f"http://127.0.0.1:{hasty}") as http,
    ):
        begun = time.monotonic()
        assert http.post("/v1/x", json=[]).text == "2"
        assert time.monotonic() - begun < 0.25


def test_room_for_another_body_is_made_by_giving_up_the_one_that_was_waited_for_longest():
    async def app(scope, receive, send):
        await PlainTextResponse(str(len((await receive())["body"])))(scope, receive, send)

    with serving(Edge(Limits(app, most_reading=2), always_tls=True)) as url, client(url) as http, ExitStack() as stack:
        lines = []
        for _ in range(3):
            lines.append(stack.enter_context(socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=5)))
            lines[-1].sendall(HEAD + b"Content-Length: 2\r\n\r\n[")
            time.sleep(0.1)
        assert b" 408 " in lines[0].recv(65536)
        assert http.post("/v1/x", json=[]).text == "2"
        assert b" 408 " in lines[1].recv(65536)
        lines[2].sendall(b"]")
        assert b" 200 " in lines[2].recv(65536)


def test_nobody_waits_for_the_body_of_a_question(hasty):
    with socket.create_connection(("127.0.0.1", hasty), timeout=5) as line:
        line.sendall(b"GET /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        assert b" 200 " in line.recv(65536)


def test_a_busy_process_still_says_that_it_is_ready(sqlite_world):
    with served_api() as served:
        api = served.put(sqlite_world)
        busy = Edge(Limits(served.app, most_at_once=0), always_tls=True)
        with serving(busy) as url, client(url, headers=dict(api.http.headers)) as http:
            assert http.get("/v1/plans").status_code == 503
            assert [http.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]


def test_an_answer_may_take_longer_than_a_request():
    async def slow(scope, receive, send):
        await receive()
        await asyncio.sleep(1.2)
        await PlainTextResponse("done")(scope, receive, send)

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(slow, lifespan="off", ws="none", http=Hasty, **SILENT))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    with client(f"http://127.0.0.1:{listener.getsockname()[1]}") as http:
        assert http.post("/", json=[]).text == "done"
    server.should_exit = True
    thread.join()
