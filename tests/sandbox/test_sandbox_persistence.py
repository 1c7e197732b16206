"""With a database file a sandbox goes on where it stopped."""

import pytest
from sandbox_shop import Shop

from billing.sandbox.options import Options
from billing.sandbox.testing import SandboxServer


@pytest.fixture
def restart(tmp_path):
    """Start a sandbox on one file, again and again; each start ends the one before."""
    running = []

    def stop():
        for shop, server in running:
            shop.http.close()
            server.__exit__(None, None, None)
        running.clear()

    def start(**options):
        stop()
        server = SandboxServer(Options(port=0, database=str(tmp_path / "sandbox.db"), **options)).__enter__()
        running.append((Shop(server.url), server))
        return running[0][0]

    yield start
    stop()


def test_payments_wallets_keys_faults_and_pending_outcomes_survive(restart):
    shop = restart()
    shop.at("2026-03-01T00:00:00Z")
    shop.faults(settle_seconds_min=30, latency_ms=1)
    source = shop.enrolled()
    shop.script(source, script=["20051"], balance=99999)
    answer = shop.post(shop.later_body(source), "key-1").json()
    ledger, wallets = shop.ledger(), shop.control("GET", "wallets")

    shop = restart()
    assert shop.ledger() == ledger
    assert shop.control("GET", "wallets") == wallets
    assert shop.control("GET", "faults")["settle_seconds_min"] == 30
    assert shop.control("GET", "clock")["now"] == "2026-03-01T00:00:00.000000Z"
    assert shop.post(shop.later_body(source), "key-1").json()["id"] == answer["id"]
    shop.at("2026-03-01T00:01:00Z")
    assert shop.status(answer) == "Declined"
    assert shop.actions(answer)[0]["response_code"] == "20051"

    shop = restart()
    assert shop.status(answer) == "Declined"
    assert len(shop.call("GET", f"/workflows/events/subject/{answer['id']}").json()["data"]) == 2
    assert shop.call("GET", "/payments?reference=later-1").json()["total_count"] == 1


def test_undelivered_webhooks_survive(restart, receiver):
    shop = restart(webhook_url="http://127.0.0.1:9/")
    shop.at("2026-03-01T00:00:00Z")
    shop.first()
    assert shop.drain()["next"] == "2026-03-01T00:05:00.000000Z"
    shop = restart(webhook_url=receiver.url)
    shop.at("2026-03-01T00:05:00Z")
    assert receiver.types == ["pending"]


def test_a_decided_payment_does_not_expire_after_a_restart(restart):
    shop = restart()
    shop.at("2026-03-01T00:00:00Z")
    first = shop.first()
    shop.press(first, "reject")
    shop = restart()
    shop.at("2026-03-01T00:20:00Z")
    assert shop.status(first) == "Declined"
    assert len(shop.actions(first)) == 1


def test_ids_go_on_after_a_restart_and_a_reset_empties_the_file(restart):
    shop = restart()
    one = shop.first()["id"]
    shop = restart()
    assert shop.first(reference="first-2")["id"] != one
    assert shop.control("GET", "wallets")[0]["payments"] == 2
    shop.control("POST", "reset")
    assert restart().ledger() == []


def test_a_file_that_is_no_database_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("dear diary, " * 100)
    with (
        pytest.raises(OSError, match="cannot be used as the sandbox's database"),
        SandboxServer(Options(port=0, database=str(path))),
    ):
        pass


def test_workflows_and_disputes_survive(restart):
    shop = restart(webhook_url="http://127.0.0.1:9/")
    shop.at("2026-03-01T00:00:00Z")
    body = {
        "name": "captures",
        "conditions": [{"type": "event", "events": {"gateway": ["payment_captured"]}}],
        "actions": [{"type": "webhook", "url": "http://127.0.0.1:9/hooks"}],
    }
    workflow = shop.call("POST", "/workflows", json=body).json()["id"]
    first = shop.first()
    shop.agree(first)
    shop.control("POST", "disputes", {"payment_id": first["id"]})
    shown = shop.call("GET", f"/workflows/{workflow}").json(), shop.control("GET", "disputes")

    shop = restart()
    assert (shop.call("GET", f"/workflows/{workflow}").json()["actions"], shop.control("GET", "disputes")) == (
        shown[0]["actions"],
        shown[1],
    )
    assert shop.drain()["next"] == "2026-03-01T00:05:00.000000Z"
    (event,) = [
        each
        for each in shop.call("GET", f"/workflows/events/subject/{first['id']}").json()["data"]
        if each["type"] == "payment_captured"
    ]
    action = shown[0]["actions"][0]["id"]
    assert shop.call("GET", f"/workflows/events/{event['id']}/actions/{action}").json()["status"] == "pending"
