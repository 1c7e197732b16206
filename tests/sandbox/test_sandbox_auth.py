"""Keys, tokens and scopes."""

import pytest

from billing.sandbox import defaults

FORM = {
    "grant_type": "client_credentials",
    "client_id": defaults.CLIENT_ID,
    "client_secret": defaults.CLIENT_SECRET,
}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer sk_sbox_wrong", defaults.SECRET_KEY, "Basic eDp5"])
def test_a_wrong_key_gets_401_and_no_body(shop, header):
    answer = shop.call("GET", "/payments?reference=a", headers={"Authorization": header})
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["Cko-Request-Id"]


def test_a_token_opens_the_gateway_until_it_expires(shop):
    granted = shop.call("POST", "/connect/token", data=FORM, headers={"Authorization": ""}).json()
    assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 3600)
    headers = bearer(granted["access_token"])
    shop.at("2026-03-01T00:59:59Z")
    assert shop.call("GET", "/payments?reference=a", headers=headers).status_code == 200
    shop.at("2026-03-01T01:00:00Z")
    assert shop.call("GET", "/payments?reference=a", headers=headers).status_code == 401


def test_the_pair_may_come_in_http_basic(shop):
    form = {"grant_type": "client_credentials"}
    pair = (defaults.CLIENT_ID, defaults.CLIENT_SECRET)
    assert shop.call("POST", "/connect/token", data=form, auth=pair).status_code == 200
    assert shop.call("POST", "/connect/token", data=form, auth=(pair[0], "no")).json() == {"error": "invalid_client"}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "ack_other"}, "invalid_client"),
        ({"client_secret": ""}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"scope": "gateway everything"}, "invalid_scope"),
    ],
)
def test_a_bad_grant_is_400(shop, changes, error):
    answer = shop.call("POST", "/connect/token", data=FORM | changes, headers={"Authorization": ""})
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_a_token_opens_only_what_its_scopes_say(shop):
    form = FORM | {"scope": "gateway:payment-details flow:events"}
    headers = bearer(shop.call("POST", "/connect/token", data=form).json()["access_token"])
    assert shop.call("GET", "/payments?reference=a", headers=headers).status_code == 200
    assert shop.call("POST", "/payments", json=shop.first_body(), headers=headers).status_code == 403
    assert shop.call("DELETE", "/instruments/src_x", headers=headers).status_code == 403
    assert shop.call("GET", "/workflows/events/evt_x", headers=headers).status_code == 404
