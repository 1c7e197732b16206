"""Customers and their KakaoPay agreements."""

from uuid import UUID

import pytest
from api_world import APP, wanted

from billing.domain.public_ids import Kind, public_id

NO_CUSTOMER = public_id(Kind.CUSTOMER, UUID(int=0))
NO_SOURCE = public_id(Kind.SOURCE, UUID(int=0))


def test_a_customer_is_found_by_the_saas_s_own_reference(both):
    made = both.subscription(both.subscribe(customer_reference="팀/42", phone="010-1234-5678"))
    [found] = both.data("/v1/customers", reference="팀/42")
    assert found == {
        "object": "customer",
        "id": made["customer_id"],
        "reference": "팀/42",
        "name": "김철수",
        "email": "kim@example.test",
        "phone": "+821012345678",
        "locale": "ko",
        "country": None,
        "created_at": "2027-01-31T03:00:00Z",
        "erased_at": None,
    }
    assert both.get(f"/v1/customers/{found['id']}") == found
    assert both.data("/v1/customers", reference="nobody") == []


HAN = {"reference": "cust-han", "name": "한지민", "email": "han@example.test", "phone": "010-1234-5678"}


def test_a_customer_is_made_known_changed_and_then_enrolled_by_reference_alone(both):
    made = both.post("/v1/customers", HAN)
    assert made.status_code == 201
    customer = made.json()
    assert (customer["reference"], customer["phone"], customer["locale"]) == ("cust-han", "+821012345678", "ko")
    changed = both.call("PATCH", f"/v1/customers/{customer['id']}", {"email": "jimin@example.test", "phone": None})
    assert changed.json() == customer | {"email": "jimin@example.test", "phone": None}
    assert both.get(f"/v1/customers/{customer['id']}") == changed.json()
    assert both.enrol(customer_reference="cust-han", name=None, email=None)["customer_id"] == customer["id"]


def test_a_country_is_told_with_a_customer_or_an_enrolment_and_taken_away_by_null(both):
    path = f"/v1/customers/{both.post('/v1/customers', HAN | {'country': 'SG'}).json()['id']}"
    assert both.get(path)["country"] == "SG"
    both.enrol(customer_reference="cust-han", name=None, email=None, country="HK")
    assert both.get(path)["country"] == "HK"
    assert both.call("PATCH", path, {"country": None}).json()["country"] is None


def test_a_customer_who_is_known_is_not_made_again(both):
    customer = both.post("/v1/customers", HAN).json()
    again = both.post("/v1/customers", HAN | {"name": "다른 이름"})
    assert "cust-han already" in both.refused(again, 409, "conflict")
    assert again.json()["current"] == customer


def test_a_customer_is_erased_for_ever_once_nothing_is_under_way(both):
    subscription = both.subscribe()
    path = f"/v1/customers/{both.subscription(subscription)['customer_id']}"
    answer = both.post(f"{path}/erase", {"reason": "asked for"})
    assert both.refused(answer, 409, "conflict")
    assert answer.json()["current"] == both.get(path)
    both.post(f"/v1/subscriptions/{subscription}/cancel", {"at": "now"})
    erased = both.post(f"{path}/erase", {"reason": "asked for"})
    assert erased.status_code == 200
    assert [erased.json()[name] for name in ("name", "email", "phone")] == [None, None, None]
    assert erased.json()["erased_at"]
    assert both.get(path) == erased.json()
    assert both.data("/v1/invoices", subscription_id=subscription)[0]["state"] == "paid"
    both.refused(both.call("PATCH", path, {"name": "김철수"}), 409, "conflict")
    both.refused(both.post("/v1/subscriptions", wanted()), 409, "conflict")


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/v1/customers", {name: value for name, value in HAN.items() if name != "email"}, "email"),
        ("POST", "/v1/customers", HAN | {"id": NO_CUSTOMER}, "id"),
        ("POST", "/v1/customers", HAN | {"reference": ".."}, "reference"),
        ("POST", "/v1/customers", HAN | {"reference": " . "}, "reference"),
        ("POST", "/v1/customers", HAN | {"reference": "shop/../kim"}, "reference"),
        ("PATCH", f"/v1/customers/{NO_CUSTOMER}", {"reference": "another"}, "reference"),
        ("PATCH", f"/v1/customers/{NO_CUSTOMER}", {"email": "nobody"}, "email"),
        ("PATCH", f"/v1/customers/{NO_CUSTOMER}", {"name": None}, "name"),
        ("PATCH", f"/v1/customers/{NO_CUSTOMER}", {"country": "Korea"}, "country"),
        ("POST", "/v1/customers", HAN | {"country": "kr"}, "country"),
        ("POST", f"/v1/customers/{NO_CUSTOMER}/erase", {}, "reason"),
    ],
    ids=str,
)
def test_what_cannot_be_told_of_a_customer_is_named(still, method, path, body, field):
    answer = still.call(method, path, body)
    still.refused(answer, 422, "invalid_request")
    assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_customers_are_listed_newest_first(both):
    for number in range(3):
        both.go_to(f"2027-01-31 12:0{number}")
        both.enrol(customer_reference=f"cust-{number}", email=f"c{number}@example.test")
    first = both.get("/v1/customers", limit=2)
    assert [each["reference"] for each in first["data"]] == ["cust-2", "cust-1"]
    rest = both.data("/v1/customers", limit=2, cursor=first["next_cursor"])
    assert [each["reference"] for each in rest] == ["cust-0"]
    found = both.data("/v1/customers", created_from="2027-01-31T12:01:00+09:00", created_before="2027-01-31T03:02:00Z")
    assert [each["reference"] for each in found] == ["cust-1"]


def test_a_source_that_was_replaced_stays_in_the_list(both):
    subscription = both.subscribe()
    shown = both.subscription(subscription)
    first = both.get(f"/v1/sources/{shown['source_id']}")
    assert (first["object"], first["state"], first["customer_id"]) == ("source", "active", shown["customer_id"])
    both.go_to("2027-02-01 12:00")
    link = both.post(f"/v1/subscriptions/{subscription}/replace-source", {"terminal_type": "WEB", **APP}).json()
    both.come_back(link["redirect_url"])
    now, before = both.data("/v1/sources", customer_id=shown["customer_id"])
    assert (now["id"], now["state"]) == (both.subscription(subscription)["source_id"], "active")
    assert (before["id"], before["state"]) == (first["id"], "replaced")
    assert both.data("/v1/sources", customer_id=shown["customer_id"], state="active") == [now]


def test_a_source_that_is_revoked_is_charged_no_more_and_a_new_one_is_required(both):
    subscription = both.subscribe()
    source = both.subscription(subscription)["source_id"]
    answer = both.post(f"/v1/sources/{source}/revoke", {"reason": "lost the phone"})
    assert (answer.status_code, answer.json()["state"]) == (200, "revoked")
    assert both.subscription(subscription)["source_required"]
    again = both.post(f"/v1/sources/{source}/revoke", {"reason": "lost the phone"})
    assert again.json() == answer.json() == both.get(f"/v1/sources/{source}")
    both.refused(both.post(f"/v1/sources/{NO_SOURCE}/revoke", {"reason": "x"}), 404, "not_found")
    both.refused(both.post(f"/v1/sources/{source}/revoke"), 422, "invalid_request")


def test_who_is_not_there_is_not_found(still):
    still.refused(still.call("GET", f"/v1/customers/{NO_CUSTOMER}"), 404, "not_found")
    still.refused(still.call("GET", f"/v1/sources/{NO_SOURCE}"), 404, "not_found")
    still.refused(still.call("PATCH", f"/v1/customers/{NO_CUSTOMER}", {"name": "x"}), 404, "not_found")
    still.refused(still.post(f"/v1/customers/{NO_CUSTOMER}/erase", {"reason": "x"}), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/sources", "customer_id"),
        (f"/v1/sources?customer_id={NO_SOURCE}", "customer_id"),
        ("/v1/customers/cust-kim", "customer_id"),
        ("/v1/customers?reference=", "reference"),
        ("/v1/customers?email=kim@example.test", "email"),
    ],
)
def test_questions_take_only_what_they_know(still, path, field):
    answer = still.call("GET", path)
    still.refused(answer, 422, "invalid_request")
    assert [each["field"] for each in answer.json()["errors"]] == [field]
