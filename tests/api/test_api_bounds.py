"""Heads, URLs, pipelines and trailers that are larger than an honest client's: refused by the server itself."""

import gc
import json
import re
import socket
from contextlib import contextmanager
from importlib.metadata import version
from urllib.parse import urlsplit

import pytest
from api_world import bounds, edge, event, serving, signed
from httptools import HttpRequestParser
from starlette.responses import JSONResponse
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from waiting import HANG_SECONDS, until

from billing.entrypoints.api.edge import MOST_PARAMETERS
from billing.entrypoints.api.limits import Limits
from billing.entrypoints.api.protocol import (
    KNOWN_SERVERS,
    MOST_FIELDS,
    MOST_HEAD_BYTES,
    MOST_PIPELINED,
    MOST_URL_BYTES,
)

LINE = b"GET /x HTTP/1.1\r\nHost: x\r\n"
END = b"\r\n\r\n"


async def echo(scope, receive, send):
    """Answer with the headers and the body that the app was told."""
    message = await receive()
    if message["type"] == "http.request":
        headers = [name.decode() for name, _ in scope["headers"]]
        await JSONResponse({"headers": headers, "body": len(message["body"])})(scope, receive, send)


@pytest.fixture(scope="module")
def port():
    with serving(edge(Limits(echo))) as url:
        yield urlsplit(url).port


@contextmanager
def line_to(port):
    with socket.create_connection(("127.0.0.1", port), timeout=HANG_SECONDS) as line:
        yield line


def heard(line):
    """Return all that is answered until the server closes."""
    answer = b""
    try:
        while chunk := line.recv(65536):
            answer += chunk
    except ConnectionResetError:
        pass
    return answer


def asked(port, *pieces):
    """Send pieces, as far as the server takes them; return what it answered until it closed."""
    with line_to(port) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
        except OSError:
            pass
        return heard(line)


def statuses(answer):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def problem(answer):
    """Return the code of the one problem that an answer is."""
    head, _, body = answer.partition(END)
    assert b"application/problem+json" in head, head
    told = json.loads(body)
    assert statuses(head) == [told["status"]]
    assert f"X-Request-Id: {told['request_id']}".encode() in head
    assert b"Connection: close" in head
    return told["code"]


def closing(*headers):
    return LINE + b"".join(header + b"\r\n" for header in headers) + b"Connection: close" + END


def test_the_server_is_one_whose_callbacks_the_protocol_was_read_against():
    for package, known in KNOWN_SERVERS.items():
        told = version(package)
        assert told.startswith(f"{known}."), (
            f"{package} {told} is not known: read the changes of its HTTP protocol against billing/entrypoints/api/"
            "protocol.py, run tests/api/test_api_bounds.py, and name the version there"
        )


def test_as_many_headers_as_there_may_be_are_taken_and_one_more_is_not(port):
    few = [b"X-%d: y" % number for number in range(MOST_FIELDS - 2)]
    assert statuses(asked(port, closing(*few))) == [200]
    assert problem(asked(port, closing(*few, b"One: more"))) == "headers_too_large"


def test_headers_of_as_many_bytes_as_there_may_be_are_taken_and_more_are_not(port):
    assert statuses(asked(port, closing(b"X: " + b"y" * (MOST_HEAD_BYTES - 200)))) == [200]
    assert problem(asked(port, closing(b"X: " + b"y" * MOST_HEAD_BYTES))) == "headers_too_large"


@pytest.mark.parametrize("piece", [b"X-Aaaa: yyyy\r\n", b"a:b\r\n", b"yyyyyyyyyyyyyyy", b"\r\n"], ids=repr)
def test_a_head_that_never_ends_is_refused_long_before_its_time_is_up(port, piece):
    many = piece * (MOST_HEAD_BYTES // len(piece) // 4)
    begin = b"" if piece == b"\r\n" else LINE + (b"X: " if b":" not in piece else b"")
    assert problem(asked(port, begin, *[many] * 5)) == "headers_too_large"


def test_an_url_is_taken_up_to_its_bound_and_refused_beyond_it(port):
    for length, expected in ((MOST_URL_BYTES, 200), (MOST_URL_BYTES + 1, 414)):
        url = b"/x?" + b"y" * (length - 3)
        answer = asked(port, b"GET " + url + b" HTTP/1.1\r\nHost: x\r\nConnection: close" + END)
        assert statuses(answer) == [expected]
    assert problem(answer) == "url_too_long"
    assert problem(asked(port, b"GET /", *[b"y" * 1000] * 9)) == "url_too_long"


def test_parameters_are_counted_before_anything_is_worked_out(still):
    many = "&".join(f"a{number}" for number in range(MOST_PARAMETERS + 1))
    for headers in ({}, {"Authorization": ""}):  # before the key is looked at as well
        still.refused(still.call("GET", f"/v1/customers?{many}", headers=headers), 400, "too_many_parameters")
    fewer = many.rpartition("&")[0]
    still.refused(still.call("GET", f"/v1/customers?{fewer}"), 422, "invalid_request")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /x HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: x\r\nHOST: y\r\n\r\n",
        b"GET /x HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /x\r\n\r\n",
        b"GET /x HTTP/0.9\r\nHost: x\r\n\r\n",
        b"GET /x HTTP/2.0\r\nHost: x\r\n\r\n",
        b"no request at all\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: x\r\nA\x00b: c\r\n\r\n",
    ],
)
def test_without_one_host_or_in_another_version_nothing_is_answered_but_400(port, head):
    assert problem(asked(port, head)) == "bad_request"


def test_http_1_0_needs_no_host(port):
    assert statuses(asked(port, b"GET /x HTTP/1.0\r\n\r\n")) == [200]


def test_an_upgrade_is_not_made_and_the_request_is_answered(port):
    answer = asked(port, LINE + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM" + END)
    assert statuses(answer) == [200]


CHUNKED = (
    LINE.replace(b"GET", b"POST")
    + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close"
    + END
)


def test_trailers_are_no_headers(port):
    answer = asked(port, CHUNKED + b"2\r\n[]\r\n0\r\nX-Late: yes\r\nAuthorization: Bearer x\r\n\r\n")
    told = json.loads(answer.partition(END)[2])
    assert told == {"headers": ["host", "content-type", "transfer-encoding", "connection"], "body": 2}


def chunked_to(api, path, headers, body, trailers):
    head = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
    late = b"".join(f"{name}: {value}\r\n".encode() for name, value in trailers.items())
    line = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n".encode()
    sent = line + head + b"\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n" + late + b"\r\n"
    return statuses(asked(urlsplit(api.url).port, sent))


def test_neither_a_key_nor_a_signature_is_taken_from_a_trailer(api):
    kind, key = {"Content-Type": "application/json"}, {"Authorization": "Bearer sandbox-api-key"}
    assert chunked_to(api, "/v1/keys", kind, b'{"name": "late"}', key) == [401]
    assert chunked_to(api, "/v1/keys", kind | key, b'{"name": "early"}', {}) == [201]
    assert chunked_to(api, "/v1/keys", kind | key, b'{"name": "both"}', key) == [
        201
    ]  # what comes late is not looked at
    assert chunked_to(api, "/webhooks/checkout", kind, event(), signed(event())) == [401]
    assert chunked_to(api, "/webhooks/checkout", signed(event()), event(), {}) == [200]


def test_trailers_that_never_end_are_refused(port):
    for piece in (b"a:b\r\n", b"yyyyyyyyy"):
        many = piece * (MOST_HEAD_BYTES // len(piece) // 4)
        begin = CHUNKED + b"2\r\n[]\r\n0\r\n" + (b"X: " if b":" not in piece else b"")
        assert problem(asked(port, begin, *[many] * 60)) == "headers_too_large"


def test_only_spaces_and_tabs_are_white_space_around_a_key(still):
    for around, status in ((" ", 200), ("\t", 200), ("\xa0", 401), ("\x85", 401), ("\x1f", 400)):
        sent = (
            f"GET /v1/plans HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer sandbox-api-key{around}"
        )
        assert statuses(asked(urlsplit(still.url).port, sent.encode("latin-1") + END)) == [status], repr(around)


def test_a_handful_of_requests_is_pipelined_and_more_end_the_connection(port):
    handful = asked(port, (LINE + b"\r\n") * MOST_PIPELINED + closing())
    assert statuses(handful) == [200] * (MOST_PIPELINED + 1)
    many = asked(port, (LINE + b"\r\n") * 7000)
    assert statuses(many) == [200] * (MOST_PIPELINED + 1)
    assert b"connection: close" in many.rpartition(b"HTTP/1.1 200")[2]


def alive(*kinds):
    return sum(isinstance(each, kinds) for each in gc.get_objects())


def test_connections_that_pipelined_and_hung_up_leave_no_garbage():
    """The collector is off here: what is left is what waits for its look through all objects."""
    protocol = bounds()
    with serving(edge(echo), protocol) as url:
        gc.collect()
        gc.disable()
        try:
            before = alive(RequestResponseCycle, protocol, HttpRequestParser)
            for _ in range(20):
                with line_to(urlsplit(url).port) as line:
                    line.sendall((LINE + b"\r\n") * 50)
            counted = protocol.all_connections
            until(lambda: not counted._open, "the end of all connections")
            for _ in range(200):  # the loop turns for each, so that what was ended is over
                asked(urlsplit(url).port, closing())
                left = alive(RequestResponseCycle, protocol, HttpRequestParser) - before
                if left <= 2:
                    break
            assert left <= 2
        finally:
            gc.enable()


def test_who_does_not_take_the_answer_is_cut_off():
    class Hasty(bounds()):
        whole_seconds = 0.5

    ended = []

    async def large(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        ended.append(True)

    with serving(large, Hasty) as url, line_to(urlsplit(url).port) as line:
        line.sendall(closing())
        until(lambda: ended, "the end of an answer that nobody reads")
        assert len(heard(line)) < 1000 * 65536
