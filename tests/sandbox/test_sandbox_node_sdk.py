"""The official SDK for Node makes every call that concerns us against the sandbox, and nothing of it is changed.

It does so with both of its HTTP clients, under its own host names: see sdk_front_door.py and tests/javascript/sdk.
"""

import json
import os

import pytest
from external_tools import JAVASCRIPT, node
from sdk_front_door import ACCESS, API, PREFIX, FrontDoor
from sdk_left_out import NODE, NODE_SUBJECTS

from billing.sandbox import defaults

CLIENTS = ("fetch", "axios")
PROFILES = ("kind", "strict")
SUBJECTS = ("payments", "instruments", "workflows", "customers", "disputes", "events", "access")
SETTINGS = {
    "SECRET_KEY": defaults.SECRET_KEY,
    "CLIENT_ID": defaults.CLIENT_ID,
    "CLIENT_SECRET": defaults.CLIENT_SECRET,
    "CHANNEL": defaults.PROCESSING_CHANNEL_ID,
    "ENTITY": defaults.ENTITY_ID,
    "PREFIX": PREFIX,
}


def told(sandbox_url, folder, *wanted):
    """What the script says, and the hosts that it asked for."""
    with FrontDoor(sandbox_url, folder) as door:
        environment = os.environ | door.environment | SETTINGS | {"SANDBOX": sandbox_url}
        text = node("run.mjs", *wanted, folder=JAVASCRIPT / "sdk", env=environment)
    return json.loads(text), set(door.hosts)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("client", CLIENTS)
def test_every_call_does_what_it_says_under_the_merchants_own_hosts(client, profile, sandbox_url, tmp_path):
    outcomes, hosts = told(sandbox_url, tmp_path, client, profile)
    assert {name: outcome for name, outcome in outcomes.items() if outcome != "ok"} == {}
    assert len(outcomes) > 50
    assert hosts == {f"{PREFIX}.{API}", f"{PREFIX}.{ACCESS}"}


def test_every_call_is_tried_or_left_out_for_a_reason(sandbox_url, tmp_path):
    listed, _ = told(sandbox_url, tmp_path, "list")
    assert set(listed["methods"]) == {*listed["calls"], *NODE}
    assert not set(listed["calls"]) & set(NODE)
    assert set(listed["subjects"]) == {*SUBJECTS, *NODE_SUBJECTS}
    assert all((NODE | NODE_SUBJECTS).values())


def test_the_sdk_is_the_one_that_the_lock_file_names():
    locked = json.loads((JAVASCRIPT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    name = "node_modules/checkout-sdk-node"
    installed = json.loads((JAVASCRIPT / name / "package.json").read_text(encoding="utf-8"))
    assert installed["version"] == locked[name]["version"] == "5.2.1"
