"""An endpoint as a SaaS backend has one, over real HTTP; and a courier with a clock that can be moved."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook
from waiting import HANG_SECONDS

from billing.bootstrap import make_vault
from billing.config.settings import Settings
from billing.operations.courier import Courier
from billing.operations.webhook_endpoints import create_endpoint
from billing.outbox.addresses import networks_of
from billing.outbox.sender import Sender

VAULT = make_vault(Settings())
LOOPBACK = networks_of(["127.0.0.0/8"])


@dataclass
class Request:
    headers: dict[str, str]
    body: str

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """Read it as the library of Standard Webhooks does, which raises unless it is authentic."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """Answers with ``status``, after ``wait`` seconds or when it is let go; ``requests`` is what came."""

    url: str = ""
    status: int = 200
    answer: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0
    let_go: threading.Event = field(default_factory=threading.Event)
    """Ends the wait of every request."""
    hung_up: int = 0
    """Answers that the sender did not read to their end."""
    requests: list[Request] = field(default_factory=list)
    on_arrival: Callable[[], None] = lambda: None

    @property
    def ids(self) -> list[str]:
        return [each.headers["webhook-id"] for each in self.requests]

    @property
    def types(self) -> list[str]:
        return [each.event["type"] for each in self.requests]


@contextmanager
def receiving(waiting: int = 128) -> Iterator[Receiver]:
    """Receive; so many connections may wait to be accepted."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            receiver.requests.append(Request({name.lower(): value for name, value in self.headers.items()}, body))
            receiver.on_arrival()
            receiver.let_go.wait(receiver.wait)
            try:
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(receiver.answer)))
                self.end_headers()
                self.wfile.write(receiver.answer)
            except OSError:
                receiver.hung_up += 1

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = waiting

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hooks"
    yield receiver
    receiver.let_go.set()
    server.shutdown()
    thread.join()
    server.server_close()


class Clock:
    """The machine's time, as far ahead as it was moved."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Post:
    """Endpoints of a world's engine, and a courier for them."""

    world: Any
    clock: Clock = field(default_factory=Clock)
    deadline: float = HANG_SECONDS

    def endpoint(self, receiver: Receiver, **more: Any) -> Any:
        engine = self.world.engine
        return create_endpoint(engine, VAULT, receiver.url, is_live=False, allowed=LOOPBACK, now=self.clock(), **more)

    def carry(self, **later: float) -> None:
        """Let the courier do all that is due, now or so much later."""
        self.clock.ahead += timedelta(**later)

        async def carry() -> None:
            async with Sender(LOOPBACK, deadline=self.deadline) as sender:
                await self.courier(sender).carry_all()

        asyncio.run(carry())

    def courier(self, sender: Any) -> Courier:
        return Courier(self.world.engine, VAULT, sender, self.clock)

    def deliveries(self) -> list[dict[str, Any]]:
        return self.world.rows("SELECT * FROM webhook_delivery ORDER BY event_id, endpoint_id")

    def states(self) -> list[str]:
        return [each["state"] for each in self.deliveries()]
