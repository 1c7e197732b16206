"""The endpoint of a shop, over real HTTP: it takes events, when it is not failing, hanging or dead."""

import json
import threading
from collections import Counter
from contextlib import suppress
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from waiting import HANG_SECONDS


class Mood(StrEnum):
    WELL = "well"
    FAILS = "fails"
    HANGS = "hangs"
    """It takes the request and says nothing, for as long as the sender waits."""
    SWALLOWS = "swallows"
    """It takes the event, and hangs up without an answer."""
    DEAD = "dead"
    """Nobody listens."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Shop:
    """``with Shop() as shop``: ``taken`` are the events that it answered with 2xx, by their ``webhook-id``."""

    def __init__(self) -> None:
        self.secret = ""
        self.taken: dict[str, dict[str, Any]] = {}
        self.wrong: list[str] = []
        """What no receiver should ever get: a bad signature, or two bodies under one id."""
        self.came: Counter[Mood] = Counter()
        self._mood = Mood.WELL
        self._bodies: dict[str, str] = {}
        self._changed = threading.Condition()
        self._port = 0

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.be(Mood.DEAD)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/billing"

    @property
    def mood(self) -> Mood:
        return self._mood

    def be(self, mood: Mood) -> None:
        """Be in another mood; what hung is let go without an answer."""
        was, self._mood = self._mood, mood
        with self._changed:
            self._changed.notify_all()
        if mood is Mood.DEAD and was is not Mood.DEAD:
            self._server.shutdown()
            self._server.server_close()
        elif was is Mood.DEAD and mood is not Mood.DEAD:
            self._listen()

    def _listen(self) -> None:
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status = shop._take({name.lower(): value for name, value in self.headers.items()}, body)
                with suppress(OSError):  # the sender was killed
                    if status is None:
                        self.close_connection = True
                        return
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def _take(self, headers: dict[str, str], body: str) -> int | None:
        """Return the status to answer with, or None to hang up."""
        mood = self._mood
        self.came[mood] += 1
        ident = headers.get("webhook-id", "")
        try:
            Webhook(self.secret).verify(body, headers)
        except WebhookVerificationError as error:
            self.wrong.append(f"{ident}: {error}")
            return 401
        if self._bodies.setdefault(ident, body) != body:
            self.wrong.append(f"{ident} came with two bodies")
        if mood is Mood.HANGS:
            with self._changed:
                self._changed.wait_for(lambda: self._mood is not Mood.HANGS, timeout=HANG_SECONDS)
            return None
        if mood is Mood.FAILS:
            return 500
        if mood is Mood.SWALLOWS:
            return None
        self.taken[ident] = json.loads(body)
        return 200
