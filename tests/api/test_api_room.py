"""More connections than there may be: room is made for those who say something, in the process as it is started."""

import resource
import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import structlog
from api_process import ended, started, where
from api_world import bounds, client, edge, serving
from prometheus_client import CollectorRegistry
from starlette.responses import PlainTextResponse
from waiting import HANG_SECONDS, until

from billing.entrypoints.api.connections import FILES_KEPT, MOST_CONNECTIONS, Connections, most_connections
from billing.entrypoints.api.rejections import MOST_LINES, WINDOW_SECONDS, Rejected, Rejections


class Line:
    def __init__(self):
        self.gave_way = False

    def give_way(self):
        self.gave_way = True


def counted(most, registry=None):
    registry = registry or CollectorRegistry()
    return Connections(most, Rejections(registry), registry), [Line() for _ in range(most + 1)]


def test_one_connection_too_many_closes_the_one_that_was_silent_longest():
    connections, lines = counted(3)
    for line in lines[:3]:
        connections.opened(line)
    connections.busy(lines[0])
    connections.busy(lines[1])
    connections.silent(lines[1])  # was answered after the third had come
    connections.opened(lines[3])
    assert [line.gave_way for line in lines] == [False, False, True, False]


def test_where_all_others_are_busy_the_newcomer_gives_way():
    connections, lines = counted(2)
    for line in lines[:2]:
        connections.opened(line)
        connections.busy(line)
    connections.opened(lines[2])
    assert [line.gave_way for line in lines] == [False, False, True]


def test_what_was_closed_takes_no_place_and_is_not_closed_again():
    connections, lines = counted(2)
    for line in lines[:2]:
        connections.opened(line)
    connections.closed(lines[0])
    connections.silent(lines[0])  # its last answer ended after it was gone
    connections.opened(lines[2])
    assert not any(line.gave_way for line in lines)


def test_connections_are_counted_for_prometheus():
    registry = CollectorRegistry()
    connections, lines = counted(2, registry)
    for line in lines:
        connections.opened(line)
    told = {
        name: registry.get_sample_value(name) for name in ("billing_api_connections", "billing_api_connections_most")
    }
    assert told == {"billing_api_connections": 2, "billing_api_connections_most": 2}
    assert registry.get_sample_value("billing_api_rejections_total", {"kind": "no_room"}) == 1


def test_files_are_kept_for_the_rest_of_the_process():
    assert most_connections(1_048_576) == MOST_CONNECTIONS
    assert most_connections(1024) == 1024 - FILES_KEPT
    assert most_connections(256) == 128


def test_silent_connections_keep_nobody_out():
    protocol = bounds(most=20)
    with serving(edge(PlainTextResponse("here")), protocol) as url, ExitStack() as lines:
        for _ in range(60):
            lines.enter_context(socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=HANG_SECONDS))
        with client(url) as http:
            assert http.get("/").text == "here"
        assert len(protocol.all_connections._open) <= 20


def test_who_announces_a_body_and_does_not_send_it_is_silent():
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
    protocol = bounds(most=20)

    async def waits(scope, receive, send):
        while scope["method"] == "POST" and (message := await receive())["type"] != "http.disconnect":
            assert message["more_body"]
        await PlainTextResponse("here")(scope, receive, send)

    with serving(edge(waits), protocol) as url, ExitStack() as lines:
        for _ in range(60):
            line = socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=HANG_SECONDS)
            lines.enter_context(line).sendall(head)
        with client(url) as http:
            assert http.get("/").text == "here"


def few_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 256))


def test_a_process_raises_its_limit_and_serves_while_more_are_silent_than_it_may_have_files(tmp_path):
    with started(tmp_path / "api", preexec_fn=few_files) as process:
        url = where(process)
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (256, 256)
        with ExitStack() as lines:
            for _ in range(3):
                for _ in range(120):
                    line = socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=HANG_SECONDS)
                    lines.enter_context(line)
                with client(url) as http:
                    assert http.get("/healthz").status_code == 200
                    assert http.get("/v1/plans", headers={"Authorization": "Bearer sandbox-api-key"}).status_code == 200
        out, err = ended(process)
    assert err == ""
    assert 0 < out.count("connection_closed_for_room") <= MOST_LINES


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_sample_of_each_kind_is_logged_and_all_are_counted():
    registry, clock = CollectorRegistry(), Clock()
    told = Rejections(registry, clock=clock)
    with structlog.testing.capture_logs() as lines:
        for _ in range(1000):
            told.note(Rejected.UNAUTHORIZED, "api_key_refused")
        told.note(Rejected.UNREADABLE)
        assert len(lines) == MOST_LINES + 1
        clock.now += WINDOW_SECONDS
        told.note(Rejected.UNAUTHORIZED, "api_key_refused")
    assert lines[-1]["left_out"] == 1000 - MOST_LINES
    assert registry.get_sample_value("billing_api_rejections_total", {"kind": "unauthorized"}) == 1001


def test_each_kind_has_a_series_before_its_first_event():
    registry = CollectorRegistry()
    Rejections(registry)
    for kind in Rejected:
        assert registry.get_sample_value("billing_api_rejections_total", {"kind": kind.value}) == 0


def test_wrong_keys_and_what_cannot_be_read_do_not_fill_the_log(api):
    with structlog.testing.capture_logs() as lines:
        for _ in range(3 * MOST_LINES):
            assert api.call("GET", "/v1/plans", headers={"Authorization": "Bearer wrong"}).status_code == 401
            with socket.create_connection(("127.0.0.1", urlsplit(api.url).port), timeout=HANG_SECONDS) as line:
                line.sendall(b"nonsense\r\n\r\n")
                assert b" 400 " in line.recv(65536)
    assert len([line for line in lines if line["event"] == "api_key_refused"]) <= MOST_LINES
    assert len([line for line in lines if line["event"] == "rejected"]) <= MOST_LINES
    seen = api.http.get("/metrics").text
    assert 'billing_api_rejections_total{kind="unauthorized"}' in seen


def test_nothing_is_left_open_when_clients_have_gone():
    protocol = bounds()
    with serving(edge(PlainTextResponse("here")), protocol) as url, client(url) as http:
        for _ in range(5):
            assert http.get("/").text == "here"
        http.close()
        until(lambda: not protocol.all_connections._open, "the end of all connections")
        assert not protocol.all_connections._silent
