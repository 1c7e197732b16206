"""A whole story at the highest log level: what the processes say has ids, and no name, address, number or secret."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta

import httpx2
import pytest
from harness import START, fresh_world
from waiting import HANG_SECONDS, until

from billing.bootstrap import facts_of
from billing.config.source import read_settings
from billing.domain.api_keys import KeyMode
from billing.domain.roles import Role
from billing.entrypoints.demo.processes import free_port
from billing.operations.api_keys import create_key
from billing.sandbox.options import Options
from billing.sandbox.testing import SandboxServer
from billing.store.binding import bind
from billing.store.database import Database
from billing.store.due import is_quiet
from billing.store.installation import set_clock

CANARY = "canary7f3a"
NAME, EMAIL, PHONE = f"김{CANARY}", f"{CANARY}@example.test", "010-7777-8888"
WORDS = (CANARY, "7777-8888", "77778888", "Kim asked for it")
SECRETS = {
    "BILLING_SECRETS__GATEWAY_SECRET_KEY": f"sk_sbox_{CANARY}gatewaygatewaygateway",
    "BILLING_SECRETS__WEBHOOK_KEYS": f"webhook-{CANARY}-webhook",
    "BILLING_SECRETS__METRICS_KEY": f"metrics-{CANARY}-metrics",
}


class Story:
    def __init__(self, world, http, watch_url):
        self.world, self.http, self.watch_url = world, http, watch_url
        made = create_key(world.engine, "shop-backend", Role.ADMIN, KeyMode.TEST, now=START)
        self.secret = made.secret
        http.headers["Authorization"] = f"Bearer {made.secret}"

    def post(self, path, **body):
        return self.http.post(path, json=body)

    def go_to(self, instant):
        self.world.go_to(instant)
        with self.world.engine.database.transaction() as tx:
            set_clock(tx, instant)
        until(self.is_quiet, "the end of what is due", every=0.05)

    def is_quiet(self):
        with self.world.engine.database.snapshot() as tx:
            return is_quiet(tx, self.world.now)


@pytest.fixture
def file(tmp_path, sqlite_url):
    port = free_port()
    text = (
        f'[database]\nurl = "{sqlite_url}"\n[api]\nport = {port}\npublic_url = "http://127.0.0.1:{port}"\n'
        f"[daemon]\ntick_seconds = 0.1\nmetrics_port = {free_port() % 65_000}\n"
        '[gateway]\nbase_url = "SANDBOX"\nanswer_seconds = 10.0\n'
    )
    made = tmp_path / "config.toml"
    made.write_text(text, encoding="utf-8")
    return made


@contextmanager
def processes(file, folder):
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    running = []
    for name in ("api", "daemon"):
        command = [sys.executable, "-m", "billing.entrypoints.cli.main", "--config", str(file), name]
        command += ["--json", "--log-level", "debug"]
        with (folder / f"{name}.log").open("wb") as log:
            running.append(subprocess.Popen(command, env=kept | SECRETS, stdout=log, stderr=log))
    try:
        yield
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(timeout=HANG_SECONDS) for process in running] == [0, 0]


SAID_AT_THE_START = ("billing API on ", "sandbox-api-key opens it")


def lines_of(folder, name):
    """Return the log as objects; a line that is none is a failure, but for what is said at the start."""
    text = (folder / f"{name}.log").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if not line.startswith(SAID_AT_THE_START)]


def live(story):
    """Enrol, refuse a bad enrolment, renew, fail, retry, refund, cancel; with a gateway that errs."""
    asked = {"customer_reference": "cust-1", "name": NAME, "email": EMAIL, "phone": PHONE, "terminal_type": "WEB"}
    ends = {"success_url": "http://127.0.0.1/ok", "failure_url": "http://127.0.0.1/failed"}
    assert story.post("/v1/subscriptions", **asked, **ends, plan="nothing").status_code == 404
    assert story.post("/v1/subscriptions", **asked | {"email": CANARY}, **ends, plan="basic").status_code == 422
    made = story.post("/v1/subscriptions", **asked, **ends, plan="basic").json()
    left = story.world.http.post(f"{made['redirect_url']}/agree")
    assert story.http.get(left.headers["location"]).status_code == 303
    story.go_to(START + timedelta(minutes=5))
    story.world.faults(processed_500=1.0)
    story.go_to(story.world.next_due())
    story.world.faults(processed_500=0)
    story.go_to(story.world.now + timedelta(hours=1))
    story.world.wallet(EMAIL, script=["20051", "ok"])
    story.go_to(story.world.now + timedelta(days=29))
    story.go_to(story.world.now + timedelta(days=2))
    asked = {"subscription_id": made["id"], "state": "captured"}
    charge = story.http.get("/v1/charges", params=asked).json()["data"][0]["id"]
    amount = {"amount": 1000, "currency": "KRW"}
    told = story.post("/v1/refunds", charge_id=charge, amount=amount, reason="Kim asked for it")
    assert told.status_code == 201, told.text
    told = story.post(f"/v1/subscriptions/{made['id']}/cancel", reason="Kim asked for it")
    assert told.status_code == 200, told.text
    assert story.http.get("/v1/plans", headers={"Authorization": f"Bearer {CANARY}"}).status_code == 401
    assert story.post("/webhooks/checkout", id="evt_1", email=EMAIL).status_code in (400, 401, 403)
    story.go_to(story.world.now + timedelta(hours=2))


def test_logs_and_metrics_of_a_whole_story_hold_ids_and_nothing_personal(file, tmp_path):
    key, webhook_key = SECRETS["BILLING_SECRETS__GATEWAY_SECRET_KEY"], SECRETS["BILLING_SECRETS__WEBHOOK_KEYS"]
    with SandboxServer(Options(port=0, seed=1, quiet=True, secret_key=key, webhook_key=webhook_key)) as sandbox:
        file.write_text(file.read_text(encoding="utf-8").replace("SANDBOX", sandbox.url), encoding="utf-8")
        settings = read_settings(file)
        database = Database(settings.database.url.get_secret_value())
        with fresh_world(sandbox.url, settings.database.url.get_secret_value()) as world:
            with database.transaction() as tx:
                set_clock(tx, START)
                bind(tx, facts_of(settings))
            world.sandbox("PUT", "webhooks", {"url": f"{settings.api.public_url}/webhooks/checkout"})
            with (
                processes(file, tmp_path),
                httpx2.Client(base_url=settings.api.public_url, timeout=HANG_SECONDS) as http,
            ):
                story = Story(world, http, f"http://127.0.0.1:{settings.daemon.metrics_port}")
                until(lambda: is_up(story.http, "/readyz") and is_up(httpx2, f"{story.watch_url}/healthz"), "the start")
                live(story)
                said = httpx2.get(f"{story.watch_url}/metrics").text + story.http.get("/metrics").text
            subscription = str(world.subscription()["id"])
        database.dispose()
    api, daemon = lines_of(tmp_path, "api"), lines_of(tmp_path, "daemon")
    acts = {line["act"]: line for line in daemon if line["event"] == "act"}
    assert {"process_webhooks", "renew_due", "charge_due", "settle_refunds"} <= set(acts)
    assert acts["renew_due"]["ids"][0].replace("-", "") == subscription.replace("-", "")
    assert {"enrol", "refund", "cancel"} <= {line["act"] for line in api if line["event"] == "api_act"}
    assert {line["event"] for line in daemon} >= {"daemon_started", "swept", "daemon_stopped"}
    said += json.dumps(api + daemon, ensure_ascii=False)
    assert [word for word in (*WORDS, story.secret[20:40]) if word in said] == []


def is_up(client, url):
    try:
        return client.get(url).status_code == 200
    except httpx2.HTTPError:
        return False
