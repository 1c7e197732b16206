from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from api_world import wanted
from sqlalchemy.exc import OperationalError

from billing.domain.public_ids import Kind, public_id
from billing.operations import request_refund

NOBODY = public_id(Kind.CHARGE, UUID(int=0))
NO_REFUND = public_id(Kind.REFUND, UUID(int=0))
NO_SUBSCRIPTION = public_id(Kind.SUBSCRIPTION, UUID(int=0))


def refund(api, charge, body, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.post("/v1/refunds", {"charge_id": charge, **body}, headers=named)


def won(amount):
    return {"amount": amount, "currency": "KRW"}


def test_a_charge_is_refunded_in_part_and_then_the_rest(api):
    charge = api.charge_of(api.subscribe())
    made = refund(api, charge, {"amount": won(900), "reason": "service was down"})
    assert made.status_code == 201
    assert (made.json()["state"], made.json()["amount"]) == ("pending", won(900))
    rest = refund(api, charge, {"reason": "left"}).json()
    assert rest["amount"] == won(9000)
    api.sweep_at("2027-01-31 13:00")
    api.sweep_at("2027-01-31 15:00")
    assert api.get(f"/v1/refunds/{rest['id']}")["state"] == "refunded"
    assert {each["amount"]["amount"] for each in api.data("/v1/refunds", charge_id=charge)} == {9000, 900}
    shown = api.get(f"/v1/charges/{charge}")
    assert (shown["amount_refunded"], shown["refund_ids"]) == (won(9900), [made.json()["id"], rest["id"]])
    assert "nothing" in api.refused(refund(api, charge, {"reason": "again"}), 409, "not_refundable")


def test_more_than_was_captured_is_refused_however_often_it_is_asked_for_under_its_key(api):
    charge = api.charge_of(api.subscribe())
    answer = refund(api, charge, {"amount": won(9901), "reason": "x"}, Idempotency_Key="r-1")
    assert "more than" in api.refused(answer, 409, "not_refundable")
    again = refund(api, charge, {"amount": won(9901), "reason": "x"}, Idempotency_Key="r-1")
    assert (again.status_code, again.text) == (409, answer.text)
    assert refund(api, charge, {"amount": won(9900), "reason": "x"}, Idempotency_Key="r-2").status_code == 201


def test_a_refund_is_in_the_currency_of_its_charge(api):
    charge = api.charge_of(api.subscribe())
    answer = refund(api, charge, {"amount": {"amount": 100, "currency": "HKD"}, "reason": "x"})
    api.refused(answer, 422, "invalid_request")
    assert answer.json()["errors"] == [
        {"field": "amount.currency", "detail": "must be KRW, the currency of the charge"}
    ]
    assert api.data("/v1/refunds", charge_id=charge) == []


def test_a_refund_that_is_refused_shows_what_is_left_of_the_charge(api):
    charge = api.charge_of(api.subscribe())
    refund(api, charge, {"amount": won(9000), "reason": "x"})
    answer = refund(api, charge, {"amount": won(901), "reason": "x"})
    assert "₩900 that is left" in api.refused(answer, 409, "not_refundable")
    assert answer.json()["current"] == api.get(f"/v1/charges/{charge}")
    assert answer.json()["current"]["amount_refunded"] == won(9000)


def test_a_key_gives_the_money_back_once_however_often_it_is_sent(both):
    charge = both.charge_of(both.subscribe())
    body = {"amount": won(1000), "reason": "once"}
    first = refund(both, charge, body, Idempotency_Key="r-1").json()
    with ThreadPoolExecutor(5) as pool:
        again = list(pool.map(lambda _: refund(both, charge, body, Idempotency_Key="r-1"), range(5)))
    assert {answer.json()["id"] for answer in again} == {first["id"]}
    assert both.world.scalar("SELECT count(*) FROM refund") == 1


def test_a_key_at_once_gives_the_money_back_once(both):
    charge = both.charge_of(both.subscribe())
    body = {"amount": won(1000), "reason": "once"}
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: refund(both, charge, body, Idempotency_Key="r-1"), range(5)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert both.world.scalar("SELECT count(*) FROM refund") == 1
    assert refund(both, charge, body, Idempotency_Key="r-1").status_code == 201


def test_a_key_is_for_one_request_only(api):
    key = {"Idempotency-Key": "k-1"}
    subscription = api.post("/v1/subscriptions", wanted(), headers=key).json()
    api.come_back(subscription["redirect_url"])
    charge = api.charge_of(subscription["id"])
    api.refused(refund(api, charge, {"reason": "x"}, Idempotency_Key="k-1"), 422, "idempotency_key_reused")
    refund(api, charge, {"amount": won(100), "reason": "x"}, Idempotency_Key="k-2")
    other = refund(api, charge, {"amount": won(200), "reason": "x"}, Idempotency_Key="k-2")
    api.refused(other, 422, "idempotency_key_reused")


def test_a_refund_that_is_written_down_is_not_ordered_again_when_its_sending_fails(api, monkeypatch):
    charge = api.charge_of(api.subscribe())

    def fail(*_args, **_more):
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    monkeypatch.setattr(request_refund, "send_refunds", fail)
    answer = refund(api, charge, {"amount": won(1000), "reason": "once"})
    assert answer.status_code == 201
    assert answer.json()["state"] == "requested"
    monkeypatch.undo()
    api.sweep_at("2027-01-31 13:00")
    assert api.get(f"/v1/refunds/{answer.json()['id']}")["state"] in ("pending", "refunded")
    assert api.world.scalar("SELECT count(*) FROM refund") == 1


def test_a_refund_that_was_not_written_down_leaves_the_key_free(api, monkeypatch):
    charge = api.charge_of(api.subscribe())

    def fail(*_args, **_more):
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    monkeypatch.setattr(request_refund, "order_refund", fail)
    answer = refund(api, charge, {"reason": "x"}, Idempotency_Key="r-1")
    api.refused(answer, 503, "busy")
    monkeypatch.undo()
    assert refund(api, charge, {"reason": "x"}, Idempotency_Key="r-1").status_code == 201


@pytest.mark.parametrize("key", [{}, {"Idempotency_Key": "r-1"}])
def test_a_charge_or_refund_that_nobody_has_is_not_found(still, key):
    still.refused(refund(still, NOBODY, {"reason": "x"}, **key), 404, "not_found")
    still.refused(still.call("GET", f"/v1/refunds/{NO_REFUND}"), 404, "not_found")
    still.refused(still.call("GET", f"/v1/charges/{NOBODY}"), 404, "not_found")


def test_a_charge_that_was_not_captured_cannot_be_refunded(api):
    made = api.enrol()
    assert "only a captured" in api.refused(refund(api, made["charge_id"], {"reason": "x"}), 409, "not_refundable")


def test_a_refund_that_failed_says_the_gateway_s_code_and_so_does_its_event(api):
    subscription = api.subscribe()
    api.world.wallet("kim@example.test", refunds=["20006"])
    made = refund(api, api.charge_of(subscription), {"reason": "x"}).json()
    assert made["response_code"] is None
    api.world.wait(minutes=2)
    shown = api.get(f"/v1/refunds/{made['id']}")
    assert (shown["state"], shown["response_code"]) == ("declined", "20006")
    [failed] = api.get("/v1/events", type="refund.failed")["data"]
    assert failed["data"]["response_code"] == "20006"
