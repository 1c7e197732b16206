"""Stories of what the gateway is told of a payment's customer, items and series, in a sandbox that demands it."""

from dataclasses import replace
from uuid import UUID

import pytest
from harness import ANSWER_SECONDS, WEB, email, signed_in
from sqlalchemy import text

from billing.bootstrap import make_gateway
from billing.config.settings import GatewaySection, Settings
from billing.operations.customers import Subscriber, update_customer
from billing.operations.engine import BadInput
from billing.operations.enrol_subscriber import enrol_subscriber
from billing.operations.re_enrol import re_enrol

KIM = email("kim")


def demand(world, *names):
    world.sandbox("PUT", "profiles", dict.fromkeys(names, True))


def told(world, payment):
    """Return what the gateway keeps of a payment's request."""
    return world.http.get(f"/payments/{payment['id']}", headers=signed_in("look")).json()


def customer(world):
    return world.rows("SELECT * FROM customer")[0]


def write(world, statement, **values):
    with world.engine.database.transaction() as tx:
        tx.execute(text(statement), values)


def with_gateway(world, **section):
    settings = Settings(
        gateway=GatewaySection(base_url=str(world.http.base_url), answer_seconds=ANSWER_SECONDS, **section)
    )
    world.engine = replace(world.engine, gateway=make_gateway(settings))
    return world.engine.gateway


def test_every_payment_names_customer_country_and_item(world):
    demand(world, "customer", "country", "item-reference")
    world.subscribe()
    world.live_through("2027-03-01 00:00")
    first, later = (told(world, payment) for payment in world.payments())
    assert (first["status"], later["status"]) == ("Captured", "Captured")
    for each in (first, later):
        assert each["items"] == [{"name": "베이직", "reference": "basic", "quantity": 1, "unit_price": 9900}]
        assert each["shipping"] == {"address": {"country": "KR"}}
    assert first["customer"]["id"] == later["customer"]["id"] == customer(world)["gateway_customer_id"]


def test_the_customer_of_the_first_answer_pays_whatever_becomes_of_their_address(world):
    subscription = world.subscribe()
    known = customer(world)
    assert known["gateway_customer_id"].startswith("cus_")
    update_customer(world.engine, UUID(str(known["id"])), {"email": "new@example.test"}, now=world.now)
    world.live_through("2027-03-01 00:00")
    world.agree(re_enrol(world.engine, subscription, WEB, now=world.now).redirect_url)
    world.wait(minutes=2)
    assert {payment["wallet"] for payment in world.payments()} == {KIM}
    assert {told(world, payment)["customer"]["id"] for payment in world.payments()} == {known["gateway_customer_id"]}


def test_a_customer_whose_id_is_not_known_is_told_by_address_and_their_id_is_kept_from_the_next_answer(world):
    world.subscribe()
    write(world, "UPDATE customer SET gateway_customer_id = NULL")
    demand(world, "customer")
    world.live_through("2027-03-01 00:00")
    assert (world.state(), len(world.captured())) == ("active", 2)
    assert customer(world)["gateway_customer_id"] == told(world, world.payments()[0])["customer"]["id"]


def test_a_customer_whom_the_gateway_no_longer_knows_is_told_by_address_at_the_next_attempt(world):
    world.subscribe()
    write(world, "UPDATE customer SET gateway_customer_id = 'cus_aaaaaaaaaaaaaaaaaaaaaaaaaa'")
    world.subscribe("lee")
    world.live_through("2027-03-01 00:00")
    assert world.states("subscription") == ["active", "active"]
    assert sorted(payment["wallet"] for payment in world.captured()) == [KIM, KIM, email("lee"), email("lee")]
    assert world.states("charge").count("refused") == 1
    assert "cus_aaaa" not in str(world.rows("SELECT gateway_customer_id FROM customer"))
    assert world.events("installation.charging_held") == []


def test_a_customer_is_in_the_country_they_told_or_in_the_configured_one(world):
    subscriber = Subscriber("cust-kim", "kim", KIM, country="SG")
    made = enrol_subscriber(world.engine, subscriber, "basic", WEB, now=world.now)
    world.agree(made.redirect_url)
    world.wait(minutes=2)
    world.with_rules(country="HK")
    world.subscribe("lee")
    world.live_through("2027-03-01 00:00")
    countries = {
        payment["wallet"]: {
            told(world, each)["shipping"]["address"]["country"]
            for each in world.payments()
            if each["wallet"] == payment["wallet"]
        }
        for payment in world.payments()
    }
    assert countries == {KIM: {"SG"}, email("lee"): {"HK"}}
    ident = UUID(str(customer(world)["id"]))
    update_customer(world.engine, ident, {"country": None}, now=world.now)
    assert world.rows("SELECT country FROM customer WHERE reference = 'cust-kim'") == [{"country": None}]


@pytest.mark.parametrize("country", ["kr", "KOR", "XX", "", "K"])
def test_what_is_no_country_is_refused_and_changes_nothing(world, country):
    with pytest.raises(BadInput, match="country must be the ISO 3166-1 alpha-2 code"):
        enrol_subscriber(world.engine, Subscriber("cust-kim", "kim", KIM, country=country), "basic", WEB, now=world.now)
    assert world.rows("SELECT id FROM customer") == []
    world.subscribe()
    with pytest.raises(BadInput, match="country must be"):
        update_customer(world.engine, UUID(str(customer(world)["id"])), {"country": country}, now=world.now)
    assert customer(world)["country"] is None


def test_the_payments_of_a_series_are_marked_where_the_gateway_wants_it(world):
    demand(world, "merchant-initiated")
    with with_gateway(world, merchant_initiated=True, previous_payment_id=True):
        subscription = world.subscribe()
        world.live_through("2027-04-01 00:00")
        assert [payment["status"] for payment in world.payments()] == ["Captured"] * 3
        world.agree(re_enrol(world.engine, subscription, WEB, now=world.now).redirect_url)
        world.live_through("2027-05-01 00:00")
        assert (world.state(), world.states("charge")) == ("active", ["captured"] * 5)
    made_by = world.rows("SELECT first_payment_id FROM source ORDER BY created_at")
    firsts = [payment["id"] for payment in world.payments() if payment["ordinal"] in (1, 4)]
    assert [row["first_payment_id"] for row in made_by] == firsts


def test_a_charge_that_is_sent_again_is_marked_as_its_series_too(world):
    demand(world, "merchant-initiated", "customer", "country", "item-reference")
    with with_gateway(world, merchant_initiated=True, previous_payment_id=True):
        world.subscribe()
        world.faults(unprocessed_502=1.0)
        world.sweep_at("2027-02-28 10:40")
        world.calm()
        assert (world.state(), len(world.captured())) == ("active", 2)
    assert len(world.sent()) > len({each["idempotency_key"] for each in world.sent()}) == 2


def test_without_the_switches_a_gateway_that_refuses_the_marks_is_content(world):
    demand(world, "no-merchant-initiated")
    world.subscribe()
    world.live_through("2027-03-01 00:00")
    assert (world.state(), len(world.captured())) == ("active", 2)
