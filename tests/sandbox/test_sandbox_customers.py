"""Customers and instruments: what the gateway keeps of who pays, and of their agreements."""

import pytest

KIM = "kim@example.test"


def cus(shop, **changes):
    return shop.first(**changes)["customer"]["id"]


def customer(shop, name):
    return shop.call("GET", f"/customers/{name}").json()


def test_a_payment_with_an_email_makes_a_customer_and_the_next_one_finds_it(shop):
    made = cus(shop)
    assert cus(shop, reference="first-2", customer={"email": "KIM@example.test"}) == made
    assert cus(shop, reference="first-3", customer={"id": made}) == made
    assert cus(shop, reference="first-4", customer={"email": "lee@example.test"}) != made
    shown = customer(shop, made)
    assert (shown["id"], shown["name"], len(shown["instruments"])) == (made, "Kim", 3)
    assert customer(shop, KIM) == shown


def test_a_customer_is_made_before_any_payment_and_then_found_by_it(shop):
    body = {"email": "Lee@example.test", "name": "Lee", "phone": {"country_code": "82", "number": "1012345678"}}
    answer = shop.call("POST", "/customers", json=body | {"metadata": {"team": "a"}})
    assert answer.status_code == 201
    made = answer.json()["id"]
    assert customer(shop, made) == {"id": made, "instruments": [], "metadata": {"team": "a"}, **body}
    assert cus(shop, customer={"email": "lee@example.test"}) == made
    again = shop.call("POST", "/customers", json=body)
    assert (again.status_code, again.json()["error_codes"]) == (422, ["customer_email_already_exists"])


def test_a_change_of_the_email_makes_no_second_customer(shop):
    made = cus(shop)
    assert shop.call("PATCH", f"/customers/{made}", json={"email": "Kim@new.test", "name": "Kim H."}).status_code == 204
    assert (customer(shop, made)["email"], customer(shop, "kim@new.test")["name"]) == ("Kim@new.test", "Kim H.")
    assert cus(shop, reference="first-2", customer={"email": "kim@NEW.test"}) == made
    assert cus(shop, reference="first-3", customer={"email": KIM}) == made
    cus(shop, reference="first-4", customer={"email": "lee@example.test"})
    answer = shop.call("PATCH", f"/customers/{made}", json={"email": "lee@example.test"})
    assert answer.json()["error_codes"] == ["customer_email_already_exists"]


def test_a_deleted_customer_is_gone_with_its_instruments_and_the_next_payment_makes_another(shop):
    source = shop.enrolled()
    made = customer(shop, KIM)["id"]
    assert shop.call("DELETE", f"/customers/{made}").status_code == 204
    for path in (f"/customers/{made}", f"/customers/{KIM}", f"/instruments/{source}"):
        assert shop.call("GET", path).status_code == 404
    refused = shop.post(shop.first_body(reference="first-2", customer={"id": made}))
    assert refused.json()["error_codes"] == ["customer_not_found"]
    after = cus(shop, reference="first-3")
    assert after != made
    assert len(customer(shop, after)["instruments"]) == 1
    assert shop.post(shop.later_body(source)).json()["error_codes"] == ["source_id_invalid"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"email": None}, "customer_email_required"),
        ({"email": "nobody"}, "customer_email_invalid"),
        ({"name": 7}, "customer_name_invalid"),
        ({"phone": "010"}, "customer_phone_invalid"),
        ({"metadata": {"a": []}}, "metadata_key_invalid"),
        ({"default": "src_of_another_customer0000000"}, "customer_default_invalid"),
        ({"instruments": ["src_of_another_customer0000000"]}, "customer_instruments_invalid"),
    ],
)
def test_a_bad_customer_is_refused(shop, body, code):
    answer = shop.call("POST", "/customers", json={"email": "lee@example.test"} | body)
    assert (answer.status_code, answer.json()["error_codes"]) == (422, [code])
    assert shop.call("GET", "/customers/lee@example.test").status_code == 404
    if "_required" not in code:
        made = cus(shop)
        before = customer(shop, made)
        assert shop.call("PATCH", f"/customers/{made}", json=body).json()["error_codes"] == [code]
        assert customer(shop, made) == before


def test_an_unknown_customer_is_404(shop):
    for method in ("GET", "PATCH", "DELETE"):
        assert shop.call(method, "/customers/cus_none", json={}).status_code == 404


def test_an_instrument_is_shown_until_it_is_deleted(shop):
    source = shop.enrolled()
    shown = shop.call("GET", f"/instruments/{source}").json()
    assert (shown["type"], shown["status"], shown["customer"]["email"]) == ("kakaopay", "VALID", "Kim@Example.test")
    shop.call("PATCH", f"/instruments/{source}/revoke")
    assert shop.call("GET", f"/instruments/{source}").json()["status"] == "INVALID"
    assert shop.call("DELETE", f"/instruments/{source}").status_code == 204
    for method, path in (("GET", ""), ("PATCH", ""), ("PATCH", "/revoke"), ("DELETE", "")):
        assert shop.call(method, f"/instruments/{source}{path}", json={}).status_code == 404


def test_an_instrument_can_be_made_the_customers_default(shop):
    source = shop.enrolled()
    made = customer(shop, KIM)["id"]
    body = {"type": "kakaopay", "customer": {"id": made, "default": True}}
    answer = shop.call("PATCH", f"/instruments/{source}", json=body).json()
    assert (answer["id"], answer["type"]) == (source, "kakaopay")
    assert customer(shop, made)["default"] == source
    shop.call("PATCH", f"/instruments/{source}", json={"customer": {"default": False}})
    assert "default" not in customer(shop, made)
    assert shop.call("PATCH", f"/customers/{made}", json={"default": source}).status_code == 204
    assert customer(shop, made)["default"] == source


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"type": "card"}, "instrument_type_invalid"),
        ({"customer": {"id": "cus_another"}}, "customer_id_invalid"),
        ({"customer": {"default": "yes"}}, "customer_default_invalid"),
    ],
)
def test_a_bad_change_of_an_instrument_is_refused(shop, body, code):
    answer = shop.call("PATCH", f"/instruments/{shop.enrolled()}", json=body)
    assert (answer.status_code, answer.json()["error_codes"]) == (422, [code])
