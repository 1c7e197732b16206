"""HTTP/1.1 as the API takes it: every head, URL, pipeline and wait of a connection is bounded.

uvicorn with httptools bounds none of these. What it lacks is here and nowhere else; it leans on uvicorn's own
callbacks, so :data:`KNOWN_SERVERS` names the versions it was read against and tested with.
"""

import asyncio
import json
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from billing.entrypoints.api.connections import Connections
from billing.entrypoints.api.problems import MEDIA_TYPE, details, status_of
from billing.entrypoints.api.rejections import Rejected, Rejections

KNOWN_SERVERS: Final = {"uvicorn": "0.54", "httptools": "0.9"}
MOST_HEAD_BYTES: Final = 32 * 1024
MOST_FIELDS: Final = 100
MOST_URL_BYTES: Final = 8 * 1024
MOST_PIPELINED: Final = 4
"""Requests that wait behind the one that is worked on. One more ends the connection after these."""
_LINGER_SECONDS: Final = 1.0
"""So long what a refused client still sends is thrown away: cut off at once, it might never see why."""


@dataclass(frozen=True, slots=True)
class _Wrong:
    kind: Rejected
    code: str
    detail: str


_UNREADABLE: Final = _Wrong(Rejected.UNREADABLE, "bad_request", "the request cannot be read as HTTP")
_NO_HOST: Final = _Wrong(Rejected.NO_HOST, "bad_request", "the request must have the header Host once")
_TOO_LARGE: Final = _Wrong(
    Rejected.HEAD_TOO_LARGE,
    "headers_too_large",
    f"a request may have {MOST_FIELDS} headers, and {MOST_HEAD_BYTES} bytes of them",
)
_URL_TOO_LONG: Final = _Wrong(
    Rejected.URL_TOO_LONG, "url_too_long", f"path and query may have {MOST_URL_BYTES} bytes together"
)
_PIPELINED: Final = _Wrong(
    Rejected.PIPELINED, "too_many_requests", f"at most {MOST_PIPELINED + 1} requests may be under way on a connection"
)


class _Refused(Exception):
    """Ends the parser's work on what has arrived."""


class BoundedProtocol(HttpToolsProtocol):
    """A connection that ends where a client sends too much, too slowly or what cannot be read; see :func:`bounded`.

    Answers may take long, but the client must take them: who does not read is cut off, too.
    """

    head_seconds: ClassVar[float] = 10.0
    """From the connection, or the first byte of a further request, to the end of the headers."""
    whole_seconds: ClassVar[float] = 25.0
    """From the end of the headers to the end of the body; and without a byte of an answer taken."""
    all_connections: ClassVar[Connections]
    rejections: ClassVar[Rejections]

    _deadline: asyncio.TimerHandle | None = None
    _reading_deadline: asyncio.TimerHandle | None = None
    _wrong: _Wrong | None = None
    """Why nothing more is read on this connection."""
    _in_head = True
    _in_body = False
    _fields = _head_bytes = 0
    _between_bodies = 0
    """Bytes since the last piece of a body or the last end of a head: of a head, of trailers, or of nothing."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_within(self.head_seconds)
        self.all_connections.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.all_connections.closed(self)
        self._expect_nothing()
        self.resume_writing()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        # Requests that were never begun point at the connection, and it at them: without this they would be garbage
        # that only a look through all objects finds.
        for cycle, _ in self.pipeline:
            cycle.on_response = _nothing
        self.pipeline.clear()

    def give_way(self) -> None:
        """Close at once."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._wrong is not None:
            return
        self._unset_keepalive_if_required()
        self._between_bodies += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.cycle.keep_alive = False  # nothing is upgraded; the answer is HTTP/1.1, and the last
        except httptools.HttpParserError:
            self._refuse(self._wrong or _UNREADABLE)
        else:
            if self._between_bodies > MOST_HEAD_BYTES:
                self._refuse(_TOO_LARGE)
            elif self._deadline is None and not self._is_answering():
                self._expect_within(self.head_seconds)  # empty lines begin no request, and end no wait

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._fields, self._head_bytes = True, 0, 0
        self._expect_within(self.head_seconds)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MOST_URL_BYTES:
            self._stop(_URL_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        self._head_bytes += len(name) + len(value) + len(b": \r\n")
        if self._fields > MOST_FIELDS or self._head_bytes + len(self.url) > MOST_HEAD_BYTES:
            self._stop(_TOO_LARGE)
        if self._in_head:  # a trailer is no header (RFC 9110, 6.5.1)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            self._stop(_UNREADABLE)
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            self._stop(_NO_HOST)
        if len(self.pipeline) >= MOST_PIPELINED:
            self._stop(_PIPELINED)
        self._in_head, self._in_body = False, True
        self._between_bodies = 0
        super().on_headers_complete()
        self._expect_within(self.whole_seconds)

    def on_body(self, body: bytes) -> None:
        self._between_bodies = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        self._between_bodies = 0
        super().on_message_complete()
        self._expect_nothing()
        if self._is_answering():
            self.all_connections.busy(self)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._is_answering():
            self.all_connections.silent(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading_deadline = self.loop.call_later(self.whole_seconds, self._too_slow)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reading_deadline is not None:
            self._reading_deadline.cancel()
            self._reading_deadline = None

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _stop(self, wrong: _Wrong) -> None:
        self._wrong = wrong
        raise _Refused

    def _refuse(self, wrong: _Wrong) -> None:
        """Read no more; say why if it is this client's turn to hear something, and close."""
        self._wrong = wrong
        self.rejections.note(wrong.kind)
        if self._is_answering() and not self._in_body:
            self.cycle.keep_alive = False  # what was asked for before is answered first, and the last answer closes
            return
        if self._is_answering():
            was_begun = self.cycle.response_started or bool(self.pipeline)
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if was_begun:
                self.transport.close()
                return
        self.transport.write(_answer(wrong))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._expect_within(_LINGER_SECONDS)

    def _expect_within(self, seconds: float) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(seconds, self._too_slow)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        if self._wrong is None:
            self.rejections.note(Rejected.TOO_SLOW)
        self.transport.abort()


def bounded(connections: Connections, told: Rejections) -> type[BoundedProtocol]:
    """Return the protocol of a server that counts its connections there, and tells there what it turns away."""

    class Bounded(BoundedProtocol):
        all_connections = connections
        rejections = told

    return Bounded


def _nothing() -> None:
    """Do nothing."""


def _answer(wrong: _Wrong) -> bytes:
    body = json.dumps(details(wrong.code, wrong.detail, request_id := secrets.token_hex(8))).encode()
    status = HTTPStatus(status_of(wrong.code))
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
        f"X-Request-Id: {request_id}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
