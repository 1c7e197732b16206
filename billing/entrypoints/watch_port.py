"""The port on which a daemon tells how it is: /metrics, /healthz and /readyz, by the standard library's server."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

log = structlog.get_logger()
PORTS_TRIED: Final = 10
_REQUEST_SECONDS: Final = 10
MOST_AT_ONCE: Final = 16
"""Connections, each of which has a thread. One more is closed."""
Question = Callable[[], str | None]
"""Answers None when all is well, else why it is not, in words."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 16

    def __init__(
        self, address: tuple[str, int], registry: CollectorRegistry, why_unhealthy: Question, why_not_ready: Question
    ) -> None:
        super().__init__(address, _Handler)
        self.registry = registry
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        self.questions = {
            "/healthz": ("up", "unhealthy", why_unhealthy),
            "/readyz": ("ready", "not_ready", why_not_ready),
        }

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection on a thread of its own, if there is a place for it."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection, and give its place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, _request: object, _client_address: object) -> None:
        """Say nothing: a client that hangs up is no news, and the default would print a trace."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _REQUEST_SECONDS

    def version_string(self) -> str:
        """Return what the Server header says: not which Python this is."""
        return "billing"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self.server.registry))
            return
        if path not in self.server.questions:
            self._tell(404, {"status": "not_found", "why": "there is /metrics, /healthz and /readyz"})
            return
        well, ill, ask = self.server.questions[path]
        why = ask()
        self._tell(200, {"status": well}) if why is None else self._tell(503, {"status": ill, "why": why})

    def _tell(self, status: int, told: dict[str, str]) -> None:
        self._answer(status, "application/json", json.dumps(told).encode())

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_parts: object) -> None:
        """Say nothing: who scrapes every few seconds would fill the log."""


@contextmanager
def watch_port(
    host: str, port: int, registry: CollectorRegistry, why_unhealthy: Question, why_not_ready: Question
) -> Iterator[str | None]:
    """Serve on the first free of :data:`PORTS_TRIED` ports from ``port``, in a thread; yield the URL.

    ``port`` 0 serves nothing. Where no port is free that is logged and nothing is served: a daemon must charge
    even when nobody can watch it.
    """
    server = _listen(host, port, registry, why_unhealthy, why_not_ready) if port else None
    if server is None:
        yield None
        return
    thread = threading.Thread(target=server.serve_forever, name="watch-port", daemon=True)
    thread.start()
    url = f"http://{host if ':' not in host else f'[{host}]'}:{server.server_address[1]}"
    log.info("watch_port_open", url=url)
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _listen(
    host: str, port: int, registry: CollectorRegistry, why_unhealthy: Question, why_not_ready: Question
) -> _Server | None:
    for tried in range(port, port + PORTS_TRIED):
        try:
            return _Server((host, tried), registry, why_unhealthy, why_not_ready)
        except OSError as error:
            why = type(error).__name__ if error.strerror is None else error.strerror
    log.warning("watch_port_not_open", host=host, first=port, last=port + PORTS_TRIED - 1, why=why)
    return None
