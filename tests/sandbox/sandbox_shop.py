"""A shop that uses the sandbox over real HTTP, and a receiver of its webhooks."""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests
from waiting import HANG_SECONDS, until

from billing.sandbox import defaults


class Shop:
    """A merchant's side of the sandbox, and its control interface."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {defaults.SECRET_KEY}"

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.http.request(method, self.url + path, timeout=HANG_SECONDS, allow_redirects=False, **more)

    def first_body(self, **changes: Any) -> dict[str, Any]:
        body = {
            "source": {"type": "kakaopay"},
            "amount": 12900,
            "currency": "KRW",
            "reference": "first-1",
            "payment_type": "Recurring",
            "capture": True,
            "processing_channel_id": defaults.PROCESSING_CHANNEL_ID,
            "processing": {"terminal_type": "WEB"},
            "success_url": "https://shop.test/ok?order=1",
            "failure_url": "https://shop.test/ko",
            "customer": {"email": "Kim@Example.test", "name": "Kim"},
            "items": [{"name": "Tea", "unit_price": 12900, "quantity": 1}],
        }
        return {name: value for name, value in (body | changes).items() if value is not None}

    def later_body(self, source_id: str, **changes: Any) -> dict[str, Any]:
        body = {
            "source": {"type": "id", "id": source_id},
            "amount": 12900,
            "currency": "KRW",
            "reference": "later-1",
            "payment_type": "Recurring",
            "processing_channel_id": defaults.PROCESSING_CHANNEL_ID,
        }
        return {name: value for name, value in (body | changes).items() if value is not None}

    def post(self, body: object, key: str | None = None, **more: Any) -> requests.Response:
        headers = {} if key is None else {"Cko-Idempotency-Key": key}
        return self.call("POST", "/payments", json=body, headers=headers, **more)

    def first(self, **changes: Any) -> dict[str, Any]:
        answer = self.post(self.first_body(**changes))
        assert answer.status_code == 202, answer.text
        return answer.json()

    def enrolled(self, **changes: Any) -> str:
        """A source whose first payment was agreed to and captured."""
        first = self.first(**changes)
        self.agree(first)
        return first["source"]["id"]

    def later(self, source_id: str, **changes: Any) -> dict[str, Any]:
        answer = self.post(self.later_body(source_id, **changes))
        assert answer.status_code == 202, answer.text
        return answer.json()

    def agree(self, payment: dict[str, Any]) -> requests.Response:
        return self.press(payment, "agree")

    def press(self, payment: dict[str, Any], button: str) -> requests.Response:
        path = payment["_links"]["redirect"]["href"].removeprefix(self.url)
        return self.call("POST", f"{path}/{button}")

    def get(self, payment: dict[str, Any]) -> dict[str, Any]:
        return self.call("GET", f"/payments/{payment['id']}").json()

    def status(self, payment: dict[str, Any]) -> str:
        return self.get(payment)["status"]

    def actions(self, payment: dict[str, Any]) -> list[dict[str, Any]]:
        return self.call("GET", f"/payments/{payment['id']}/actions").json()

    def refund(self, payment: dict[str, Any], **body: Any) -> requests.Response:
        return self.call("POST", f"/payments/{payment['id']}/refunds", json=body)

    def control(self, method: str, path: str, body: object = None) -> Any:
        answer = self.call(method, f"/_sandbox/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ledger(self) -> list[dict[str, Any]]:
        return self.control("GET", "payments")

    def faults(self, **wanted: Any) -> None:
        self.control("PUT", "faults", wanted)

    def script(self, key: str, **wanted: Any) -> None:
        self.control("PUT", f"wallets/{key}", wanted)

    def at(self, instant: str | None) -> dict[str, Any]:
        return self.control("PUT", "clock", {"now": instant})

    def drain(self) -> dict[str, Any]:
        return self.control("POST", "drain")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # many deliveries come at once


class Receiver:
    """A webhook endpoint: remembers what came, answers what ``answers`` says and then 200, but not before ``until``."""

    def __init__(self) -> None:
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.until: Callable[[], object] = lambda: True
        self.busy = self.busy_max = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.came.append((dict(self.headers), body))
                receiver.busy += 1
                receiver.busy_max = max(receiver.busy, receiver.busy_max)
                with suppress(AssertionError):
                    until(receiver.until)
                receiver.busy -= 1
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Location", receiver.url)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"
        threading.Thread(target=lambda: self.server.serve_forever(poll_interval=0.01), daemon=True).start()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.came]

    @property
    def types(self) -> list[str]:
        return [event["type"].removeprefix("payment_") for event in self.events]
