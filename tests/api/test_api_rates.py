"""Too often, too slowly, too much: what is turned away before it costs anything."""

import asyncio
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest
import uvicorn
from api_world import SILENT, bounds, client, edge, event, served_api, serving, signed
from starlette.responses import PlainTextResponse
from waiting import HANG_SECONDS, until

from billing.entrypoints.api.limits import MOST_AT_ONCE, Limits
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
    with served_api(api={"requests_per_second": 0.5, "request_burst": 5}) as served:
        yield served.put(sqlite_world)


def asked_too_often(api):
    """Ask until that is too often; return all answers. A slow machine asks more often, for it asks for longer."""
    answers = [api.http.get("/v1/plans")]
    while answers[-1].status_code == 200:
        answers.append(api.http.get("/v1/plans"))
    return answers


def test_a_key_that_asks_too_often_is_told_when_to_come_back_and_is_answered_then(strict):
    answers = asked_too_often(strict)
    assert [answer.status_code for answer in answers[:5]] == [200] * 5
    assert strict.refused(answers[-1], 429, "too_many_requests")
    assert answers[-1].headers["retry-after"] in ("1", "2")  # a place comes back every two seconds
    assert answers[0].headers["ratelimit-policy"] == '"key";q=5;w=10'
    assert answers[0].headers["ratelimit"].startswith('"key";r=4;t=')
    assert answers[-1].headers["ratelimit"].startswith('"key";r=0;t=')
    time.sleep(int(answers[-1].headers["retry-after"]))
    assert strict.http.get("/v1/plans").status_code == 200


def test_one_key_that_asks_too_often_keeps_no_other_one_and_no_webhook_out(strict):
    key = strict.post("/v1/keys", {"name": "another"}).json()["secret"]
    assert asked_too_often(strict)[-1].status_code == 429
    assert strict.http.get("/v1/plans", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    assert strict.webhook(event(), signed(event())).status_code == 200
    assert strict.http.get("/healthz").status_code == 200


def test_a_request_too_many_is_turned_away_before_its_body_has_come(strict):
    asked_too_often(strict)
    with socket.create_connection(("127.0.0.1", urlsplit(strict.url).port), timeout=HANG_SECONDS) as line:
        line.sendall(b"POST /v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sandbox-api-key\r\n")
        line.sendall(b"Content-Length: 1000\r\n\r\n")
        assert b" 429 " in line.recv(65536)


class Hasty(bounds()):
    head_seconds = 1.0
    whole_seconds = 2.0


BODY_SECONDS = 0.8


@pytest.fixture(scope="module")
def hasty():
    """A server as the API's, with short deadlines."""

    async def app(scope, receive, send):
        message = await receive()
        await PlainTextResponse(str(len(message["body"])))(scope, receive, send)

    limited = Limits(app, body_seconds=BODY_SECONDS)

    async def door(scope, receive, send):
        refused = scope["path"] == "/refused"
        await (PlainTextResponse("no", 401) if refused else limited)(scope, receive, send)

    listener = socket.create_server(("127.0.0.1", 0))
    stack = edge(door)
    server = uvicorn.Server(uvicorn.Config(stack, lifespan="off", ws="none", http=Hasty, **SILENT))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()


def dripped(port, begin, drop):
    """Send the beginning and then a drop every 50 ms; return what was answered, and when the line was cut.

    A line that is never cut is given up after :data:`HANG_SECONDS`, and told with None.
    """
    answer, begun = b"", time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=HANG_SECONDS) as line:
        line.sendall(begin)
        line.settimeout(0.05)
        while time.monotonic() - begun < HANG_SECONDS:
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
    answer, after = dripped(hasty, HEAD + b"Content-Length: 60000\r\n\r\n", b"[")
    assert b" 408 " in answer
    assert b"body_too_slow" in answer
    assert after is not None
    assert after >= BODY_SECONDS


@pytest.mark.parametrize("begin", [b"", b"POST /v1/x HTTP/1.1\r\nX-Slow: "])
def test_a_head_that_drips_is_cut_off(hasty, begin):
    _, after = dripped(hasty, begin, b"a" if begin else b"")
    assert after is not None
    assert after >= Hasty.head_seconds


def test_a_further_head_on_the_same_line_is_cut_off_too(hasty):
    answer, after = dripped(hasty, HEAD + b"Content-Length: 2\r\n\r\n[]POST /v1/x HTTP/1.1\r\nX: ", b"a")
    assert b" 200 " in answer
    assert after is not None


def test_the_body_of_a_request_that_was_refused_does_not_hold_the_line(hasty):
    answer, after = dripped(hasty, b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", b"[")
    assert b" 401 " in answer
    assert after is not None


@contextmanager
def idle_lines(port, head, number):
    """So many connections that announce a body and do not send it."""
    with ExitStack() as lines:
        for _ in range(number):
            lines.enter_context(socket.create_connection(("127.0.0.1", port), timeout=HANG_SECONDS)).sendall(head)
        yield


@pytest.mark.parametrize(
    "request_line", [b"GET /v1/return/x", b"POST /v1/return/x", b"POST /webhooks/checkout", b"POST /readyz"]
)
def test_more_idle_lines_than_there_are_places_keep_nobody_out(api, request_line):
    head = request_line + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
    with idle_lines(urlsplit(api.url).port, head, MOST_AT_ONCE + 44), client(api.url) as who_comes_after_them:
        assert who_comes_after_them.get("/healthz").status_code == 200
        assert api.http.get("/v1/plans").status_code == 200
        assert api.post("/v1/keys", {"name": "shop"}).status_code == 201
        assert api.webhook(event()).status_code == 200
        assert api.http.get("/readyz").status_code == 200


async def length(scope, receive, send):
    """Answer with the length of the body."""
    await PlainTextResponse(str(len((await receive())["body"])))(scope, receive, send)


def waited_for(limits):
    """Count the bodies that are waited for."""
    return len(limits._bodies._readers._waiting)


def test_who_is_slow_keeps_nobody_waiting():
    limits = Limits(length, body_seconds=2 * HANG_SECONDS)
    with (
        serving(edge(limits)) as url,
        client(url) as http,
        idle_lines(urlsplit(url).port, HEAD + b"Content-Length: 10\r\n\r\n[", 50),
    ):
        until(lambda: waited_for(limits) == 50, "the arrival of the slow")
        assert http.post("/v1/x", json=[]).text == "2"
        assert waited_for(limits) == 50


def test_room_for_another_body_is_made_by_giving_up_the_one_that_was_waited_for_longest():
    limits, lines = Limits(length, body_seconds=2 * HANG_SECONDS, most_reading=2), []
    with serving(edge(limits)) as url, client(url) as http, ExitStack() as stack:
        for _ in range(3):
            line = socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=HANG_SECONDS)
            lines.append(stack.enter_context(line))
            before = set(limits._bodies._readers._waiting)
            line.sendall(HEAD + b"Content-Length: 2\r\n\r\n[")
            until(lambda known=before: set(limits._bodies._readers._waiting) - known, "the arrival of one more")
        assert b" 408 " in lines[0].recv(65536)
        assert http.post("/v1/x", json=[]).text == "2"
        assert b" 408 " in lines[1].recv(65536)
        lines[2].sendall(b"]")
        assert b" 200 " in lines[2].recv(65536)


def test_nobody_waits_for_the_body_of_a_question(hasty):
    with socket.create_connection(("127.0.0.1", hasty), timeout=HANG_SECONDS) as line:
        line.sendall(b"GET /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        assert b" 200 " in line.recv(65536)


def test_a_busy_process_still_says_that_it_is_ready(sqlite_world):
    with served_api() as served:
        api = served.put(sqlite_world)
        busy = edge(Limits(served.app, most_at_once=0))
        with serving(busy) as url, client(url, headers=dict(api.http.headers)) as http:
            assert http.get("/v1/plans").status_code == 503
            assert [http.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]


def test_an_answer_may_take_longer_than_a_request():
    async def slow(scope, receive, send):
        await receive()
        await asyncio.sleep(1.2 * Hasty.whole_seconds)
        await PlainTextResponse("done")(scope, receive, send)

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(slow, lifespan="off", ws="none", http=Hasty, **SILENT))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    with client(f"http://127.0.0.1:{listener.getsockname()[1]}") as http:
        assert http.post("/", json=[]).text == "done"
    server.should_exit = True
    thread.join()
