"""What the API shows of refunds that the engine owes, and who may settle or retry one."""

from uuid import UUID

import pytest

from billing.domain.public_ids import Kind, public_id

NOBODY = public_id(Kind.REFUND_OBLIGATION, UUID(int=0))
SETTLEMENT = {"how": "bank transfer of 3 February, no. 4711", "reason": "KakaoPay takes no refund of it"}


@pytest.fixture
def owed(api):
    """The path of a token amount whose refund was declined for good."""
    api.world.wallet("kim@example.test", refunds=["20158"])
    api.subscribe(plan="trial")
    api.sweep_at("2027-01-31 13:00")
    api.sweep_at("2027-01-31 14:00")
    (found,) = api.data("/v1/refund_obligations", open=True)
    return f"/v1/refund_obligations/{found['id']}"


def test_a_parked_one_says_why_and_a_settled_one_how(api, owed):
    shown = api.get(owed)
    assert (shown["object"], shown["state"], shown["settled"]) == ("refund_obligation", "parked", None)
    assert (shown["amount"], shown["tries"]) == ({"amount": 100, "currency": "KRW"}, 1)
    assert "20158" in shown["parked_reason"]
    settled = api.post(f"{owed}/settle", SETTLEMENT)
    assert settled.status_code == 200
    told = settled.json()["settled"]
    assert (told["amount"], told["how"], told["reason"]) == (shown["amount"], *SETTLEMENT.values())
    assert (settled.json()["state"], settled.json()["parked_reason"]) == ("settled", None)
    assert settled.json()["ended_at"] is not None
    assert api.data("/v1/refund_obligations", open=True) == []
    assert [each["id"] for each in api.data("/v1/refund_obligations", state="settled")] == [shown["id"]]
    assert api.post(f"{owed}/settle", SETTLEMENT).json() == settled.json()
    answer = api.post(f"{owed}/settle", SETTLEMENT | {"how": "cash"})
    assert "is settled" in api.refused(answer, 409, "nothing_owed")
    assert answer.json()["current"]["state"] == "settled"


def test_settling_is_entered_in_the_audit_trail_once_with_how_and_why(api, owed):
    for _ in range(2):
        api.post(f"{owed}/settle", SETTLEMENT, headers={"Idempotency-Key": "s-1"})
    entries = [each for each in api.data("/v1/audit") if each["act"] == "refund_obligation.settled"]
    assert len(entries) == 1
    assert (entries[0]["reason"], entries[0]["details"]["how"]) == (SETTLEMENT["reason"], SETTLEMENT["how"])
    assert entries[0]["details"]["settled_minor"] == 100


def test_a_retry_makes_the_next_refund_at_the_next_sweep(api, owed):
    retried = api.post(f"{owed}/retry", {"reason": "the wallet works again"})
    assert (retried.status_code, retried.json()["state"], retried.json()["parked_reason"]) == (200, "owed", None)
    assert retried.json()["next_try_at"] is not None
    api.sweep_at("2027-01-31 14:10")
    api.sweep_at("2027-01-31 16:00")
    shown = api.get(owed)
    assert (shown["state"], shown["tries"]) == ("refunded", 2)
    assert "is refunded" in api.refused(api.post(f"{owed}/retry", {"reason": "again"}), 409, "nothing_owed")


def test_what_is_told_outside_names_no_words_that_somebody_typed(api, owed):
    api.post(f"{owed}/settle", SETTLEMENT)
    events = api.get("/v1/events", type="refund_obligation.*")["data"]
    assert [each["type"].partition(".")[2] for each in events] == ["created", "parked", "settled"]
    for each in events:
        assert each["subject"] == {"object": "refund_obligation", "id": owed.rpartition("/")[2]}
        assert set(each["data"]) == {"charge_id", "invoice_id", "amount", "state"}
        assert "4711" not in str(each)


@pytest.mark.parametrize("body", [{}, {"how": "x"}, {"reason": "x"}, {"how": "", "reason": "x"}])
def test_how_and_why_must_be_said(api, owed, body):
    api.refused(api.post(f"{owed}/settle", body), 422, "invalid_request")
    assert api.get(owed)["state"] == "parked"


def test_there_is_none_of_an_unknown_id(api):
    api.refused(api.call("GET", f"/v1/refund_obligations/{NOBODY}"), 404, "not_found")
    api.refused(api.post(f"/v1/refund_obligations/{NOBODY}/settle", SETTLEMENT), 404, "not_found")
