"""Stories of declines whose reason is withheld: a decline is a decline, and its reason is what can be had."""

import pytest
from harness import email
from rewriting_proxy import rewritten

KIM = email("kim")


def without_actions(status):
    """No answer to the question for actions, and no reason in the payment."""

    def rewrite(_method, path, told, body):
        if path.endswith("/actions"):
            return status, None
        if isinstance(body, dict):
            body.pop("processing", None)
            body.pop("response_code", None)
        return told, body

    return rewrite


def with_processing(**processing):
    def rewrite(_method, path, told, body):
        if path.endswith("/actions"):
            return 404, None
        if isinstance(body, dict) and body.get("status") == "Declined":
            body["processing"] = processing
        return told, body

    return rewrite


def last_charge(world):
    return world.rows("SELECT state, response_code, decline_class FROM charge ORDER BY created_at")[-1]


def renew(world):
    """Live until the renewal of 28 February was tried and its outcome is known."""
    world.live_through("2027-02-28 12:00")


@pytest.mark.parametrize("status", [404, 500, 403, 200])
def test_a_renewal_that_was_declined_is_declined_though_nobody_can_say_why(world, status):
    world.subscribe()
    world.wallet(KIM, script=["20051"])
    with rewritten(world, without_actions(status)):
        renew(world)
        assert last_charge(world) == {"state": "declined", "response_code": None, "decline_class": "unknown"}
        assert world.state() == "past_due"
        world.wallet(KIM, script=["ok"])
        world.live_through("2027-03-02 12:00")
    assert world.state() == "active"


def test_after_three_declines_without_a_reason_the_subscriber_is_asked_and_nothing_is_tried_any_more(world):
    world.subscribe()
    world.wallet(KIM, default="20051")
    with rewritten(world, without_actions(404)):
        world.live_through("2027-03-20 12:00")
    assert world.states("charge") == ["captured"] + ["declined"] * 3
    (asked,) = world.events("subscription.re_enrolment_requested")
    assert "unknown" in str(asked["data"])
    assert world.state() == "canceled", "the ladder ends when it would have ended"


def test_the_reason_that_the_payment_tells_is_taken_where_its_actions_are_withheld(world):
    world.subscribe()
    world.wallet(KIM, script=["20101"])
    with rewritten(world, with_processing(partner_response_code="INVALID_ACCESS_TOKEN")):
        renew(world)
    assert last_charge(world) == {
        "state": "declined",
        "response_code": "INVALID_ACCESS_TOKEN",
        "decline_class": "agreement_suspect",
    }
    assert world.states("source") == ["suspect"]


def test_a_first_payment_that_was_declined_can_be_made_again_though_nobody_can_say_why(world):
    made = world.enrol()
    with rewritten(world, without_actions(404)):
        world.reject(str(made.redirect_url))
        world.wait(minutes=2)
        assert world.states("charge") == ["declined"]
        again = world.enrol()
    world.agree(str(again.redirect_url))
    world.wait(minutes=2)
    assert world.state() == "active"
