"""Whether webhooks come in, from what came and what did not."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.door import Door, DoorState, Refused, remedy_for, state_of

NOW = datetime(2027, 3, 1, tzinfo=UTC)
AGO = timedelta(minutes=1)


def door(announced="", *, last=None, **refused):
    """``announced`` has a letter for each payment, newest first: y or n."""
    rows = tuple(Refused(why, 1, NOW - ago, NOW - ago) for why, ago in refused.items())
    return Door(last, rows, tuple(letter == "y" for letter in announced))


@pytest.mark.parametrize(
    ("announced", "state"),
    [
        ("", DoorState.UNTRIED),
        ("y", DoorState.OPEN),
        ("y" * 100, DoorState.OPEN),
        ("n", DoorState.DOUBTFUL),
        ("nn", DoorState.DOUBTFUL),
        ("nnn", DoorState.SHUT),
        ("nnnyy", DoorState.SHUT),
        ("nnnyyy", DoorState.DOUBTFUL),
        ("n" * 80, DoorState.SHUT),
        ("y" * 20 + "n" * 80, DoorState.OPEN),
        ("n" * 11 + "y" * 89, DoorState.SHUT),
    ],
)
def test_most_of_the_newest_payments_decide(announced, state):
    assert state_of(door(announced), NOW) is state


@pytest.mark.parametrize("why", ["wrong_signature", "wrong_authorization"])
def test_what_only_the_gateway_can_get_wrong_is_doubtful_for_a_day_until_something_comes_in(why):
    assert state_of(door(**{why: AGO}), NOW) is DoorState.DOUBTFUL
    assert state_of(door("yyy", **{why: AGO}), NOW) is DoorState.DOUBTFUL
    assert state_of(door("yyy", last=NOW, **{why: AGO}), NOW) is DoorState.OPEN
    assert state_of(door(**{why: timedelta(days=1)}), NOW) is DoorState.UNTRIED


@pytest.mark.parametrize("why", ["no_signature", "too_large"])
def test_what_anybody_may_send_alarms_nobody(why):
    assert state_of(door("yyy", **{why: AGO}), NOW) is DoorState.OPEN


def test_the_remedy_is_that_of_what_was_turned_away_since_something_came_in():
    assert "BILLING_SECRETS__WEBHOOK_KEYS" in remedy_for(door("nnn", wrong_signature=AGO, no_signature=AGO))
    assert "Cko-Signature" in remedy_for(door("nnn", no_signature=AGO))
    assert "YOUR-HOST/webhooks/checkout" in remedy_for(door("nnn"))
    assert "YOUR-HOST/webhooks/checkout" in remedy_for(door("nnn", last=NOW, wrong_signature=AGO))


def test_payments_whose_webhook_should_have_come_are_counted():
    assert door("nyn").unannounced == 2
    assert door().unannounced == 0
