"""What POST /payments refuses, as a table."""

import pytest

ADDRESS = {"address": {"country": "Korea"}}
CARD = {"type": "card", "number": "4242"}
MANY = {f"k{n}": n for n in range(21)}

FIRST = [
    ({"source": None}, "payment_source_required"),
    ({"source": "kakaopay"}, "source_invalid"),
    ({"source": {}}, "source_type_required"),
    ({"source": CARD}, "payment_method_not_supported"),
    ({"amount": None}, "amount_invalid"),
    ({"amount": 0}, "amount_invalid"),
    ({"amount": -1}, "amount_invalid"),
    ({"amount": 12900.0}, "amount_invalid"),
    ({"amount": "12900"}, "amount_invalid"),
    ({"amount": True}, "amount_invalid"),
    ({"amount": 1_000_000_000}, "amount_invalid"),
    ({"currency": None}, "currency_required"),
    ({"currency": "won"}, "currency_invalid"),
    ({"currency": 410}, "currency_invalid"),
    ({"currency": "EUR"}, "currency_not_supported"),
    ({"reference": None}, "reference_invalid"),
    ({"reference": ""}, "reference_invalid"),
    ({"reference": "r" * 51}, "reference_invalid"),
    ({"reference": "주문"}, "reference_invalid"),
    ({"payment_type": "recurring"}, "payment_type_invalid"),
    ({"payment_type": "MOTO"}, "payment_type_invalid"),
    ({"payment_type": ["Recurring"]}, "payment_type_invalid"),
    ({"capture": False}, "no_authorization_enabled_processors_available"),
    ({"capture": "yes"}, "parameter_invalid"),
    ({"merchant_initiated": "no"}, "parameter_invalid"),
    ({"processing_channel_id": None}, "processing_channel_id_required"),
    ({"processing_channel_id": "pc_" + "z" * 26}, "processing_channel_id_invalid"),
    ({"processing": None}, "processing_terminal_type_required"),
    ({"processing": {"terminal_type": "web"}}, "processing_terminal_type_invalid"),
    ({"processing": {"terminal_type": "APP"}}, "processing_os_type_required"),
    ({"processing": {"terminal_type": "APP", "os_type": "TIZEN"}}, "processing_os_type_invalid"),
    ({"success_url": None}, "success_url_required"),
    ({"success_url": "/ok"}, "success_url_invalid"),
    ({"success_url": "https://s.test/" + "x" * 1024}, "success_url_invalid"),
    ({"failure_url": None}, "fail_url_invalid"),
    ({"failure_url": "javascript:alert(1)"}, "fail_url_invalid"),
    ({"customer": "Kim"}, "parameter_invalid"),
    ({"customer": {"email": "kim"}}, "customer_email_invalid"),
    ({"customer": {"name": 5}}, "parameter_invalid"),
    ({"customer": {"id": "kim"}}, "customer_id_invalid"),
    ({"customer": {"id": "cus_" + "a" * 26}}, "customer_not_found"),
    ({"shipping": ADDRESS}, "country_invalid"),
    ({"metadata": MANY}, "metadata_key_invalid"),
    ({"metadata": {"k": "v" * 256}}, "metadata_key_invalid"),
    ({"metadata": {"k": {}}}, "metadata_key_invalid"),
    ({"items": {}}, "items_invalid"),
    ({"items": [{"name": "Tea", "unit_price": -1}]}, "items_invalid"),
    ({"items": [{"name": "Tea", "quantity": 0}]}, "items_invalid"),
    ({"items": [{"name": "T" * 256}]}, "items_invalid"),
    ({"description": "d" * 101}, "parameter_invalid"),
]

LATER = [
    ({"source": {"type": "id"}}, "source_id_required"),
    ({"source": {"type": "id", "id": "src_short"}}, "source_id_invalid"),
    ({"source": {"type": "id", "id": ["src"]}}, "source_id_invalid"),
    ({"source": {"type": "id", "id": "src_" + "a" * 26}}, "source_id_unknown"),
    ({"payment_type": "Regular"}, "payment_type_invalid"),
    ({"payment_type": None}, "payment_type_invalid"),
    ({"previous_payment_id": "pay_nope"}, "previous_payment_id_invalid"),
]


@pytest.mark.parametrize(("changes", "code"), FIRST)
def test_a_first_payment_is_refused(shop, changes, code):
    answer = shop.post(shop.first_body(**changes))
    assert (answer.status_code, answer.json()["error_codes"]) == (422, [code])
    assert answer.json()["request_id"] == answer.headers["Cko-Request-Id"]
    assert shop.ledger() == []


@pytest.mark.parametrize(("changes", "code"), LATER)
def test_a_later_charge_is_refused(shop, changes, code):
    answer = shop.post(shop.later_body(shop.enrolled(), **changes))
    assert (answer.status_code, answer.json()["error_codes"]) == (422, [code])
    assert len(shop.ledger()) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"amount": NaN}',
        b'{"metadata": {"k": 1e999}}',
        b'{"customer": {"name": "\\ud800"}}',
    ],
)
def test_what_is_not_a_json_object_is_refused(shop, raw):
    answer = shop.call("POST", "/payments", data=raw)
    assert (answer.status_code, answer.json()["error_codes"]) == (422, ["request_json_invalid"])


def test_all_that_is_wrong_is_told_at_once(shop):
    answer = shop.post(shop.first_body(amount=0, currency="EUR", success_url=None))
    assert answer.json()["error_codes"] == [
        "amount_invalid",
        "currency_not_supported",
        "success_url_required",
    ]


def test_only_the_wallet_networks_refusal_is_spelled_the_other_way(shop):
    assert shop.post(shop.first_body(reference=None)).json()["error_type"] == "invalid_request"
    assert shop.post(shop.first_body(amount=0)).json()["error_type"] == "request_invalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"capture": "true"},
        {"capture": None},
        {"merchant_initiated": False},
        {"processing": {"terminal_type": "WAP", "os_type": "ANDROID"}},
        {"currency": "HKD"},
        {"customer": None},
        {"items": None},
        {"metadata": {"a": "b", "n": 1, "flag": True}},
        {"unknown_field": {"deep": []}},
    ],
)
def test_what_the_pages_show_is_accepted(shop, changes):
    shop.first(**changes)


def test_a_later_charge_may_say_that_it_is_merchant_initiated_or_not(shop):
    first = shop.first()
    shop.agree(first)
    shop.later(first["source"]["id"], merchant_initiated=True, previous_payment_id=first["id"])
