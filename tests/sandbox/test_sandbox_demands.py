"""What the sandbox demands under its profiles: headers, scopes, fields; each can be switched alone."""

import pytest
import requests
from sandbox_shop import Shop
from waiting import HANG_SECONDS

from billing.sandbox import defaults
from billing.sandbox.demands.profiles import PROFILES, STRICT

AGENT = {"User-Agent": "shop-backend/2.1"}
NAMED = {
    "customer": {"email": "kim@example.test", "name": "Kim"},
    "shipping": {"address": {"country": "KR"}},
    "items": [{"name": "Tea", "reference": "tea", "unit_price": 12900, "quantity": 1}],
}


def codes(answer):
    return answer.status_code, answer.json()["error_codes"]


def test_by_default_nothing_is_demanded(shop):
    told = shop.control("GET", "profiles")
    assert not any(each["on"] for each in told["profiles"].values())
    assert "flow:events" in told["scopes"]


def test_each_profile_is_switched_alone_and_a_reset_switches_it_off(shop):
    for name in PROFILES:
        told = shop.control("PUT", "profiles", {"strict": False, name: True})["profiles"]
        assert [each for each in told if told[each]["on"]] == [name]
    shop.control("POST", "reset", {})
    assert not any(each["on"] for each in shop.control("GET", "profiles")["profiles"].values())


def test_strict_is_every_profile_that_excludes_no_other(shop):
    told = shop.control("PUT", "profiles", {"strict": True})["profiles"]
    assert {name for name, each in told.items() if each["on"]} == STRICT
    assert STRICT | {name for name, each in PROFILES.items() if each.instead_of in STRICT} == set(PROFILES)


def test_a_profile_switches_off_the_one_it_excludes(shop):
    told = shop.control("PUT", "profiles", {"strict": True, "merchant-initiated": True})["profiles"]
    assert told["merchant-initiated"]["on"]
    assert not told["no-merchant-initiated"]["on"]
    told = shop.control("PUT", "profiles", {"no-merchant-initiated": True})["profiles"]
    assert not told["merchant-initiated"]["on"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"costumer": True}, "costumer: there is no such profile"),
        ({"customer": "yes"}, "customer: must be true or false"),
        ({"granted_scopes": "gateway"}, "granted_scopes: must be a list"),
        ({"customer": True, "granted_scopes": ["gatewey"]}, "gatewey is no scope"),
    ],
)
def test_an_impossible_setting_is_named_and_changes_nothing(shop, wanted, said):
    answer = shop.call("PUT", "/_sandbox/profiles", json=wanted)
    assert answer.status_code == 422
    assert said in answer.json()["error"]
    assert not any(each["on"] for each in shop.control("GET", "profiles")["profiles"].values())


@pytest.mark.parametrize("content_type", ["application/octet-stream", "text/plain", None])
def test_a_body_of_another_content_type_is_415(shop, content_type):
    shop.control("PUT", "profiles", {"content-type": True})
    source = shop.enrolled()
    headers = {} if content_type is None else {"Content-Type": content_type}
    for method, path in (("POST", "/payments"), ("PATCH", f"/instruments/{source}/revoke")):
        answer = shop.call(method, path, data=b"{}", headers=headers)
        assert answer.status_code == 415, path
    revoked = shop.call("PATCH", f"/instruments/{source}/revoke", headers={"Content-Type": "application/json"})
    assert revoked.status_code == 200


def test_who_does_not_take_json_is_406(shop):
    shop.control("PUT", "profiles", {"accept": True})
    path = "/payments?reference=x"
    assert shop.call("GET", path, headers={"Accept": "text/html"}).status_code == 406
    assert shop.call("GET", path, headers={"Accept": "application/json, text/plain, */*"}).status_code == 200


@pytest.mark.parametrize("agent", ["python-requests/2.32", "axios/1.7", "node", "curl/8", "Mozilla", "undici"])
def test_a_caller_without_a_name_of_its_own_is_403(shop, agent):
    shop.control("PUT", "profiles", {"user-agent": True})
    assert shop.call("GET", "/payments?reference=x", headers={"User-Agent": agent}).status_code == 403
    for named in ("shop-backend/2.1", "checkout-sdk-node/5.2.1", "checkout-sdk-python/3.8.0"):
        assert shop.call("GET", "/payments?reference=x", headers={"User-Agent": named}).status_code == 200


def test_a_payment_without_its_key_is_422(shop):
    shop.control("PUT", "profiles", {"idempotency-key": True})
    assert codes(shop.post(shop.first_body())) == (422, ["idempotency_key_required"])
    assert shop.post(shop.first_body(), key="k-1").status_code == 202


@pytest.mark.parametrize(
    ("profile", "lacking", "code"),
    [
        ("customer", {"customer": None}, "customer_required"),
        ("customer", {"customer": {"email": "kim@example.test"}}, "customer_required"),
        ("country", {"shipping": {"address": {}}}, "country_required"),
        ("item-reference", {"items": None}, "items_required"),
        ("item-reference", {"items": [{"name": "Tea"}]}, "item_reference_required"),
    ],
)
def test_first_and_later_payments_need_what_the_page_always_sends(shop, profile, lacking, code):
    source = shop.enrolled()
    shop.control("PUT", "profiles", {profile: True})
    for body in (shop.first_body, lambda **more: shop.later_body(source, **more)):
        assert codes(shop.post(body(reference="r-2", **NAMED | lacking))) == (422, [code])
        assert shop.post(body(reference="r-2", **NAMED)).status_code == 202


def test_a_customer_may_be_named_by_its_id(shop):
    source = shop.enrolled()
    shop.control("PUT", "profiles", {"customer": True})
    known = shop.control("GET", "wallets")[0]["customer_id"]
    assert shop.post(shop.later_body(source, customer={"id": known})).status_code == 202
    unknown = shop.post(shop.later_body(source, customer={"id": f"cus_{'a' * 26}"}))
    assert codes(unknown) == (422, ["customer_not_found"])


def test_later_payments_must_be_merchant_initiated_and_continue_a_series(shop):
    shop.control("PUT", "profiles", {"merchant-initiated": True})
    first = shop.first()
    shop.agree(first)
    other = shop.first(reference="other", customer={"email": "lee@example.test"})
    source = first["source"]["id"]
    plain = shop.post(shop.later_body(source))
    assert codes(plain) == (422, ["merchant_initiated_required", "previous_payment_id_required"])
    of_another = shop.later_body(source, merchant_initiated=True, previous_payment_id=other["id"])
    assert codes(shop.post(of_another)) == (422, ["previous_payment_id_invalid"])
    assert shop.later(source, merchant_initiated=True, previous_payment_id=first["id"])
    assert codes(shop.post(shop.first_body(merchant_initiated=True))) == (422, ["merchant_initiated_invalid"])
    assert shop.first(reference="r-3", merchant_initiated=False)


def test_merchant_initiated_may_be_refused(shop):
    first = shop.first()
    shop.agree(first)
    shop.control("PUT", "profiles", {"no-merchant-initiated": True})
    body = shop.later_body(first["source"]["id"], merchant_initiated=True, previous_payment_id=first["id"])
    assert codes(shop.post(body)) == (422, ["merchant_initiated_invalid", "previous_payment_id_invalid"])
    assert shop.later(first["source"]["id"])


def token(shop: Shop, scope: str | None) -> requests.Response:
    form = {"grant_type": "client_credentials", "client_id": defaults.CLIENT_ID, "scope": scope}
    form["client_secret"] = defaults.CLIENT_SECRET
    return requests.post(f"{shop.url}/connect/token", data=form, timeout=HANG_SECONDS)


def test_a_narrow_access_key_refuses_more_and_opens_no_more(shop):
    shop.control("PUT", "profiles", {"scopes": True})
    refused = token(shop, "gateway vault:instruments flow:events")
    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_scope"})
    for scope in ("gateway vault:instruments", None):
        issued = token(shop, scope)
        bearer = {"Authorization": f"Bearer {issued.json()['access_token']}"}
        assert shop.call("GET", "/payments?reference=x", headers=bearer).status_code == 200
        assert shop.call("GET", "/workflows/events/evt_x", headers=bearer).status_code == 403


def test_the_secret_key_has_scopes_too_and_they_can_be_granted(shop):
    shop.control("PUT", "profiles", {"scopes": True})
    assert shop.call("GET", "/workflows/events/evt_x").status_code == 403
    told = shop.control("PUT", "profiles", {"granted_scopes": ["gateway", "flow:events"]})
    assert told["scopes"] == ["flow:events", "gateway"]
    assert shop.call("GET", "/workflows/events/evt_x").status_code == 404
    assert shop.call("DELETE", "/instruments/src_x").status_code == 403
    assert token(shop, "vault").json() == {"error": "invalid_scope"}


def test_under_strict_a_request_with_everything_is_accepted(shop):
    shop.control("PUT", "profiles", {"strict": True})
    headers = AGENT | {"Cko-Idempotency-Key": "k-1", "Accept": "application/json"}
    answer = shop.call("POST", "/payments", json=shop.first_body(**NAMED), headers=headers)
    assert answer.status_code == 201, answer.text
