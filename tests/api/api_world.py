"""An API over real HTTP: uvicorn in a thread, the sandbox behind it, a clock that all of them live by."""

import hashlib
import hmac
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI
from harness import World
from prometheus_client import CollectorRegistry
from waiting import HANG_SECONDS

from billing.bootstrap import facts_of
from billing.config.settings import SANDBOX_API_KEY, SANDBOX_WEBHOOK_KEY, Settings
from billing.entrypoints.api.app import create_app
from billing.entrypoints.api.callers import TRUSTED_SECONDS
from billing.entrypoints.api.connections import MOST_CONNECTIONS, Connections
from billing.entrypoints.api.desk import Desk
from billing.entrypoints.api.edge import Edge
from billing.entrypoints.api.protocol import BoundedProtocol, bounded
from billing.entrypoints.api.rejections import Rejections
from billing.entrypoints.api.return_looks import Looks
from billing.entrypoints.ready import why_not_ready
from billing.entrypoints.refreshed import Refreshed
from billing.store.binding import bind
from billing.store.installation import set_clock
from billing.store.settled_events import SettledEvents

BARE_ID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
"""How rows name things; the outside never sees it."""
WEBHOOK_PATH = "/webhooks/checkout"
SILENT: dict[str, Any] = {"log_config": None, "log_level": "critical", "access_log": False}
NO_ENGINE: Any = None
APP = {"success_url": "http://127.0.0.1/done?from=app", "failure_url": "http://127.0.0.1/failed"}


def wanted(**changes: Any) -> dict[str, Any]:
    """A request for an enrolment; a change to None takes the field out."""
    body = {
        "plan": "basic",
        "customer_reference": "cust-kim",
        "name": "김철수",
        "email": "kim@example.test",
        "terminal_type": "WEB",
        **APP,
    }
    return {name: value for name, value in (body | changes).items() if value is not None}


def event(number: int = 1, **changes: Any) -> bytes:
    body = {"id": f"evt_{number}", "type": "payment_captured", "data": {"id": f"pay_{number}", "action_id": "act_1"}}
    return json.dumps(body | changes).encode()


def signed(body: bytes, key: str = SANDBOX_WEBHOOK_KEY) -> dict[str, str]:
    signature = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return {"Cko-Signature": signature, "Content-Type": "application/json"}


@dataclass
class Api:
    """The API as a client sees it, and the world behind it."""

    world: World
    settings: Settings
    url: str
    http: httpx2.Client

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        if body is not None:
            more["json"] = body
        answer = self.http.request(method, path, **more)
        assert not BARE_ID.search(answer.text), answer.text
        return answer

    def post(self, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        return self.call("POST", path, body, **more)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, answer: httpx2.Response, status: int, code: str) -> str:
        """Check that an answer is this problem, in the one shape, and return its sentence."""
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["code"] == code, problem
        assert problem["type"] == f"urn:kakaopay-billing:problem:{code}"
        assert problem["status"] == status
        assert problem["title"]
        assert problem["request_id"] == answer.headers["x-request-id"]
        return problem["detail"]

    def enrol(self, **changes: Any) -> dict[str, Any]:
        answer = self.post("/v1/subscriptions", wanted(**changes))
        assert answer.status_code == 201, answer.text
        return answer.json()

    def come_back(self, redirect_url: str, button: str = "agree") -> httpx2.Response:
        """Press a button in the wallet and follow the link back to the API."""
        return self.http.get(self.agree(redirect_url, button))

    def agree(self, redirect_url: str, button: str = "agree") -> str:
        """Press a button in the wallet; return the link back to the API."""
        return str(self.world.http.post(f"{redirect_url}/{button}").headers["location"])

    def subscribe(self, **changes: Any) -> str:
        """Enrol, agree in the wallet, come back; return the id of the active subscription."""
        made = self.enrol(**changes)
        assert self.come_back(made["redirect_url"]).status_code == 303
        return made["id"]

    def subscription(self, subscription_id: str) -> dict[str, Any]:
        return self.get(f"/v1/subscriptions/{subscription_id}")

    def charge_of(self, subscription_id: str) -> str:
        """Return the first charge of the newest invoice."""
        [invoice, *_] = self.data("/v1/invoices", subscription_id=subscription_id)
        return invoice["charge_ids"][0]

    def data(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Return what a list of one page holds."""
        page = self.get(path, **query)
        assert (page["object"], page["has_more"], page["next_cursor"]) == ("list", False, None)
        return page["data"]

    def go_to(self, instant: Any) -> None:
        self.world.go_to(instant)
        self.set_clock()

    def sweep_at(self, instant: Any) -> None:
        self.go_to(instant)
        self.world.sweep()

    def set_clock(self) -> None:
        with self.world.engine.database.transaction() as tx:
            set_clock(tx, self.world.now)

    def webhook(self, body: bytes, headers: dict[str, str] | None = None) -> httpx2.Response:
        request = httpx2.Request(
            "POST", self.url + WEBHOOK_PATH, content=body, headers=signed(body) if headers is None else headers
        )
        return self.http.send(request)


def rejections() -> Rejections:
    return Rejections(CollectorRegistry())


def bounds(most: int = MOST_CONNECTIONS, told: Rejections | None = None) -> type[BoundedProtocol]:
    """The protocol of the API, with counts of its own."""
    told = told or rejections()
    return bounded(Connections(most, told, CollectorRegistry()), told)


def edge(app: Any) -> Edge:
    return Edge(app, always_tls=True, rejections=rejections())


@contextmanager
def serving(app: Any, http: type[BoundedProtocol] | None = None) -> Iterator[str]:
    """Serve an app on a free port, over the protocol the API has, and yield its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", ws="none", server_header=False, http=http or bounds(), **SILENT)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@contextmanager
def client(url: str, **more: Any) -> Iterator[httpx2.Client]:
    """A client that trusts nobody: reading the certificates of the world takes longer than most tests."""
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with httpx2.Client(base_url=url, verify=nobody, timeout=HANG_SECONDS, **more) as http:
        yield http


class Served:
    """An app behind a port, at which one world after another can be put."""

    def __init__(self, app: FastAPI, settings: Settings, url: str, http: httpx2.Client) -> None:
        self.app, self.settings, self.url, self.http = app, settings, url, http

    def put(self, world: World) -> Api:
        world.with_rules(public_url=self.url)
        world.engine = replace(world.engine, actor="api")
        database = world.engine.database
        with database.transaction() as tx:
            bind(tx, facts_of(self.settings))
        self.app.state.desk = Desk(self.settings, world.engine)
        self.app.state.settled_events = SettledEvents()
        self.app.state.ready.refresh()
        self.app.state.return_looks = Looks()  # a fresh world has the links of the one before it
        made = Api(world, self.settings, self.url, self.http)
        made.set_clock()
        return made


@contextmanager
def served_api(*, key_seconds: float = TRUSTED_SECONDS, **sections: Any) -> Iterator[Served]:
    settings = Settings(**sections)
    app = create_app(settings, NO_ENGINE, key_seconds=key_seconds)
    # Nobody refreshes it here but who puts another database behind the API, so it must not grow old either.
    app.state.ready = Refreshed(lambda: why_not_ready(settings, app.state.desk.engine), clock=lambda: 0.0)
    with serving(app) as url, client(url, headers={"Authorization": f"Bearer {SANDBOX_API_KEY}"}) as http:
        yield Served(app, settings, url, http)
        app.state.key_ring.write_uses()
