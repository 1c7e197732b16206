"""What the sandbox withholds or tells otherwise under its profiles."""

import pytest

SETTLED = "2026-03-01T00:05:00Z"


def on(shop, **names):
    shop.control("PUT", "profiles", {name.replace("_", "-"): value for name, value in names.items()})


def declined(shop, item="20051"):
    source = shop.enrolled()
    shop.script("kim@example.test", script=[item])
    payment = shop.later(source)
    shop.at(SETTLED)
    return payment


def test_details_have_no_source(shop):
    on(shop, no_source=True)
    first = shop.first()
    shop.agree(first)
    assert first["source"]["id"].startswith("src_")
    assert "source" not in shop.get(first)
    listed = shop.call("GET", "/payments?reference=first-1").json()["data"]
    assert [each for each in listed if "source" in each] == []


def test_the_source_may_come_with_the_details_only(shop):
    on(shop, late_source=True)
    first = shop.first()
    assert "source" not in first
    assert shop.get(first)["source"]["id"].startswith("src_")


def test_a_capture_may_bring_no_agreement(shop):
    on(shop, no_agreement=True)
    first = shop.first()
    shop.agree(first)
    assert "source" not in first
    assert shop.status(first) == "Captured"
    assert shop.get(first)["source"] == {"type": "kakaopay"}


def test_a_decline_has_no_actions_and_a_capture_has(shop):
    on(shop, no_decline_actions=True)
    payment = declined(shop)
    assert shop.status(payment) == "Declined"
    assert shop.call("GET", f"/payments/{payment['id']}/actions").status_code == 404
    first = shop.call("GET", "/payments?reference=first-1").json()["data"][0]
    assert [each["type"] for each in shop.actions(first)] == ["Capture", "Authorization"]


def test_no_payment_may_have_actions(shop):
    on(shop, no_actions=True)
    first = shop.first()
    shop.agree(first)
    assert shop.call("GET", f"/payments/{first['id']}/actions").status_code == 404


def test_the_reason_of_a_decline_is_in_processing(shop, receiver):
    on(shop, reason_in_processing=True)
    payment = declined(shop)
    shop.drain()
    told = {
        "failure_code": "20051",
        "partner_code": "USER_BALANCE_NOT_ENOUGH",
        "partner_response_code": "USER_BALANCE_NOT_ENOUGH",
    }
    assert shop.get(payment)["processing"] == told
    assert "response_code" not in shop.actions(payment)[0]
    event = next(each for each in receiver.events if each["type"] == "payment_declined")
    assert "response_code" not in event["data"]
    assert event["data"]["processing"] == told


def test_the_reason_may_be_told_in_the_wallet_network_s_words_only(shop):
    on(shop, reason_by_partner=True)
    payment = declined(shop, "200R1")
    words = {"partner_code": "AGREEMENT_NOT_EXIST", "partner_response_code": "AGREEMENT_NOT_EXIST"}
    assert shop.get(payment)["processing"] == words


@pytest.mark.parametrize(
    ("refusal", "declined_with"), [("422:payee_not_onboarded", "20003"), ("422:source_id_invalid", "20101")]
)
def test_what_is_wrong_with_set_up_or_source_is_told_by_a_decline(shop, refusal, declined_with):
    on(shop, late_refusals=True)
    payment = declined(shop, refusal)
    row = next(each for each in shop.ledger() if each["id"] == payment["id"])
    assert (row["status"], row["response_code"]) == ("Declined", declined_with)


def test_a_currency_that_the_account_lacks_is_told_by_a_decline(shop):
    on(shop, late_refusals=True)
    shop.faults(currencies="HKD")
    first = shop.first()
    shop.agree(first)
    assert shop.status(first) == "Declined"
    assert shop.ledger()[0]["response_code"] == "20106"


def test_what_is_wrong_with_the_request_itself_is_told_at_once(shop):
    on(shop, late_refusals=True)
    assert shop.post(shop.first_body(amount=-1, currency="USD")).json()["error_codes"] == ["amount_invalid"]
    shop.script("kim@example.test", first_payment=["422:reference_invalid"])
    assert shop.post(shop.first_body()).status_code == 422


def test_a_source_that_the_shop_revoked_is_told_by_a_decline(shop):
    on(shop, late_refusals=True)
    source = shop.enrolled()
    shop.call("DELETE", f"/instruments/{source}")
    payment = shop.later(source)
    shop.at(SETTLED)
    assert shop.status(payment) == "Declined"


def test_payments_may_be_answered_201_with_what_is_known(shop):
    on(shop, answers_201=True)
    answer = shop.post(shop.first_body())
    assert answer.status_code == 201
    first = answer.json()
    assert (first["status"], first["amount"], first["currency"]) == ("Pending", 12900, "KRW")
    shop.agree(first)
    shop.faults(settle_seconds_min=0, settle_seconds_max=0)
    shop.script("kim@example.test", script=["ok", "20051"])
    taken = shop.post(shop.later_body(first["source"]["id"])).json()
    assert (taken["status"], taken["approved"], taken["balances"]["total_captured"]) == ("Captured", True, 12900)
    refused = shop.post(shop.later_body(first["source"]["id"], reference="later-2")).json()
    assert (refused["status"], refused["approved"], refused["response_code"]) == ("Declined", False, "20051")


def test_events_of_another_product_have_no_data(shop, receiver):
    on(shop, foreign_events=True)
    shop.first()
    shop.drain()
    foreign = [each for each in receiver.events if each["type"].startswith("issuing_")]
    assert foreign
    assert all("data" not in each and each["event_data"] for each in foreign)


def test_a_success_may_have_the_id_of_its_pending_event(shop, receiver):
    on(shop, shared_event_id=True)
    first = shop.first()
    shop.agree(first)
    assert shop.refund(first).status_code == 202
    shop.at("2026-03-01T01:00:00Z")
    shop.drain()
    ids = {each["type"]: each["id"] for each in receiver.events}
    assert ids["payment_captured"] == ids["payment_capture_pending"]
    assert ids["payment_refunded"] == ids["payment_refund_pending"]
    assert len({ids["payment_pending"], ids["payment_captured"], ids["payment_refunded"]}) == 3
