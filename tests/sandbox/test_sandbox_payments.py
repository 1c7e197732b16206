"""The life of payments, first and later, as a shop sees it."""

import re

import pytest


def test_a_first_recurring_payment_is_accepted_as_pending_with_a_source_and_a_redirect(shop):
    answer = shop.post(shop.first_body())
    body = answer.json()
    assert answer.status_code == 202
    assert body["status"] == "Pending"
    assert re.fullmatch(r"pay_[a-z2-7]{26}", body["id"])
    assert re.fullmatch(r"src_[a-z0-9]{26}", body["source"]["id"])
    assert body["source"]["type"] == "kakaopay"
    assert body["customer"]["email"] == "Kim@Example.test"
    assert body["_links"]["redirect"]["href"].startswith(shop.url)
    assert not {"amount", "approved", "response_code"} & set(body)
    assert answer.headers["Location"] == body["_links"]["self"]["href"]
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["Cko-Request-Id"])


def test_a_one_off_payment_names_no_source_id(shop):
    body = shop.first(payment_type="Regular")
    assert "source" not in body
    assert shop.get(body)["source"] == {"type": "kakaopay"}


def test_agreeing_captures_and_sends_the_subscriber_back(shop):
    first = shop.first()
    answer = shop.agree(first)
    details = shop.get(first)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"https://shop.test/ok?order=1&cko-payment-id={first['id']}"
    assert (details["status"], details["approved"]) == ("Captured", True)
    assert details["balances"]["total_captured"] == details["balances"]["available_to_refund"] == 12900
    assert details["requested_on"] == "2026-03-01T00:00:00.000000Z"
    assert details["items"][0]["name"] == "Tea"


def test_actions_come_newest_first_with_codes(shop):
    first = shop.first()
    assert shop.actions(first) == []
    shop.agree(first)
    assert [each["type"] for each in shop.actions(first)] == ["Capture", "Authorization"]
    assert {each["response_code"] for each in shop.actions(first)} == {"10000"}


def test_a_later_charge_has_no_redirect_and_is_captured_within_a_minute(shop):
    later = shop.later(shop.enrolled())
    assert "redirect" not in later["_links"]
    assert shop.status(later) == "Pending"
    assert "2026-03-01T00:00:01" <= shop.control("GET", "clock")["next"] <= "2026-03-01T00:01:00.000000Z"
    shop.at("2026-03-01T00:01:00Z")
    assert shop.status(later) == "Captured"


def test_a_source_is_refused_before_its_first_payment_is_captured(shop):
    first = shop.first()
    answer = shop.post(shop.later_body(first["source"]["id"]))
    assert (answer.status_code, answer.json()["error_codes"]) == (422, ["source_id_invalid"])
    shop.press(first, "reject")
    assert shop.post(shop.later_body(first["source"]["id"])).status_code == 422


def test_rejecting_declines_and_leaving_lets_it_expire(shop):
    rejected, left = shop.first(), shop.first(reference="first-2")
    assert shop.press(rejected, "reject").headers["Location"].startswith("https://shop.test/ko?")
    assert shop.status(rejected) == "Declined"
    assert shop.actions(rejected)[0]["response_code"] == "20017"
    assert shop.press(left, "leave").headers["Location"].startswith("https://shop.test/ko?")
    shop.at("2026-03-01T00:14:59Z")
    assert shop.status(left) == "Pending"
    shop.at("2026-03-01T00:15:00Z")
    assert shop.status(left) == "Expired"
    assert shop.get(left)["approved"] is False


def test_the_list_is_by_exact_reference_newest_first_in_pages(shop):
    ids = [shop.first(reference="same")["id"] for _ in range(3)]
    shop.first(reference="same-not")
    page = shop.call("GET", "/payments?reference=same&limit=2&skip=1").json()
    assert (page["total_count"], page["limit"], page["skip"]) == (3, 2, 1)
    assert [each["id"] for each in page["data"]] == [ids[1], ids[0]]
    assert shop.call("GET", "/payments?reference=none").json()["data"] == []


@pytest.mark.parametrize("query", ["", "?reference=a&limit=0", "?reference=a&limit=101", "?reference=a&skip=x"])
def test_a_senseless_list_is_refused(shop, query):
    assert shop.call("GET", f"/payments{query}").status_code == 422


def test_partial_refunds_add_up_and_the_status_follows(shop):
    first = shop.first()
    shop.agree(first)
    answer = shop.refund(first, amount=900, reference="refund-1")
    assert answer.status_code == 202
    assert set(answer.json()) == {"action_id", "reference", "_links"}
    assert (
        shop.get(first)["balances"] | {"total_refunded": 0, "available_to_refund": 12000} == shop.get(first)["balances"]
    )
    shop.at("2026-03-01T00:01:00Z")
    assert (shop.status(first), shop.get(first)["balances"]["total_refunded"]) == ("Partially Refunded", 900)
    shop.refund(first)
    shop.at("2026-03-01T00:02:00Z")
    assert (shop.status(first), shop.ledger()[0]["refunded"]) == ("Refunded", 12900)
    assert "refund" not in shop.get(first)["_links"]


@pytest.mark.parametrize("status", [422, 403])
def test_refunds_never_exceed_what_was_captured(shop, status):
    shop.faults(over_refund_status=status)
    first = shop.first()
    assert shop.refund(first, amount=1).status_code == status
    shop.agree(first)
    shop.refund(first, amount=12000)
    answer = shop.refund(first, amount=901)
    assert (answer.status_code, answer.json()["error_codes"]) == (status, ["refund_amount_exceeds_balance"])
    assert shop.refund(first, amount=900).status_code == 202


@pytest.mark.parametrize("amount", [0, -1, 1.5, "100", True])
def test_a_refund_amount_is_a_positive_whole_number(shop, amount):
    first = shop.first()
    shop.agree(first)
    assert shop.refund(first, amount=amount).json()["error_codes"] == ["amount_invalid"]


def test_a_refund_after_the_window_is_accepted_and_then_declined(shop):
    first = shop.first()
    shop.agree(first)
    shop.at("2027-03-02T00:00:00Z")
    assert shop.refund(first).status_code == 202
    shop.at("2027-03-02T00:01:00Z")
    assert shop.actions(first)[0]["response_code"] == "20158"
    assert shop.get(first)["balances"]["available_to_refund"] == 12900


@pytest.mark.parametrize("action", ["captures", "voids", "authorizations", "cancellations", "reversals"])
def test_what_kakaopay_cannot_do_is_refused(shop, action):
    first = shop.first()
    assert shop.call("POST", f"/payments/{first['id']}/{action}").status_code == 403
    shop.faults(capture_void_status=422)
    assert shop.call("POST", f"/payments/{first['id']}/{action}").status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/payments/pay_nope"),
        ("GET", "/payments/pay_nope/actions"),
        ("POST", "/payments/pay_nope/refunds"),
        ("PATCH", "/instruments/src_nope/revoke"),
        ("DELETE", "/instruments/src_nope"),
        ("GET", "/workflows/events/evt_nope"),
        ("GET", "/workflows/events/subject/pay_nope"),
        ("POST", "/workflows/events/evt_nope/reflow"),
    ],
)
def test_the_unknown_is_404_without_a_body(shop, method, path):
    answer = shop.call(method, path)
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize(("method", "tail"), [("PATCH", "/revoke"), ("DELETE", "")])
def test_a_source_the_merchant_ended_is_refused_or_declined(shop, method, tail):
    source = shop.enrolled()
    assert shop.call(method, f"/instruments/{source}{tail}").ok
    assert shop.post(shop.later_body(source)).json()["error_codes"] == ["source_id_invalid"]
    shop.faults(revoked_source="20101")
    later = shop.later(source)
    shop.at("2026-03-01T00:01:00Z")
    assert shop.actions(later)[0]["response_code"] == "20101"


@pytest.mark.parametrize("code", ["200R1", "20101"])
def test_a_charge_after_or_while_the_subscriber_cuts_the_agreement_is_declined(shop, code):
    shop.faults(dead_agreement_code=code)
    source = shop.enrolled()
    under_way = shop.later(source)
    shop.call("POST", f"/wallet/agreements/{source}/cut")
    after = shop.later(source, reference="later-2")
    shop.at("2026-03-01T00:01:00Z")
    assert [shop.actions(each)[0]["response_code"] for each in (under_way, after)] == [code, code]


def test_each_wallet_has_one_customer_whatever_the_spelling_of_its_email(shop):
    first, again = shop.first(), shop.first(customer={"email": "kim@example.TEST"}, reference="r-2")
    assert first["customer"]["id"] == again["customer"]["id"]
    by_id = shop.first(customer={"id": first["customer"]["id"]}, reference="r-3")
    assert by_id["customer"]["id"] == first["customer"]["id"]
    assert [each["wallet"] for each in shop.control("GET", "wallets")] == ["kim@example.test"]
