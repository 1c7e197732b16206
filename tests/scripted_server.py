"""A gateway made of a plain socket: it reads one request at a time and does what its script says next."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

Script = Callable[["Line"], None]


@dataclass
class Request:
    """One request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Line:
    """An accepted connection, and the request that was read from it (None when the script reads none)."""

    socket: socket.socket
    stopped: threading.Event
    request: Request | None = None

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def cut(self) -> None:
        """End the connection in good order."""
        self.socket.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """End it with a TCP reset, as a machine that dies does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


@dataclass(frozen=True)
class Before:
    """A script that begins before the request is read."""

    script: Script


@dataclass
class ScriptedServer:
    """``with ScriptedServer() as server``; each request takes the next script, the last one stays for ever."""

    scripts: list[Script | Before] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    accepted: int = 0
    open_now: int = 0
    most_at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _lines: list[socket.socket] = field(default_factory=list)
    _in_hand: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, name="scripted-server", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._listener.close()
        with self._lock:
            for line in self._lines:
                _close(line)

    def plays(self, *scripts: Script | Before) -> Self:
        """Forget what was; from now on follow these scripts."""
        with self._lock:
            self.scripts, self.requests = list(scripts), []
            self.accepted = self.most_at_once = 0
        return self

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._lines.append(line)
                self.accepted += 1
                self.open_now += 1
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not self._stopped.is_set() and self._one(line):
                pass
        except OSError:
            pass
        finally:
            _close(line)
            with self._lock:
                self.open_now -= 1

    def _one(self, line: socket.socket) -> bool:
        """Serve one request; say whether the connection is still of use."""
        with self._lock:
            upcoming = self.scripts[0] if self.scripts else None
        if isinstance(upcoming, Before):
            self._take()
            upcoming.script(Line(line, self._stopped))
            return False
        request = read_request(line)
        if request is None:
            return False
        with self._lock:
            self.requests.append(request)
            self._in_hand += 1
            self.most_at_once = max(self.most_at_once, self._in_hand)
        try:
            script = self._take()
            assert not isinstance(script, Before), "a connection is needed for each script that reads nothing"
            script(Line(line, self._stopped, request))
        finally:
            with self._lock:
                self._in_hand -= 1
        return line.fileno() != -1

    def _take(self) -> Script | Before:
        with self._lock:
            return self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]


def read_request(line: socket.socket) -> Request | None:
    """Read one whole request, or None when the other side has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = line.recv(65_536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in rest)}
    while len(body) < int(headers.get("content-length", "0")):
        body += line.recv(65_536)
    return Request(method, path, headers, body, time.monotonic())


# --- what a script may be -------------------------------------------------------------------------


def answer(status: int, body: object = b"", headers: Iterable[tuple[str, str]] = (), *, after: float = 0) -> Script:
    """Answer with a status and a body: bytes as they are, anything else as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def script(line: Line) -> None:
        if after:
            line.stopped.wait(after)
        line.send(head(status, [("Content-Length", str(len(raw))), *headers]) + raw)

    return script


def head(status: int, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status} As Written\r\n{lines}\r\n".encode("latin-1")


def raw(data: bytes, *, then_cut: bool = True) -> Script:
    """Send bytes that need not be HTTP."""

    def script(line: Line) -> None:
        line.send(data)
        if then_cut:
            line.cut()

    return script


def cut(line: Line) -> None:
    """Read the whole request and end the connection without a word."""
    line.cut()


def reset(line: Line) -> None:
    """Read the whole request and die."""
    line.reset()


def hang(line: Line) -> None:
    """Read the whole request and say nothing, until the other side goes."""
    line.socket.recv(1)


def truncated(status: int, body: bytes) -> Script:
    """Promise a whole body, send half of it, end the connection."""
    return raw(head(status, [("Content-Length", str(len(body)))]) + body[: len(body) // 2])


def drip(status: int, body: bytes, *, every: float = 1.0) -> Script:
    """Send the answer byte by byte, one a second, so that every single read succeeds."""

    def script(line: Line) -> None:
        line.send(head(status, [("Content-Length", str(len(body)))]))
        for at in range(len(body)):
            line.send(body[at : at + 1])
            if line.stopped.wait(every):
                return

    return script


def drip_headers(line: Line) -> None:
    """Never come to the end of the headers."""
    line.send(b"HTTP/1.1 202 Accepted\r\n")
    for number in range(10_000):
        line.send(f"X-{number}: y\r\n".encode())
        if line.stopped.wait(0.02):
            return


def endless(status: int) -> Script:
    """Send spaces for ever, which JSON allows before a value."""

    def script(line: Line) -> None:
        line.send(head(status, [("Transfer-Encoding", "chunked")]))
        chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
        while not line.stopped.is_set():
            line.send(chunk)

    return script


def _close(line: socket.socket) -> None:
    with suppress(OSError):
        line.close()
