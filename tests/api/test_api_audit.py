"""What an admin's key does is in the audit trail; what a backend's key does is not."""

from datetime import UTC, datetime

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
    assert entries[0]["previous_hash"] == entries[1]["hash"]


def test_what_a_backend_does_every_day_is_not_entered(api):
    backend = with_role(api, Role.BACKEND)
    made = api.post("/v1/subscriptions", wanted(), headers=backend)
    assert made.status_code == 201
    assert api.post(f"/v1/subscriptions/{made.json()['id']}/cancel", headers=backend).status_code == 200
    assert api.get("/v1/audit")["data"] == []


def test_enrolling_with_an_admins_key_is_an_event_and_no_entry(api):
    api.subscribe()
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
