"""Whatever a backend or an admin changes is in the audit trail with who, when and why; nobody invents a reason."""

from datetime import UTC, datetime, timedelta
from typing import Any

from example_story import Teller, tell_by

from billing.domain.roles import Role
from billing.entrypoints.api.roles import LEAST_ROLE

OF_SUBSCRIBERS = {"POST /v1/customers", "POST /v1/subscriptions"}
"""Who enrols decides for themselves: it is an event, and no entry."""


class Explaining(Teller):
    """Says with each change why it is made, and looks into the trail for it."""

    def __init__(self, api: Any) -> None:
        super().__init__(api)
        self.found: dict[str, list[dict[str, Any]]] = {}

    def _ask(self, operation: str, method: str, path: str, query: dict[str, Any], body: Any) -> Any:
        if method == "GET" or operation in ("create_customer", "create_subscription"):
            return super()._ask(operation, method, path, query, body)
        why = f"because of {operation}"
        if method == "DELETE":
            query = query | {"reason": why}
        else:
            body = {**(body or {}), "reason": why}
        answer = super()._ask(operation, method, path, query, body)
        entries = self.api.get("/v1/audit", limit=100)["data"]
        self.found[operation] = [entry for entry in entries if entry["reason"] == why]
        return answer


def test_each_change_is_entered_with_actor_time_and_the_reason_that_was_sent(api):
    began = datetime.now(UTC)
    telling = Explaining(api)
    tell_by(telling)
    assert {operation for operation, found in telling.found.items() if not found} == set()
    for entry in (entry for found in telling.found.values() for entry in found):
        assert entry["actor"] == "key:sandbox"
        at = datetime.fromisoformat(entry["at"])
        of_the_story = datetime(2027, 1, 31, tzinfo=UTC) <= at <= datetime(2027, 3, 1, tzinfo=UTC)
        assert of_the_story or began <= at <= began + timedelta(minutes=5), entry
    paths = api.http.get("/openapi.json").json()["paths"]
    changing = {
        paths[path][method.lower()]["operationId"]
        for method, path in (each.split(" ", 1) for each, role in LEAST_ROLE.items() if role is not Role.READ)
        if method != "GET" and f"{method} {path}" not in OF_SUBSCRIBERS
    }
    assert telling.found.keys() == changing


def test_where_no_reason_is_given_none_is_written(both):
    subscription = both.subscribe()
    canceled = both.post(f"/v1/subscriptions/{subscription}/cancel", {"at": "now"}).json()
    assert canceled["cancel_reason"] is None
    both.post("/v1/plans/basic/pause")
    assert [(entry["act"], entry["reason"]) for entry in both.data("/v1/audit")] == [
        ("plan.paused", ""),
        ("subscription.canceled", ""),
    ]


def test_a_reason_goes_with_its_own_request_and_no_other(both):
    both.post("/v1/plans/basic/pause", {"reason": "look at it first"})
    both.post("/v1/plans/basic/resume")
    assert [entry["reason"] for entry in both.data("/v1/audit")] == ["", "look at it first"]


def test_a_reason_that_is_none_is_refused(api):
    for reason in ("", " ", "x" * 201, 7, "a\u202eb"):
        answer = api.post("/v1/plans/basic/pause", {"reason": reason})
        api.refused(answer, 422, "invalid_request")
        assert answer.json()["errors"][0]["field"] == "reason"
    assert api.data("/v1/audit") == []
