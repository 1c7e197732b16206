"""Workflows made through the API deliver events: under their conditions, to their webhooks, with their keys."""

import hashlib
import hmac

import pytest
from sandbox_shop import Receiver

from billing.sandbox import defaults

KEY = "워크플로-key"


@pytest.fixture
def hook():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def webhook(url, **more):
    return {"type": "webhook", "url": url, "signature": {"method": "HMACSHA256", "key": KEY}} | more


def waits_for(*types, source="gateway"):
    return {"type": "event", "events": {source: list(types)}}


def workflow(url, *conditions, **more):
    conditions = conditions or (waits_for("payment_captured", "payment_declined"),)
    return {"name": "events", "conditions": list(conditions), "actions": [webhook(url)]} | more


def created(shop, body):
    answer = shop.call("POST", "/workflows", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def test_a_workflow_delivers_what_it_waits_for_signed_with_its_key_and_with_its_headers(shop, hook):
    body = workflow(hook.url)
    body["actions"][0]["headers"] = {"Authorization": "of-the-workflow", "X-Team": "billing"}
    created(shop, body)
    shop.agree(shop.first())
    shop.drain()
    assert hook.types == ["captured"]
    ((headers, raw),) = hook.came
    assert headers["Cko-Signature"] == hmac.new(KEY.encode(), raw, hashlib.sha256).hexdigest()
    assert (headers["Authorization"], headers["X-Team"]) == ("of-the-workflow", "billing")


def test_it_stands_beside_the_receiver_that_was_set_by_hand(shop, receiver, hook):
    created(shop, workflow(hook.url))
    shop.agree(shop.first())
    shop.drain()
    assert receiver.types == ["pending", "capture_pending", "captured"]
    assert hook.types == ["captured"]
    shop.control("PUT", "webhooks", {"url": None})
    shop.agree(shop.first(reference="first-2"))
    shop.drain()
    assert (len(receiver.came), len(hook.came)) == (3, 2)


def test_an_unsigned_action_sends_without_a_signature(shop, hook):
    body = workflow(hook.url)
    del body["actions"][0]["signature"]
    created(shop, body)
    shop.agree(shop.first())
    shop.drain()
    assert "Cko-Signature" not in hook.came[0][0]


@pytest.mark.parametrize(
    ("condition", "delivered"),
    [
        ({"type": "entity", "entities": [defaults.ENTITY_ID]}, 1),
        ({"type": "entity", "entities": ["ent_of_somebody_else_entirely00"]}, 0),
        ({"type": "processing_channel", "processing_channels": [defaults.PROCESSING_CHANNEL_ID]}, 1),
        ({"type": "processing_channel", "processing_channels": ["pc_another"]}, 0),
        (waits_for("payment_declined"), 0),
    ],
)
def test_every_condition_must_be_met(shop, hook, condition, delivered):
    created(shop, workflow(hook.url, waits_for("payment_captured"), condition))
    shop.agree(shop.first())
    shop.drain()
    assert len(hook.came) == delivered


def test_an_inactive_workflow_delivers_nothing_until_it_is_active(shop, hook):
    wf = created(shop, workflow(hook.url, active=False))
    shop.agree(shop.first())
    shop.drain()
    assert hook.came == []
    assert shop.call("PATCH", f"/workflows/{wf}", json={"active": True}).json()["active"] is True
    shop.agree(shop.first(reference="first-2"))
    shop.drain()
    assert hook.types == ["captured"]


def test_conditions_and_actions_can_be_added_replaced_and_removed(shop, hook):
    wf = created(shop, workflow("http://127.0.0.1:9/"))
    action = shop.call("POST", f"/workflows/{wf}/actions", json=webhook("http://127.0.0.1:9/two")).json()["id"]
    kept = shop.call("GET", f"/workflows/{wf}").json()
    assert [each["url"] for each in kept["actions"]] == ["http://127.0.0.1:9/", "http://127.0.0.1:9/two"]
    assert shop.call("PUT", f"/workflows/{wf}/actions/{action}", json=webhook(hook.url)).status_code == 200
    assert shop.call("DELETE", f"/workflows/{wf}/actions/{kept['actions'][0]['id']}").status_code == 204
    condition = kept["conditions"][0]["id"]
    assert shop.call("PUT", f"/workflows/{wf}/conditions/{condition}", json=waits_for("payment_expired")).ok
    added = shop.call("POST", f"/workflows/{wf}/conditions", json={"type": "entity", "entities": ["ent_x"]}).json()
    assert shop.call("DELETE", f"/workflows/{wf}/conditions/{added['id']}").status_code == 204
    kept = shop.call("GET", f"/workflows/{wf}").json()
    assert kept["conditions"] == [{"id": condition, **waits_for("payment_expired")}]
    assert [(each["id"], each["url"]) for each in kept["actions"]] == [(action, hook.url)]
    shop.first()
    shop.at("2026-03-02T00:00:00Z")
    assert hook.types == ["expired"]


def test_a_removed_workflow_is_executed_no_more_but_what_it_was_executed_for_still_arrives(shop, hook):
    hook.answers = [500]
    wf = created(shop, workflow(hook.url))
    shop.agree(shop.first())
    shop.drain()
    assert shop.call("DELETE", f"/workflows/{wf}").status_code == 204
    assert shop.call("GET", f"/workflows/{wf}").status_code == 404
    shop.agree(shop.first(reference="first-2"))
    shop.at("2026-03-01T00:05:00Z")
    assert hook.types == ["captured"] * 2
    assert hook.came[0][1] == hook.came[1][1]


def test_deliveries_are_tried_again_unless_the_action_says_no(shop, hook):
    hook.answers = [500, 500]
    body = workflow(hook.url)
    body["actions"].append(webhook(hook.url, retry={"enabled": False}))
    wf = created(shop, body)
    shop.agree(shop.first())
    shop.at("2026-03-02T12:00:00Z")
    assert hook.types == ["captured"] * 3
    event = hook.events[0]["id"]
    again, once = (each["id"] for each in shop.call("GET", f"/workflows/{wf}").json()["actions"])
    told = shop.call("GET", f"/workflows/events/{event}/actions/{again}").json()
    assert (told["workflow_id"], told["status"], len(told["action_invocations"])) == (wf, "successful", 2)
    told = shop.call("GET", f"/workflows/events/{event}/actions/{once}").json()
    assert (told["status"], len(told["action_invocations"])) == ("failed", 1)
    assert shop.call("GET", f"/workflows/events/{event}/actions/wfa_none").status_code == 404


def test_events_are_sent_again_to_one_workflow_only_where_it_waits_for_them(shop, receiver, hook):
    wf = created(shop, workflow(hook.url))
    first = shop.first()
    shop.agree(first)
    shop.drain()
    pending, _, captured = (each["id"] for each in receiver.events)
    for path in (
        f"events/{captured}/workflow/{wf}/reflow",
        f"events/{pending}/workflow/{wf}/reflow",
        f"events/subject/{first['id']}/workflow/{wf}/reflow",
    ):
        assert shop.call("POST", f"/workflows/{path}").status_code == 202
    body = {"events": [captured], "workflows": [wf]}
    assert shop.call("POST", "/workflows/events/reflow", json=body).status_code == 202
    shop.drain()
    assert hook.types == ["captured"] * 4
    assert len(receiver.came) == 3
    for path in (f"events/{captured}/workflow/wf_none/reflow", f"events/subject/{first['id']}/workflow/wf_none/reflow"):
        assert shop.call("POST", f"/workflows/{path}").status_code == 404
    assert shop.call("POST", "/workflows/events/reflow", json=body | {"workflows": ["wf_none"]}).status_code == 404


def test_a_workflow_can_be_tried_before_anything_is_paid(shop, receiver, hook):
    wf = created(shop, workflow(hook.url, waits_for("payment_captured", "payment_approved")))
    body = {"event_types": ["payment_captured", "payment_approved", "payment_expired"]}
    assert shop.call("POST", f"/workflows/{wf}/test", json=body).status_code == 204
    shop.drain()
    assert sorted(hook.types) == ["approved", "captured"]
    assert receiver.came == []
    for sample in hook.events:
        assert shop.call("GET", f"/payments/{sample['data']['id']}").status_code == 404
        assert shop.call("GET", f"/workflows/events/{sample['id']}").json()["type"] == sample["type"]


def test_the_list_and_the_event_types_say_what_there_is(shop, hook):
    first, second = created(shop, workflow(hook.url)), created(shop, workflow(hook.url, name="other", active=False))
    rows = shop.call("GET", "/workflows").json()["data"]
    assert [(each["id"], each["name"], each["active"]) for each in rows] == [
        (first, "events", True),
        (second, "other", False),
    ]
    types = {
        each["id"]: [event["id"] for event in each["events"]]
        for each in shop.call("GET", "/workflows/event-types").json()
    }
    assert "payment_captured" in types["gateway"]
    assert "dispute_lost" in types["dispute"]


def test_patching_replaces_conditions_and_actions_whole(shop, hook):
    wf = created(shop, workflow("http://127.0.0.1:9/"))
    before = shop.call("GET", f"/workflows/{wf}").json()
    wanted = {"name": "new", "conditions": [waits_for("payment_expired")], "actions": [webhook(hook.url)]}
    after = shop.call("PATCH", f"/workflows/{wf}", json=wanted).json()
    assert (after["name"], after["active"]) == ("new", True)
    assert (len(after["conditions"]), len(after["actions"])) == (1, 1)
    ids = {each["id"] for row in (before, after) for each in (*row["conditions"], *row["actions"])}
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": ""}, "workflow_name_invalid"),
        ({"active": "yes"}, "workflow_active_invalid"),
        ({"conditions": []}, "workflow_conditions_required"),
        ({"conditions": [{"type": "entity", "entities": ["ent_x"]}]}, "workflow_event_condition_required"),
        ({"conditions": [waits_for("payment_imagined")]}, "workflow_condition_events_invalid"),
        ({"conditions": [waits_for("payment_captured", source="nowhere")]}, "workflow_condition_events_invalid"),
        ({"conditions": [{"type": "weather"}]}, "workflow_condition_type_invalid"),
        ({"conditions": [{"type": "entity", "entities": []}]}, "workflow_condition_entities_invalid"),
        ({"actions": []}, "workflow_actions_required"),
        ({"actions": [{"type": "mail"}]}, "workflow_action_type_invalid"),
        ({"actions": [webhook("ftp://x")]}, "workflow_action_url_invalid"),
        (
            {"actions": [webhook("http://x", signature={"method": "MD5", "key": "k"})]},
            "workflow_action_signature_invalid",
        ),
        ({"actions": [webhook("http://x", headers={"Host": "y"})]}, "workflow_action_headers_invalid"),
        ({"actions": [webhook("http://x", headers={"X": "a\nb"})]}, "workflow_action_headers_invalid"),
        ({"actions": [webhook("http://x", retry={})]}, "workflow_action_retry_invalid"),
    ],
)
def test_a_bad_workflow_is_refused_and_a_bad_change_changes_nothing(shop, change, code):
    answer = shop.call("POST", "/workflows", json=workflow("http://127.0.0.1:9/") | change)
    assert (answer.status_code, answer.json()["error_codes"]) == (422, [code])
    wf = created(shop, workflow("http://127.0.0.1:9/"))
    before = shop.call("GET", f"/workflows/{wf}").json()
    assert shop.call("PATCH", f"/workflows/{wf}", json=change).status_code == 422
    assert shop.call("GET", f"/workflows/{wf}").json() == before


def test_what_is_not_there_is_404(shop):
    wf = created(shop, workflow("http://127.0.0.1:9/"))
    for method, path in (
        ("GET", "wf_none"), ("PATCH", "wf_none"), ("DELETE", "wf_none"), ("POST", "wf_none/test"),
        ("DELETE", f"{wf}/actions/wfa_none"), ("DELETE", f"{wf}/conditions/wfc_none"),
    ):  # fmt: skip
        assert shop.call(method, f"/workflows/{path}", json={}).status_code == 404
    answer = shop.call("POST", f"/workflows/{wf}/test", json={"event_types": ["payment_imagined"]})
    assert answer.json()["error_codes"] == ["event_types_invalid"]
