"""What is decided with a key is in the audit trail, whatever its role; enrolments are not."""

from datetime import UTC, datetime

import pytest
from api_world import wanted

from billing.domain.api_keys import KeyMode
from billing.domain.roles import Role
from billing.operations.api_keys import create_key


def with_role(api, role):
    key = create_key(api.world.engine, f"a-{role}", role, KeyMode.TEST, now=datetime.now(UTC))
    return {"Authorization": f"Bearer {key.secret}"}


def test_what_an_admin_decides_is_entered_under_the_name_of_the_key(both):
    subscription = both.subscribe()
    admin = with_role(both, Role.ADMIN)
    path = f"/v1/subscriptions/{subscription}"
    assert both.post(f"{path}/pause", headers=admin).status_code == 200
    assert both.post("/v1/plans/basic/archive", headers=admin).status_code == 200
    entries = both.get("/v1/audit")["data"]
    assert [(entry["act"], entry["actor"]) for entry in entries] == [
        ("plan.archived", "key:a-admin"),
        ("subscription.paused", "key:a-admin"),
    ]
    assert [entry["subject_id"] for entry in entries] == ["basic", subscription]
    assert entries[0]["previous_hash"] == entries[1]["hash"]


def test_what_a_backend_decides_is_entered_with_its_reason(both):
    backend = with_role(both, Role.BACKEND)

    def done(path, body=None):
        answer = both.post(path, body, headers=backend)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    subscription = both.subscribe()
    customer = both.subscription(subscription)["customer_id"]
    [source] = both.data("/v1/sources", customer_id=customer)
    done("/v1/refunds", {"charge_id": both.charge_of(subscription), "reason": "sent twice"})
    done(f"/v1/sources/{source['id']}/revoke", {"reason": "lost phone"})
    done(f"/v1/subscriptions/{subscription}/cancel", {"at": "now", "reason": "moved away"})
    entered = {(entry["act"], entry["reason"]) for entry in both.data("/v1/audit") if entry["actor"] == "key:a-backend"}
    assert {
        ("refund.created", "sent twice"),
        ("source.revoked", "lost phone"),
        ("subscription.canceled", "moved away"),
    } <= entered


@pytest.mark.parametrize(
    ("act", "named"),
    [("void", "invoice.voided"), ("mark-uncollectible", "invoice.written_off"), ("retry", "invoice.retried")],
)
def test_what_a_backend_decides_of_an_invoice_is_entered(api, act, named):
    subscription = api.subscribe()
    api.world.wallet("kim@example.test", balance=0)
    api.world.live_through("2027-03-05 12:00")
    api.set_clock()
    [invoice, *_] = api.data("/v1/invoices", subscription_id=subscription)
    body = None if act == "retry" else {"reason": "a gift"}
    answer = api.post(f"/v1/invoices/{invoice['id']}/{act}", body, headers=with_role(api, Role.BACKEND))
    assert answer.status_code == 200, answer.text
    [entry] = api.data("/v1/audit")
    assert (entry["act"], entry["actor"]) == (named, "key:a-backend")


def test_enrolling_is_an_event_and_no_entry(api):
    api.subscribe()
    answer = api.post("/v1/subscriptions", wanted(customer_reference="cust-lee"), headers=with_role(api, Role.BACKEND))
    assert answer.status_code == 201
    assert api.get("/v1/audit")["data"] == []


def test_keys_made_over_the_api_are_entered_and_listed_by_page(api):
    for number in range(3):
        api.post("/v1/keys", {"name": f"shop-{number}"})
    page = api.get("/v1/audit", limit=2)
    assert [entry["number"] for entry in page["data"]] == [3, 2]
    assert page["has_more"]
    rest = api.get("/v1/audit", limit=2, cursor=page["next_cursor"])
    assert [entry["details"]["name"] for entry in rest["data"]] == ["shop-0"]
    assert (rest["has_more"], rest["next_cursor"]) == (False, None)
    keys = api.get("/v1/keys", limit=2)
    assert len(keys["data"]) == 2
    assert len(api.get("/v1/keys", cursor=keys["next_cursor"])["data"]) == 1
    assert "secret" not in str(keys)


def test_a_backend_may_not_read_the_trail(api):
    api.refused(api.call("GET", "/v1/audit", headers=with_role(api, Role.BACKEND)), 403, "forbidden")


def test_whoever_is_asked_for_a_reason_is_told_that_it_is_kept_for_ever(still):
    asked = {
        name: schema["properties"]["reason"]
        for name, schema in still.get("/openapi.json")["components"]["schemas"].items()
        if "reason" in schema.get("properties", {}) and schema.get("additionalProperties") is False
    }
    assert {"Cancellation", "Erasure", "Forgiveness", "NewRefund", "Revocation"} <= asked.keys()
    assert all("no personal data" in str(field) for field in asked.values())
