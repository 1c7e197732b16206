"""`billing webhooks endpoints|deliveries|resend` and `billing listen`."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from receiving import receiving
from waiting import HANG_SECONDS

from billing.domain.public_ids import Kind, numbered_id
from billing.operations.fan_out import fan_out
from billing.store.settled_events import SettledEvents

URL = "https://shop.example.com/hooks"


def endpoints(shop, *arguments, **more):
    return shop.billing("webhooks", "endpoints", *arguments, **more)


def made(shop, *more):
    told = endpoints(shop, "create", URL, *more, "--json")
    assert told.code == 0, told.err
    return told.json


def test_a_secret_is_shown_once_and_stands_in_no_row(lived):
    told = endpoints(lived, "create", URL)
    secret = next(line for line in told.out.splitlines() if line.startswith("whsec_"))
    listed = endpoints(lived, "list")
    assert URL in listed.words
    assert secret not in listed.out
    assert secret not in str(lived.ask("SELECT sealed_secret FROM webhook_endpoint"))


def test_an_endpoint_is_changed_switched_off_and_on_rotated_and_deleted(lived):
    first = made(lived, "--type", "invoice.*", "--description", "shop")
    assert (first["event_types"], first["description"], first["state"]) == (["invoice.*"], "shop", "enabled")
    changed = endpoints(lived, "update", first["id"], "--type", "*", "--url", f"{URL}/2", "--json").json
    assert (changed["url"], changed["event_types"]) == (f"{URL}/2", ["*"])
    assert endpoints(lived, "disable", f"{URL}/2", "--json").json["disabled_because"] == "requested"
    assert "disabled already" in endpoints(lived, "disable", first["id"]).err
    assert "enable it first" in endpoints(lived, "test", first["id"]).err
    assert endpoints(lived, "enable", first["id"], "--json").json["state"] == "enabled"
    fresh = endpoints(lived, "rotate", first["id"], "--overlap", "1h", "--json").json
    assert fresh["secret"] != first["secret"]
    assert fresh["previous_ends_at"] is not None
    asked = endpoints(lived, "rotate", first["id"], answer="n\n")
    assert "the one before it ends now" in asked.out + asked.err
    assert asked.code != 0
    assert endpoints(lived, "rotate", first["id"], "--at-once", "--yes", "--json").json["previous_ends_at"] is None
    assert endpoints(lived, "delete", first["id"], answer="n\n").code != 0
    assert endpoints(lived, "delete", first["id"], "--yes").code == 0
    assert endpoints(lived, "list", "--json").json == []


@pytest.mark.parametrize(("arguments", "says"), [
    (("create", "ftp://x"), "must begin with https:// or http://"),
    (("create", URL, "--type", "invoice.payed"), "which is no type"),
    (("update", "we_x", "--description", "y"), "there is no endpoint we_x"),
    (("update", URL), "nothing to change"),
])  # fmt: skip
def test_bad_input_is_told_what_would_be_right(lived, arguments, says):
    told = endpoints(lived, *arguments)
    assert told.code in (1, 2)
    assert says in told.words
    assert endpoints(lived, "list", "--json").json == []


def test_deliveries_are_shown_and_sent_again(lived):
    first = made(lived)
    event = endpoints(lived, "test", first["id"], "--json").json["event"]
    fan_out(lived.database, SettledEvents(), now=datetime.now(UTC))
    [row] = lived.billing("webhooks", "deliveries", "--event", event, "--json").json
    assert (row["event_type"], row["state"], row["endpoint_id"]) == ("webhook_endpoint.test", "pending", first["id"])
    lived.write("UPDATE webhook_delivery SET state = 'failed', error = 'cannot connect'")
    shown = lived.billing("webhooks", "deliveries", "--event", event).out.splitlines()
    assert f"{row['id']} to {URL}" in shown
    assert "cannot connect" in lived.billing("webhooks", "deliveries", "--endpoint", URL, "--state", "failed").words
    assert lived.billing("webhooks", "resend", row["id"], "--json").json[0]["state"] == "pending"
    entry = lived.billing("audit", "list", "--json").json[0]
    assert (entry["act"], entry["details"]) == ("delivery.resent", {"was": "failed", "tries": 0, "status": None})
    assert "1 delivery is" in lived.billing("webhooks", "resend", event).words
    assert "no endpoint was" in lived.billing("webhooks", "resend", "evt_1").err
    assert "begins with whd_" in lived.billing("webhooks", "resend", "sub_1").words


@pytest.fixture
def listen(lived):
    # What is started as a shell's background job is deaf to Ctrl-C, and so would be what it starts.
    heard_before = signal.signal(signal.SIGINT, signal.default_int_handler)
    running = []

    def start(*arguments):
        command = [sys.executable, "-m", "billing.entrypoints.cli.main", "--config", str(lived.config), "listen"]
        process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
        )
        running.append(process)
        assert "Listening" in process.stderr.readline()
        return process

    yield start
    signal.signal(signal.SIGINT, heard_before)
    for process in running:
        process.kill()
        process.communicate()


def _ended(process):
    process.send_signal(signal.SIGINT)
    assert process.wait(HANG_SECONDS) in (0, 130)
    return process.stderr.read()


def test_listen_prints_events_as_they_happen_until_ctrl_c(listen):
    process = listen("--json", "--after", "evt_0", "--type", "subscription.*")
    first = json.loads(process.stdout.readline())
    assert (first["type"], first["object"]) == ("subscription.created", "event")
    assert _ended(process) == ""


def test_listen_forwards_what_it_shows_signed_with_the_secret_it_prints(lived, listen):
    with receiving() as receiver:
        process = listen("--forward", receiver.url, "--type", "plan.renamed")
        secret = process.stderr.readline().split()[-1]
        before = lived.ask("SELECT MAX(id) FROM event")
        lived.write(
            "INSERT INTO event (at, actor, subject_type, subject_id, sequence, type, data)"
            " VALUES ('2027-04-01', 'me', 'plan', 'basic', 90, 'plan.renamed', '{\"new\": \"Better\"}')"
        )
        assert "200" in process.stderr.readline()
        assert "plan.renamed" in process.stdout.readline()
        assert _ended(process) == ""
    [request] = receiver.requests
    assert request.verified(secret)["data"] == {"plan": "basic", "name": "Better"}
    assert request.headers["webhook-id"] == numbered_id(Kind.EVENT, before + 1)


@pytest.mark.parametrize(("arguments", "says"), [
    (("--type", "invoice.payed"), "is no type of event"), (("--after", "sub_1"), "begins with evt_"),
    (("--forward", "nonsense"), "must begin with"), (("--forward", "http://10.1/"), "four decimal"),
])  # fmt: skip
def test_listen_says_what_would_be_right(lived, arguments, says):
    told = lived.billing("listen", *arguments)
    assert told.code == 2
    assert says in told.words
