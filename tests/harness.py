"""A small world for stories: an engine, the sandbox, and a clock that both live by."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx2
from sqlalchemy import text
from waiting import HANG_SECONDS

from billing.bootstrap import make_gateway, make_rules
from billing.config.settings import SANDBOX_SECRET_KEY, SANDBOX_WEBHOOK_KEY, GatewaySection, Settings
from billing.gateway.webhooks import WebhookKeys, read_webhook, sign
from billing.operations.customers import Subscriber
from billing.operations.engine import Engine, Rules, Tally
from billing.operations.enrol_subscriber import enrol_subscriber
from billing.operations.first_charges import Enrolment, Terminal
from billing.operations.plans import apply_plans
from billing.operations.run_due import run_due
from billing.operations.set_up import migrate
from billing.operations.webhooks import receive_webhooks
from billing.store.database import Database
from billing.store.due import kinds_due
from billing.store.reports import next_due_instant
from plans.catalog import DEFAULT_LIMITS, read_catalog

KST = ZoneInfo("Asia/Seoul")
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading the real ones takes 45 ms, and nothing here is TLS
START = datetime(2027, 1, 31, 3, 0, tzinfo=UTC)  # 31 January, noon in Seoul
ANSWER_SECONDS = 10.0  # an engine that waits for less takes a busy machine for a gateway in trouble
WEB = Terminal("WEB", None, "http://127.0.0.1/ok", "http://127.0.0.1/failed")
PLANS = """
[[plans]]
code = "basic"
name = "베이직"
amount = 9900
currency = "KRW"
interval = "month"

[[plans]]
code = "yearly"
name = "연간"
amount = 99000
currency = "KRW"
interval = "year"

[[plans]]
code = "daily"
name = "하루"
amount = 500
currency = "KRW"
interval = "day"

[[plans]]
code = "weekly"
name = "주간"
amount = 3000
currency = "KRW"
interval = "week"

[[plans]]
code = "trial"
name = "체험"
amount = 9900
currency = "KRW"
interval = "month"
trial_days = 30
"""


def kst(text_: str) -> datetime:
    """Return the UTC instant of a wall-clock time in Seoul: ``kst("2027-03-01 10:00")``."""
    return datetime.fromisoformat(text_).replace(tzinfo=KST).astimezone(UTC)


@dataclass
class World:
    """What stories are told with. ``now`` is engine time and sandbox time at once."""

    engine: Engine
    http: httpx2.Client
    now: datetime
    tallies: list[Tally] = field(default_factory=list)

    # --- the outside -------------------------------------------------------------------------

    def sandbox(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.http.request(method, f"/_sandbox/{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def faults(self, **faults: Any) -> None:
        self.sandbox("PUT", "faults", faults)

    def wallet(self, email: str, **written: Any) -> None:
        self.sandbox("PUT", f"wallets/{email}", written)

    def payments(self, **query: str) -> list[dict[str, Any]]:
        answer = self.http.get("/_sandbox/payments", params=query)
        return answer.json()

    def captured(self) -> list[dict[str, Any]]:
        return [payment for payment in self.payments() if payment["captured"] > payment["refunded"]]

    def agree(self, redirect_url: str) -> httpx2.Response:
        return self.http.post(f"{redirect_url}/agree")

    def reject(self, redirect_url: str) -> httpx2.Response:
        return self.http.post(f"{redirect_url}/reject")

    def post_again(self, reference: str) -> str:
        """Charge the wallet once more under a reference, as a gateway gone wrong or a restored copy would."""
        source = self.rows("SELECT gateway_source_id FROM source ORDER BY created_at")[0]["gateway_source_id"]
        body = {
            "source": {"type": "id", "id": source},
            "amount": 9900,
            "currency": "KRW",
            "payment_type": "Recurring",
            "reference": reference,
            "processing_channel_id": "pc_kakaosandboxkakaosandbox22",
            "customer": {"email": email("kim"), "name": "kim"},
            "shipping": {"address": {"country": "KR"}},
            "items": [{"name": "basic", "reference": "basic", "quantity": 1, "unit_price": 9900}],
        }
        return str(self.post("/payments", body)["id"])

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask the gateway for something past the engine, as its dashboard or a restored copy would."""
        answer = self.http.post(path, json=body, headers=signed_in(str(uuid4())))
        assert answer.status_code in (201, 202), answer.text
        told: dict[str, Any] = answer.json()
        return told

    # --- time --------------------------------------------------------------------------------

    def go_to(self, instant: datetime | str) -> None:
        """Move both clocks; what is due in the sandbox happens, what is due in the engine does not yet."""
        self.now = kst(instant) if isinstance(instant, str) else instant
        self.sandbox("PUT", "clock", {"now": self.now.isoformat()})

    def sweep(self) -> Tally:
        tally = run_due(self.engine, now=self.now)
        self.tallies.append(tally)
        return tally

    def sweep_at(self, instant: datetime | str) -> Tally:
        self.go_to(instant)
        return self.sweep()

    def wait(self, **duration: float) -> Tally:
        return self.sweep_at(self.now + timedelta(**duration))

    def live_through(self, until: datetime | str, step: timedelta = timedelta(minutes=30)) -> None:
        """Sweep every ``step`` up to an instant, skipping steps at which nothing can be due."""
        end = kst(until) if isinstance(until, str) else until
        while self.now < end:
            due = self.next_due()
            ahead = self.now + step
            if due is not None and due > ahead and not self.is_due():
                ahead += step * ((due - ahead) // step)
            self.sweep_at(min(end, ahead) if due is not None or self.is_due() else end)

    def next_due(self) -> datetime | None:
        """Return the earliest instant at which the engine or the sandbox has something to do."""
        told = self.sandbox("GET", "clock")["next"]
        instants = [datetime.fromisoformat(told)] if told else []
        with self.engine.database.snapshot() as tx:
            instants += [due for due in [next_due_instant(tx, self.now)] if due is not None]
        later = [instant for instant in instants if instant > self.now]
        return min(later) if later else None

    def is_due(self) -> bool:
        """Say whether the engine has something to do right now."""
        with self.engine.database.snapshot() as tx:
            return bool(kinds_due(tx, self.now))

    # --- acts --------------------------------------------------------------------------------

    def enrol(self, who: str = "kim", plan: str = "basic") -> Enrolment:
        """Ask for an enrolment; the subscriber has not been to the wallet yet."""
        subscriber = Subscriber(f"cust-{who}", who, email(who))
        return enrol_subscriber(self.engine, subscriber, plan, WEB, now=self.now)

    def subscribe(self, who: str = "kim", plan: str = "basic") -> UUID:
        """Enrol and agree in the wallet; the subscription is active when this returns."""
        made = self.enrol(who, plan)
        self.agree(str(made.redirect_url))
        self.wait(minutes=2)
        return made.subscription_id

    # --- what the database says --------------------------------------------------------------

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        with self.engine.database.snapshot() as tx:
            return [dict(row._mapping) for row in tx.execute(text(query), values)]

    def scalar(self, query: str, **values: Any) -> Any:
        with self.engine.database.snapshot() as tx:
            return tx.execute(text(query), values).scalar()

    def subscription(self, subscription_id: UUID | None = None) -> dict[str, Any]:
        rows = self.rows("SELECT * FROM subscription ORDER BY created_at")
        if subscription_id is None:
            return rows[-1]
        return next(row for row in rows if UUID(str(row["id"])) == subscription_id)

    def states(self, table: str) -> list[str]:
        order = "created_at, period_start" if table == "invoice" else "created_at, id"
        return [row["state"] for row in self.rows(f"SELECT state FROM {table} ORDER BY {order}")]

    def events(self, kind: str | None = None) -> Sequence[dict[str, Any]]:
        rows = self.rows("SELECT * FROM event ORDER BY id")
        return [row for row in rows if kind is None or row["type"] == kind]

    def with_rules(self, **changes: Any) -> None:
        self.engine = replace(self.engine, rules=replace(self.engine.rules, **changes))

    def state(self, subscription_id: UUID | None = None) -> str:
        return str(self.subscription(subscription_id)["state"])

    def calm(self, **duration: float) -> None:
        """End all faults and live on: two days, or the time given, are enough for whatever is open to end."""
        faults = self.sandbox("GET", "faults?describe=1")
        self.faults(**{name: None for name, each in faults.items() if each["value"] != each["default"]})
        self.live_through(self.now + timedelta(**(duration or {"days": 2})))

    # --- what the sandbox was asked ------------------------------------------------------------

    def sent(self, reference: str | None = None) -> list[dict[str, Any]]:
        """Return every ``POST /payments`` the sandbox saw, oldest first."""
        posts = [each for each in self.sandbox("GET", "requests") if each["method"] == "POST"]
        return [
            each
            for each in posts
            if each["path"] == "/payments" and (reference is None or each["reference"] == reference)
        ]


class Inbox:
    """Our webhook endpoint, as small as it can be: verify, store, 200. ``answer`` replaces the 200 and the storing."""

    def __init__(self, world: World) -> None:
        self.came: list[bytes] = []
        self.answer: int | None = None
        self.on_arrival: Callable[[], None] = lambda: None
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = inbox.answer or inbox.take(world, body, self.headers["Cko-Signature"])
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks"

    def take(self, world: World, body: bytes, signature: str | None) -> int:
        keys = WebhookKeys([SANDBOX_WEBHOOK_KEY])
        event = read_webhook(body, signature=signature, authorization=None, keys=keys)
        self.came.append(body)
        receive_webhooks(world.engine, [event], now=world.now)
        self.on_arrival()
        return 200

    def post(self, world: World, event: dict[str, Any]) -> int:
        """Take an event that is signed as the gateway signs, but that it never sent."""
        body = json.dumps(event).encode()
        return self.take(world, body, sign(body, SANDBOX_WEBHOOK_KEY))

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def open_inbox(world: World) -> Iterator[Inbox]:
    """Let the sandbox send its webhooks to an endpoint of the world's engine."""
    inbox = Inbox(world)
    world.sandbox("PUT", "webhooks", {"url": inbox.url})
    try:
        yield inbox
    finally:
        world.sandbox("PUT", "webhooks", {"url": None})
        inbox.close()


class Witness:
    """A gateway that looks over the engine's shoulder: what is sent was committed, and no transaction is open."""

    def __init__(self, gateway: Any, database: Database) -> None:
        self._gateway = gateway
        self._database = database
        self.after_create: Callable[[], None] = lambda: None

    def create_payments(self, requests: Sequence[Any], **when: Any) -> Any:
        with self._database.snapshot() as tx:  # raises if the caller's transaction is still open
            for request in requests:
                query = "SELECT state, idempotency_key FROM charge WHERE reference = :reference"
                row = tx.execute(text(query), {"reference": request.reference}).one()
                assert row.idempotency_key == request.idempotency_key
                # A subscriber who asks again for a lost link is sent on with the payment that is pending.
                assert row.state == "sending" or (request.present is not None and row.state == "pending")
        outcomes = self._gateway.create_payments(requests, **when)
        self.after_create()
        return outcomes

    def create_refunds(self, requests: Sequence[Any], **when: Any) -> Any:
        with self._database.snapshot() as tx:
            for request in requests:
                query = "SELECT state, idempotency_key FROM refund WHERE reference = :reference"
                row = tx.execute(text(query), {"reference": request.reference}).one()
                assert (row.state, row.idempotency_key) == ("sending", request.idempotency_key)
        return self._gateway.create_refunds(requests, **when)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)


def signed_in(key: str) -> dict[str, str]:
    """Return the headers of a call to the gateway by somebody else who has our secret key."""
    return {
        "Authorization": f"Bearer {SANDBOX_SECRET_KEY}",
        "User-Agent": "somebody-else/1.0",
        "Accept": "application/json",
        "Cko-Idempotency-Key": key,
    }


def email(who: str) -> str:
    return f"{who}@example.test"


@contextmanager
def fresh_world(
    sandbox_url: str, database: str | Database, rules: Rules | None = None, *, strict: bool = False
) -> Iterator[World]:
    """Reset the sandbox and yield a world at :data:`START` with the plans applied.

    ``strict``: the sandbox demands and withholds all that the real gateway may.
    """
    settings = _settings(sandbox_url, ANSWER_SECONDS)
    if isinstance(database, str):
        database = Database(database)
    gateway = make_gateway(settings)
    engine = Engine(database=database, gateway=gateway, rules=rules or make_rules(settings), actor="test")
    with httpx2.Client(base_url=sandbox_url, verify=NO_CERTIFICATES, timeout=HANG_SECONDS) as http:
        made = World(engine, http, START)
        made.sandbox("POST", "reset")
        if strict:
            made.sandbox("PUT", "profiles", {"strict": True})
        made.go_to(START)
        apply_plans(engine, read_catalog(PLANS, DEFAULT_LIMITS), now=START)
        try:
            yield made
        finally:
            gateway.close()
            database.dispose()


@contextmanager
def impatient(world: World, answer_seconds: float = 2.0) -> Iterator[None]:
    """Let the engine wait for an answer of the gateway for so many seconds only."""
    patient = world.engine
    with make_gateway(_settings(str(world.http.base_url), answer_seconds)) as gateway:
        world.engine = replace(patient, gateway=Witness(gateway, patient.database))
        yield
    world.engine = patient


def _settings(sandbox_url: str, answer_seconds: float) -> Settings:
    return Settings(gateway=GatewaySection(base_url=sandbox_url, answer_seconds=answer_seconds, writes_per_second=2000))


def migrated(url: str) -> None:
    """Bring the database at ``url`` to the newest schema."""
    database = Database(url)
    migrate(database, {"mode": "test"}, now=START)
    database.dispose()


def utc(value: Any) -> datetime:
    """Return an instant as a raw query gives it: text on SQLite, a datetime on PostgreSQL."""
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
