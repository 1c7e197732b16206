"""Stories of a new agreement for a subscription that there is."""

from uuid import UUID

import pytest
from harness import WEB, email

from billing.operations.engine import NotFound, Refusal
from billing.operations.first_charges import GatewayUnavailable
from billing.operations.manage import cancel_now
from billing.operations.re_enrol import re_enrol
from billing.operations.revoke_source import revoke_source

KIM = email("kim")


def _re_enrol(world, subscription):
    return re_enrol(world.engine, subscription, WEB, now=world.now)


def _sources(world):
    return [row["state"] for row in world.rows("SELECT state FROM source ORDER BY created_at")]


def test_a_new_agreement_inside_the_paid_period_takes_a_token_amount_that_is_given_back(world):
    subscription = world.subscribe()
    world.go_to("2027-02-10 12:00")
    made = _re_enrol(world, subscription)
    world.agree(made.redirect_url)
    world.wait(minutes=2)
    world.live_through("2027-02-10 14:00")
    assert _sources(world) == ["replaced", "active"]
    assert [(p["captured"], p["refunded"]) for p in world.payments()] == [(9900, 0), (100, 100)]
    world.live_through("2027-03-01 00:00")
    sources = {payment["source_id"] for payment in world.captured()}
    assert len(sources) == 2  # the renewal went to the new agreement


def test_a_new_agreement_that_is_declined_leaves_the_old_one_in_place(world):
    subscription = world.subscribe()
    world.wallet(KIM, first_payment=["20051"])
    world.go_to("2027-02-10 12:00")
    world.agree(_re_enrol(world, subscription).redirect_url)
    world.wait(minutes=2)
    world.live_through("2027-03-01 00:00")
    assert len(world.captured()) == 2
    assert len({payment["source_id"] for payment in world.captured()}) == 1


def test_a_new_agreement_can_be_tried_again_at_the_same_instant_and_opens_no_second_invoice(world):
    subscription = world.subscribe()
    world.go_to("2027-02-10 12:00")
    first = _re_enrol(world, subscription)
    world.reject(first.redirect_url)
    world.sweep_at(world.next_due())
    second = _re_enrol(world, subscription)
    assert second.redirect_url != first.redirect_url
    world.reject(second.redirect_url)
    world.sweep_at(world.next_due())
    third = _re_enrol(world, subscription)
    assert len(world.rows("SELECT id FROM invoice WHERE kind = 'agreement'")) == 1
    world.agree(third.redirect_url)
    world.wait(minutes=2)
    assert world.rows("SELECT state FROM source WHERE state = 'active'")


def test_a_renewal_waits_while_a_new_agreement_is_being_made_and_goes_to_the_new_one(world):
    subscription = world.subscribe()
    world.live_through("2027-02-28 09:55")
    world.faults(first_payment_expiry_seconds=7200)
    made = _re_enrol(world, subscription)
    world.live_through("2027-02-28 11:00")
    assert len(world.captured()) == 1
    world.agree(made.redirect_url)
    world.wait(minutes=2)
    world.live_through("2027-03-01 12:00")
    kept = world.captured()
    assert [payment["amount"] for payment in kept] == [9900, 9900]
    assert kept[0]["source_id"] != kept[1]["source_id"]


def test_a_link_whose_answer_was_lost_is_given_out_again_and_charges_once(world):
    subscription = world.subscribe()
    world.wallet(KIM, agreement="cut")
    world.live_through("2027-03-01 12:00")
    world.faults(processed_500=1)
    with pytest.raises(GatewayUnavailable):
        _re_enrol(world, subscription)
    world.faults(processed_500=0)
    world.wait(minutes=1)
    world.agree(_re_enrol(world, subscription).redirect_url)
    world.live_through("2027-04-01 00:00")
    assert world.state() == "active"
    assert len(world.captured()) == 3


def test_a_new_agreement_captured_after_the_subscription_was_canceled_is_given_back(world):
    subscription = world.subscribe()
    world.go_to("2027-02-10 12:00")
    made = _re_enrol(world, subscription)
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    world.agree(made.redirect_url)
    world.calm()
    assert [payment["amount"] for payment in world.captured()] == [9900]


def test_what_cannot_be_re_enrolled_is_refused(world):
    made = world.enrol()
    with pytest.raises(Refusal):
        _re_enrol(world, made.subscription_id)
    with pytest.raises(NotFound):
        _re_enrol(world, UUID(int=1))


def test_a_source_revoked_by_us_is_never_charged_and_the_subscriber_is_asked_for_a_new_one(world):
    subscription = world.subscribe()
    source = UUID(str(world.rows("SELECT id FROM source")[0]["id"]))
    assert "revoked it" in revoke_source(world.engine, source, reason="asked to", now=world.now).gateway
    world.live_through("2027-03-02 00:00")
    assert len(world.sent()) == 1
    assert world.state() == "past_due"
    world.agree(_re_enrol(world, subscription).redirect_url)
    world.wait(minutes=2)
    assert world.state() == "active"
    assert len(world.captured()) == 2


def test_a_new_agreement_pays_the_week_that_is_owed_and_the_next_week_begins_on_that_day(world):
    """A weekly plan whose charge hung over the next billing day, and whose agreement was then cut."""
    subscription = world.subscribe(plan="weekly")
    world.wallet(KIM, script=["pending:200:200R1"])
    world.live_through("2027-02-16 12:00")
    assert world.states("invoice") == ["paid", "open"]
    assert world.state() == "past_due"
    world.agree(_re_enrol(world, subscription).redirect_url)
    world.wait(minutes=2)
    world.live_through("2027-02-19 12:00")
    assert world.states("invoice") == ["paid"] * 3
    assert world.state() == "active"
