"""Each script item a wallet understands, and balances."""

import pytest

KIM = "kim@example.test"
LATER = [
    ("ok", "2026-03-01T00:01:00Z", "Captured", "10000"),
    ("20051", "2026-03-01T00:01:00Z", "Declined", "20051"),
    ("200R1", "2026-03-01T00:01:00Z", "Declined", "200R1"),
    ("hang", "2027-03-01T00:00:00Z", "Pending", None),
    ("expire", "2026-03-01T00:01:00Z", "Expired", None),
    ("cancel", "2026-03-01T00:01:00Z", "Canceled", None),
    ("pending:2", "2026-03-01T01:59:59Z", "Pending", None),
    ("pending:2", "2026-03-01T02:00:00Z", "Captured", "10000"),
    ("pending:0.5:20061", "2026-03-01T00:30:00Z", "Declined", "20061"),
    ("pending:1:expire", "2026-03-01T01:00:00Z", "Expired", None),
    ("late:3:20051", "2026-03-01T00:01:00Z", "Declined", "20051"),
    ("late:3:20051", "2026-03-01T03:01:00Z", "Captured", "10000"),
    ("late:3:expire", "2026-03-01T00:01:00Z", "Expired", None),
    ("late:3:cancel", "2026-03-01T00:01:00Z", "Canceled", None),
    ("late:3", "2026-03-01T03:01:00Z", "Captured", "10000"),
    ({"outcome": "20096", "settle_seconds": 300}, "2026-03-01T00:04:59Z", "Pending", None),
    ({"outcome": "20096", "settle_seconds": 300}, "2026-03-01T00:05:00Z", "Declined", "20096"),
    ({"outcome": "ok", "settle_seconds": 0}, "2026-03-01T00:00:00Z", "Captured", "10000"),
]


@pytest.mark.parametrize(("item", "instant", "status", "code"), LATER)
def test_a_later_charge_follows_its_script_item(shop, item, instant, status, code):
    source = shop.enrolled()
    shop.script(KIM, script=[item])
    later = shop.later(source)
    shop.at(instant)
    row = shop.ledger()[-1]
    assert (shop.status(later), row["status"], row["response_code"]) == (status, status, code)


def test_a_script_is_used_up_one_item_a_charge_and_then_the_default_rules(shop):
    source = shop.enrolled()
    shop.script(source, script=["20051", "ok"], default="20061")
    codes = []
    for n in range(4):
        later = shop.later(source, reference=f"later-{n}")
        shop.at(f"2026-03-01T0{n + 1}:00:00Z")
        codes.append(shop.actions(later)[0]["response_code"])
    assert codes == ["20051", "10000", "20061", "20061"]
    assert shop.control("GET", "wallets")[0]["script"] == []


def test_a_wrong_amount_is_what_was_captured(shop):
    source = shop.enrolled()
    shop.script(KIM, script=["wrong_amount:500"])
    later = shop.later(source)
    shop.at("2026-03-01T00:01:00Z")
    assert (shop.get(later)["amount"], shop.get(later)["balances"]["total_captured"]) == (500, 500)
    assert (shop.ledger()[-1]["amount"], shop.ledger()[-1]["captured"]) == (12900, 500)


def test_a_refusal_by_script_makes_no_payment_and_is_used_up(shop):
    source = shop.enrolled()
    shop.script(KIM, script=["422:apm_service_unavailable"])
    answer = shop.post(shop.later_body(source))
    assert (answer.status_code, answer.json()["error_codes"]) == (422, ["apm_service_unavailable"])
    assert len(shop.ledger()) == 1
    assert shop.post(shop.later_body(source)).status_code == 202


@pytest.mark.parametrize(
    ("item", "status", "after_a_day"),
    [
        ("ok", "Captured", "Captured"),
        ("20051", "Declined", "Declined"),
        ("reject", "Declined", "Declined"),
        ("cancel", "Canceled", "Canceled"),
        ("expire", "Pending", "Expired"),
        ("hang", "Pending", "Pending"),
        ("pending:1", "Pending", "Captured"),
        ("late:2:expire", "Pending", "Captured"),
    ],
)
def test_a_script_covers_the_first_payment_of_a_wallet_not_yet_seen(shop, item, status, after_a_day):
    shop.script(KIM, first_payment=[item])
    first = shop.first()
    shop.agree(first)
    assert shop.status(first) == status
    shop.at("2026-03-02T00:00:00Z")
    assert shop.status(first) == after_a_day


def test_late_truth_of_a_first_payment_comes_after_its_expiry_and_makes_the_source_good(shop):
    shop.script(KIM, first_payment=["late:2:expire"])
    first = shop.first()
    shop.agree(first)
    shop.at("2026-03-01T02:14:59Z")
    assert shop.status(first) == "Expired"
    assert shop.post(shop.later_body(first["source"]["id"])).status_code == 422
    shop.at("2026-03-01T02:15:00Z")
    assert shop.status(first) == "Captured"
    shop.later(first["source"]["id"])


def test_consent_may_come_by_itself_for_one_wallet_or_all(shop):
    shop.script(KIM, first_payment=[{"outcome": "ok", "settle_seconds": 5}])
    by_script = shop.first()
    shop.faults(auto_agree_seconds=7)
    by_setting = shop.first(customer={"email": "lee@example.test"}, reference="first-2")
    shop.at("2026-03-01T00:00:05Z")
    assert [shop.status(each) for each in (by_script, by_setting)] == ["Captured", "Pending"]
    shop.at("2026-03-01T00:00:07Z")
    assert shop.status(by_setting) == "Captured"


def test_consent_given_already_is_not_given_again_by_itself(shop):
    shop.script(KIM, first_payment=["pending:1"])
    shop.faults(auto_agree_seconds=7)
    first = shop.first()
    shop.agree(first)
    shop.at("2026-03-01T00:59:59Z")
    assert shop.status(first) == "Pending"
    shop.at("2026-03-01T01:00:00Z")
    assert shop.status(first) == "Captured"


def test_late_truth_of_a_later_charge_does_not_renew_the_agreement(shop):
    source = shop.enrolled()
    shop.script(KIM, script=["late:1"], agreement="none")
    assert shop.post(shop.later_body(source)).status_code == 422
    shop.script(KIM, agreement="active")
    shop.later(source)
    shop.script(KIM, agreement="none")
    shop.at("2026-03-01T02:00:00Z")
    assert shop.ledger()[-1]["status"] == "Captured"
    assert shop.control("GET", "wallets")[0]["agreement"] == "none"


def test_a_balance_suffices_to_the_last_won(shop):
    source = shop.enrolled()
    shop.script(KIM, balance=12900)
    later = shop.later(source)
    shop.at("2026-03-01T00:01:00Z")
    assert shop.status(later) == "Captured"
    assert shop.control("GET", "wallets")[0]["balance"] == 0


def test_a_balance_is_spent_and_given_back(shop):
    source = shop.enrolled()
    shop.script(KIM, balance=20000)
    one, two = shop.later(source), shop.later(source, reference="later-2")
    shop.at("2026-03-01T00:01:00Z")
    assert {shop.status(one), shop.status(two)} == {"Captured", "Declined"}
    captured, declined = (one, two) if shop.status(one) == "Captured" else (two, one)
    assert shop.actions(declined)[0]["response_code"] == "20051"
    assert shop.control("GET", "wallets")[0]["balance"] == 7100
    shop.refund(captured, amount=900)
    shop.at("2026-03-01T00:02:00Z")
    assert shop.control("GET", "wallets")[0]["balance"] == 8000


@pytest.mark.parametrize(
    ("item", "approved", "available"), [("ok", True, 12000), ("20006", False, 12900), ("hang", None, 12000)]
)
def test_refunds_have_a_script_too(shop, item, approved, available):
    first = shop.first()
    shop.agree(first)
    shop.script(KIM, refunds=[item])
    shop.refund(first, amount=900)
    shop.at("2026-03-02T00:00:00Z")
    assert shop.actions(first)[0].get("approved") is approved
    assert shop.get(first)["balances"]["available_to_refund"] == available


@pytest.mark.parametrize(
    "wanted",
    [
        {"script": ["maybe"]},
        {"script": ["200511"]},
        {"script": "ok"},
        {"script": [7]},
        {"script": ["pending:x"]},
        {"script": ["late:1:ok"]},
        {"script": [{"outcome": "ok", "settle_seconds": -1}]},
        {"script": [{"outcome": "ok", "when": 1}]},
        {"default": "nope"},
        {"refunds": ["pending:1"]},
        {"first_payment": ["422:"]},
        {"balance": -1},
        {"balance": 1.5},
        {"agreement": "broken"},
        {"colour": "red"},
    ],
)
def test_a_senseless_wallet_setting_is_refused_by_name_and_changes_nothing(shop, wanted):
    answer = shop.call("PUT", f"/_sandbox/wallets/{KIM}", json={"balance": 5} | wanted)
    assert answer.status_code == 422
    assert next(iter(wanted)) in answer.json()["error"]
    assert shop.control("GET", "wallets") == []


def test_an_agreement_may_be_set_without_a_first_payment(shop):
    shop.script(KIM, agreement="active")
    (wallet,) = shop.control("GET", "wallets")
    later = shop.later(wallet["source_ids"][0])
    shop.script(wallet["source_ids"][0], agreement="cut")
    shop.at("2026-03-01T00:01:00Z")
    assert shop.status(later) == "Declined"
    assert shop.control("GET", "wallets")[0]["agreement"] == "cut"


def test_an_unknown_source_has_no_wallet(shop):
    assert shop.call("PUT", "/_sandbox/wallets/src_nope", json={}).status_code == 404


def test_a_first_payment_may_be_refused_by_script(shop):
    shop.script(KIM, first_payment=["422:payee_not_onboarded"])
    assert shop.post(shop.first_body()).json()["error_codes"] == ["payee_not_onboarded"]
    assert shop.post(shop.first_body()).status_code == 202


@pytest.mark.parametrize(("fault", "code"), [("refund_declined", "20006"), ("refund_hang", None)])
def test_unscripted_refunds_have_odds(shop, fault, code):
    first = shop.first()
    shop.agree(first)
    shop.faults(**{fault: 1})
    shop.refund(first, amount=900)
    shop.at("2026-03-02T00:00:00Z")
    assert shop.actions(first)[0].get("response_code") == code
    assert shop.status(first) == "Captured"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("charge_declined", "Declined"),
        ("charge_hang", "Pending"),
        ("charge_pending", "Pending"),
        ("charge_expired", "Expired"),
        ("merchant_declines", "Declined"),
    ],
)
def test_unscripted_charges_have_odds(shop, fault, status):
    source = shop.enrolled()
    shop.faults(**{fault: 1})
    later = shop.later(source)
    shop.at("2026-03-01T00:01:00Z")
    assert shop.status(later) == status


def test_the_odds_of_late_truth_and_wrong_amounts(shop):
    source = shop.enrolled()
    shop.faults(charge_late=1)
    late = shop.later(source)
    shop.at("2026-03-01T00:01:00Z")
    assert shop.status(late) in {"Declined", "Expired"}
    shop.at("2026-03-04T00:00:00Z")
    assert shop.status(late) == "Captured"
    shop.faults(charge_late=0, wrong_amount=1)
    shop.later(source, reference="later-2")
    shop.at("2026-03-04T00:01:00Z")
    assert shop.ledger()[-1]["captured"] not in {0, 12900}
