"""A backend that gets no answer sends its request again under its key: every POST is done once, and answered."""

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from api_world import Api, wanted
from example_story import tell
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel

from billing.entrypoints.api import idempotency
from billing.operations.request_keys import LEASE

DRAWN = {"digest", "hint", "sealed_secret"}
UNHEARD = {"keyed_request"}
TOLD_OF_A_SECRET = {"event", "audit_entry"}


@dataclass
class Deaf(Api):
    """A client that never hears the first answer to a POST: it waits until its claim is over, and asks again."""

    ahead: timedelta = timedelta(0)
    asked: list[str] = field(default_factory=list)
    patch: Any = None

    @classmethod
    def of(cls, api: Api, patch: pytest.MonkeyPatch) -> "Deaf":
        deaf = cls(**{each.name: getattr(api, each.name) for each in fields(Api)}, patch=patch)
        patch.setattr(idempotency, "machine_now", lambda: datetime.now(UTC) + deaf.ahead)
        return deaf

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        if method != "POST":
            return super().call(method, path, body, **more)
        self.asked.append(path)
        more["headers"] = {"Idempotency-Key": f"request-{len(self.asked)}"}
        first = self.unheard(path, body, **more)
        before = self.books(first)
        again = super().call(method, path, body, **more)
        assert "idempotent-replayed" not in again.headers
        assert (again.status_code, without_secret(again)) == (first.status_code, without_secret(first)), path
        assert self.books(first) == before, path
        if "secret" in first.json():
            assert again.json()["secret"] not in (None, first.json()["secret"])
        return again

    def unheard(self, path: str, body: Any = None, **more: Any) -> Any:
        """Ask, and have the process die after the act was committed and before its answer was kept or given."""

        def die(*_args: Any) -> None:
            raise OperationalError("UPDATE", {}, Exception("disk I/O error"))

        with self.patch.context() as patch:
            patch.setattr(idempotency, "keep_answer", die)
            answer = super().call("POST", path, body, **more)
        assert answer.is_success, answer.text
        self.ahead += LEASE + timedelta(seconds=1)
        return answer

    def books(self, answer: Any) -> dict[str, Any]:
        """Return every row there is, here and at the gateway, but for secrets that are drawn anew."""
        left_out = UNHEARD | TOLD_OF_A_SECRET if "secret" in answer.json() else UNHEARD
        tables = [table for table in SQLModel.metadata.sorted_tables if table.name not in left_out]
        rows = {table.name: self.world.rows(f"SELECT * FROM {table.name}") for table in tables}
        written: dict[str, Any] = {
            name: sorted(
                repr({column: value for column, value in row.items() if column not in DRAWN | {"last_used_at"}})
                for row in each
            )
            for name, each in rows.items()
        }
        return written | {"payments": self.world.payments()}


def without_secret(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name not in ("secret", "hint")}


def test_every_post_whose_answer_was_lost_is_done_once_and_answered_when_it_is_sent_again(both, monkeypatch):
    told = tell(Deaf.of(both, monkeypatch))
    posts = {
        operation["post"]["operationId"]
        for path, operation in both.get("/openapi.json")["paths"].items()
        if "post" in operation and path.startswith("/v1")
    }
    assert posts - told.keys() == set()


KEY = {"Idempotency-Key": "lost"}


def test_a_retry_whose_answer_was_lost_charges_once_though_its_charge_has_failed_meanwhile(both, monkeypatch):
    deaf = Deaf.of(both, monkeypatch)
    subscription = both.subscribe()
    both.world.wallet("kim@example.test", script=["20051", "20051"])
    for minute in (40, 50):
        both.sweep_at(f"2027-02-28 10:{minute}")
    [invoice] = both.data("/v1/invoices", subscription_id=subscription, state="open")
    path = f"/v1/invoices/{invoice['id']}/retry"
    first = deaf.unheard(path, headers=KEY).json()
    both.sweep_at("2027-02-28 11:00")
    attempts = both.data("/v1/charges", subscription_id=subscription, state="declined")
    assert [each["id"] for each in attempts if each["id"] == first["charge_ids"][-1]]
    again = both.post(path, headers=KEY)
    assert again.status_code == 200
    assert again.json()["charge_ids"] == first["charge_ids"]
    assert both.post(path, headers={"Idempotency-Key": "another"}).json()["charge_ids"][:-1] == first["charge_ids"]


def test_what_others_did_after_a_lost_answer_is_not_undone_by_the_request_that_is_sent_again(both, monkeypatch):
    deaf = Deaf.of(both, monkeypatch)
    path = f"/v1/subscriptions/{both.subscribe()}"
    assert deaf.unheard(f"{path}/cancel", headers=KEY).json()["cancel_at"] is not None
    both.post(f"{path}/undo-cancel")
    again = both.post(f"{path}/cancel", headers=KEY)
    assert (again.status_code, again.json()["cancel_at"]) == (200, None)


@pytest.mark.parametrize("collection", ["keys", "webhook_endpoints"])
def test_a_secret_that_somebody_drew_after_a_lost_answer_is_not_replaced(both, monkeypatch, collection):
    deaf = Deaf.of(both, monkeypatch)
    wanted_ = {"keys": {"name": "shop"}, "webhook_endpoints": {"url": "https://1.1.1.1/hooks"}}[collection]
    rotate = {"keys": "rotate", "webhook_endpoints": "rotate-secret"}[collection]
    made = deaf.unheard(f"/v1/{collection}", wanted_, headers=KEY).json()
    both.post(f"/v1/{collection}/{made['id']}/{rotate}")
    again = both.post(f"/v1/{collection}", wanted_, headers=KEY)
    assert "was given another secret since" in both.refused(again, 409, "conflict")
    assert again.json()["current"]["id"] == made["id"]
    assert "secret" not in again.json()["current"]


def test_a_rotation_whose_answer_was_lost_ends_no_secret_that_anybody_holds(both, monkeypatch):
    deaf = Deaf.of(both, monkeypatch)
    key = both.post("/v1/keys", {"name": "shop"}).json()
    path = f"/v1/keys/{key['id']}/rotate"
    lost = deaf.unheard(path, headers=KEY).json()["secret"]
    again = both.post(path, headers=KEY).json()["secret"]
    opens = {
        secret: both.http.get("/v1/plans", headers={"Authorization": f"Bearer {secret}"}).status_code
        for secret in (key["secret"], lost, again)
    }
    assert opens == {key["secret"]: 200, lost: 401, again: 200}


def test_an_enrolment_whose_answer_was_lost_has_no_link_once_the_subscriber_has_agreed(both, monkeypatch):
    deaf = Deaf.of(both, monkeypatch)
    first = deaf.unheard("/v1/subscriptions", wanted(), headers=KEY).json()
    both.come_back(first["redirect_url"])
    again = both.post("/v1/subscriptions", wanted(), headers=KEY).json()
    assert (again["id"], again["state"], again["redirect_url"]) == (first["id"], "active", None)


def test_a_new_agreement_whose_answer_was_lost_has_no_link_once_it_was_made(both, monkeypatch):
    deaf = Deaf.of(both, monkeypatch)
    path = f"/v1/subscriptions/{both.subscribe()}/replace-source"
    body = {name: wanted()[name] for name in ("terminal_type", "success_url", "failure_url")}
    first = deaf.unheard(path, body, headers=KEY).json()
    both.come_back(first["redirect_url"])
    again = both.post(path, body, headers=KEY)
    assert (again.status_code, again.json()["redirect_url"]) == (201, None)
    assert len(both.world.payments()) == 2
