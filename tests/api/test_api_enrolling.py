from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from api_world import APP, wanted

from billing.domain.public_ids import Kind, public_id
from billing.operations import set_up


def test_a_subscriber_enrols_agrees_in_the_wallet_comes_back_and_is_active(both):
    made = both.enrol()
    assert made["state"] == "incomplete"
    assert made["charge_id"]
    back = both.come_back(made["redirect_url"])
    assert back.status_code == 303
    place = urlsplit(back.headers["location"])
    assert place._replace(query="").geturl() == "http://127.0.0.1/done"
    told = parse_qs(place.query)
    assert told == {"from": ["app"], "subscription_id": [made["id"]], "payment": ["captured"]}
    shown = both.subscription(made["id"])
    assert shown["state"] == "active"
    assert shown["paid_through"] == "2027-02-28"
    assert shown["current_period"] == {"start": "2027-01-31", "end": "2027-02-28"}
    assert shown["source_state"] == "active"
    assert not shown["source_required"]
    assert shown["next_due_at"].startswith("2027-02-28T01:")


def test_a_subscriber_who_rejects_is_sent_to_the_failure_url_and_may_try_again(api):
    made = api.enrol()
    back = api.come_back(made["redirect_url"], "reject")
    assert back.headers["location"].startswith("http://127.0.0.1/failed?")
    assert "payment=declined" in back.headers["location"]
    again = api.enrol()
    assert again["id"] == made["id"]
    assert again["redirect_url"] != made["redirect_url"]


def test_two_new_agreements_may_be_made_at_one_instant(both):
    subscription = both.subscribe()
    for _ in range(2):
        body = {"terminal_type": "WEB", **APP}
        made = both.post(f"/v1/subscriptions/{subscription}/replace-source", body)
        assert made.status_code == 201, made.text
        both.come_back(made.json()["redirect_url"])
    customer = both.subscription(subscription)["customer_id"]
    states = [source["state"] for source in both.data("/v1/sources", customer_id=customer)]
    assert sorted(states) == ["active", "replaced", "replaced"]


def test_the_same_enrolment_asked_for_twice_gives_one_subscription_and_one_link(api):
    first = api.enrol()
    assert api.enrol() == first
    assert len(api.data("/v1/subscriptions")) == 1
    assert len(api.world.payments()) == 1


def test_a_customer_with_a_live_subscription_to_the_plan_gets_a_clear_refusal(api):
    subscription = api.subscribe()
    answer = api.post("/v1/subscriptions", wanted())
    message = api.refused(answer, 409, "already_subscribed")
    assert answer.json()["current"] == api.subscription(subscription)
    assert subscription in message
    assert "replace its source" in message
    assert api.enrol(plan="yearly")["state"] == "incomplete"


def test_an_unknown_plan_is_refused(api):
    assert "no plan gold" in api.refused(api.post("/v1/subscriptions", wanted(plan="gold")), 404, "not_found")


def test_two_enrolments_of_a_customer_at_once_make_one_subscription(both):
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: both.post("/v1/subscriptions", wanted()), range(6)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert 201 in {answer.status_code for answer in answers}
    for answer in answers:
        if answer.status_code == 409:
            both.refused(answer, 409, "charge_in_flight")
            assert answer.json()["current"]["state"] == "incomplete"
            assert int(answer.headers["retry-after"]) > 0
    assert len(both.data("/v1/subscriptions")) == 1
    assert len(both.world.payments()) == 1
    assert both.enrol()["redirect_url"]


def test_what_was_asked_for_is_stored_normalised(api):
    api.enrol(name=" \u1100\u1175\u11b7 ", phone="010-1234-5678", locale="en")  # the syllable in its pieces
    [row] = api.world.rows("SELECT name, phone, locale FROM customer")
    assert row == {"name": "김", "phone": "+821012345678", "locale": "en"}


def test_a_customer_who_is_known_enrols_by_reference_alone_and_keeps_what_is_not_told(both):
    first = both.enrol(phone="010-1234-5678", locale="en")
    second = both.enrol(plan="yearly", name=None, email=None)
    assert second["customer_id"] == first["customer_id"]
    both.enrol(plan="weekly", name="김하늘", email=None)
    [customer] = both.data("/v1/customers")
    assert (customer["name"], customer["email"]) == ("김하늘", "kim@example.test")
    assert (customer["phone"], customer["locale"]) == ("+821012345678", "en")


@pytest.mark.parametrize("missing", ["name", "email"])
def test_a_customer_who_is_not_known_yet_needs_a_name_and_an_address(api, missing):
    answer = api.post("/v1/subscriptions", wanted(**{missing: None}))
    api.refused(answer, 422, "invalid_request")
    told = {"field": missing, "detail": "is required: there is no customer of this reference yet"}
    assert answer.json()["errors"] == [told]
    assert api.world.scalar("SELECT count(*) FROM customer") == 0


def test_a_phone_in_international_form_stays_as_it_is(api):
    api.enrol(phone="+85291234567")
    assert api.world.scalar("SELECT phone FROM customer") == "+85291234567"


def test_a_subscriber_on_a_phone_needs_the_kind_of_phone(api):
    answer = api.post("/v1/subscriptions", wanted(terminal_type="APP"))
    api.refused(answer, 422, "invalid_request")
    assert answer.json()["errors"] == [
        {"field": "os_type", "detail": "must be 'ANDROID' or 'IOS' when terminal_type is not WEB"}
    ]
    assert api.enrol(terminal_type="APP", os_type="IOS")["redirect_url"]


def test_while_the_operator_has_stopped_charging_it_is_told_so_and_not_of_a_dead_wallet(api):
    lee = public_id(Kind.SUBSCRIPTION, api.world.subscribe("lee"))
    set_up.stop(api.world.engine, "prices look wrong", now=api.world.now)
    replaced = {"terminal_type": "WEB", **APP}
    for answer in (
        api.post("/v1/subscriptions", wanted()),
        api.post(f"/v1/subscriptions/{lee}/replace-source", replaced),
    ):
        told = api.refused(answer, 503, "charging_stopped")
        assert told.startswith("charging is stopped: prices look wrong. Nothing was charged. Ask the operator")
        assert "wallet" not in answer.text.lower()
    set_up.go(api.world.engine, now=api.world.now)
    assert api.enrol()["redirect_url"]


def test_a_gateway_that_is_down_asks_to_come_back_and_the_same_request_then_goes_on(api):
    api.world.faults(outage=True)
    answer = api.post("/v1/subscriptions", wanted())
    api.refused(answer, 503, "gateway_unavailable")
    assert answer.headers["retry-after"]
    api.world.faults(outage=False)
    assert api.enrol()["redirect_url"]
    assert len(api.data("/v1/subscriptions")) == 1


def test_a_gateway_that_refuses_our_set_up_needs_an_operator(api):
    api.world.faults(currencies="HKD")
    answer = api.post("/v1/subscriptions", wanted())
    assert "currency" in api.refused(answer, 502, "gateway_refused")


def test_a_cut_agreement_is_replaced(api):
    subscription = api.subscribe()
    answer = api.post(f"/v1/subscriptions/{subscription}/replace-source", {"terminal_type": "WEB", **APP})
    assert answer.status_code == 201
    link = answer.json()["redirect_url"]
    again = api.post(f"/v1/subscriptions/{subscription}/replace-source", {"terminal_type": "WEB", **APP})
    assert again.json()["redirect_url"] == link
    assert "payment=captured" in api.come_back(link).headers["location"]
    assert api.subscription(subscription)["source_state"] == "active"


def test_a_subscription_that_nobody_has_has_no_source_to_replace(api):
    unknown = public_id(Kind.SUBSCRIPTION, UUID(int=0))
    answer = api.post(f"/v1/subscriptions/{unknown}/replace-source", {"terminal_type": "WEB", **APP})
    api.refused(answer, 404, "not_found")
