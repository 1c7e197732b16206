"""Stories of payments that made no agreement: it is said at once, and asked for again when it is needed."""

import pytest
from harness import WEB
from rewriting_proxy import rewritten

from billing.operations.preview_charge import preview_charge
from billing.operations.re_enrol import re_enrol


def without_source(_method, _path, told, body):
    if isinstance(body, dict):
        for payment in body.get("data", [body]):
            payment.pop("source", None)
    return told, body


def asked(world):
    return [event["data"] for event in world.events("subscription.re_enrolment_requested")]


@pytest.fixture
def paid(world):
    """A subscription whose first payment was captured and made no agreement."""
    with rewritten(world, without_source):
        subscription = world.subscribe()
        yield subscription


def test_a_first_payment_without_an_agreement_is_said_at_once(world, paid):
    assert world.state() == "active", "who has paid is let in"
    (told,) = asked(world)
    assert "no agreement came with the payment" in str(told)
    preview = preview_charge(world.engine, paid, now=world.now)
    assert preview.why_none == "source_required"


def test_its_renewal_asks_for_the_agreement_and_sends_nothing(world, paid):
    world.live_through("2027-02-28 12:00")
    assert len(world.states("charge")) == 1
    assert world.state(paid) == "past_due"
    assert len(asked(world)) == 2
    assert all("no agreement came with the payment" in str(each) for each in asked(world))


def test_an_agreement_that_is_told_after_the_money_is_taken_up(world):
    with rewritten(world, without_source):
        world.subscribe()
    world.wait(hours=2)
    assert world.states("source") == ["active"]
    assert world.subscription()["source_id"] is not None
    world.live_through("2027-02-28 12:00")
    assert world.states("charge") == ["captured", "captured"]


def test_the_subscriber_can_make_the_agreement_that_is_missing(world):
    with rewritten(world, without_source):
        subscription = world.subscribe()
    made = re_enrol(world.engine, subscription, WEB, now=world.now)
    world.agree(str(made.redirect_url))
    world.wait(minutes=2)
    world.live_through("2027-02-28 12:00")
    assert world.state() == "active"
    assert world.subscription()["source_id"] is not None
