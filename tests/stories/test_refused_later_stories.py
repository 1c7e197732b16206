"""Stories of refusals that the gateway tells later: it answers 202, and the decline says what is wrong."""

import pytest
from harness import email

KIM = email("kim")


@pytest.fixture
def late(world):
    world.sandbox("PUT", "profiles", {"late-refusals": True})
    return world


def test_an_enrolment_that_our_set_up_spoils_ends_with_the_decline_and_can_be_repeated(late):
    world = late
    world.faults(currencies="HKD SGD")
    world.agree(world.enrol().redirect_url)
    world.wait(minutes=2)
    assert world.states("charge") == ["declined"]
    assert world.state() == "incomplete"
    world.faults(currencies=None)
    world.wait(hours=5)
    world.agree(world.enrol().redirect_url)
    world.wait(minutes=2)
    assert world.state() == "active"
    assert len(world.captured()) == 1


def test_a_source_that_the_gateway_no_longer_knows_is_declined_and_the_subscriber_is_asked(late):
    world = late
    world.subscribe()
    world.wallet(KIM, script=["422:source_id_invalid"])
    world.live_through("2027-03-03 12:00")
    last = world.rows("SELECT * FROM charge ORDER BY created_at")[-1]
    assert (last["state"], last["response_code"]) == ("declined", "20101")
    assert world.state() == "past_due"
    assert len(world.sent()) == 2
