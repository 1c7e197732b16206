"""Stories of refunds that a dispute holds: what a lost one took does not go back a second time."""

import itertools
from datetime import timedelta
from uuid import UUID

import pytest
from harness import email

from billing.domain.disputes import DisputeState
from billing.operations import request_refund as request_refund_module
from billing.operations.hold_refunds import TAKEN
from billing.operations.request_refund import NotRefundable, request_refund
from billing.operations.settle_dispute import settle_dispute
from billing.store.invariants import check_all

numbers = itertools.count()


def charge(world):
    return world.rows("SELECT * FROM charge ORDER BY created_at")[0]


def tell(world, inbox, type_, **data):
    """Let an event of a dispute of the first payment come."""
    payment = charge(world)["gateway_payment_id"]
    told = {"id": "dsp_1", "payment_id": payment, "currency": "KRW", **data}
    inbox.post(world, {"id": f"evt_{next(numbers)}", "type": type_, "data": told, "timestamp": world.now.isoformat()})
    world.wait(minutes=1)


def refund(world, amount=None):
    return request_refund(world.engine, UUID(str(charge(world)["id"])), amount, reason="asked for", now=world.now)


def refunds(world):
    return [(row["state"], row["amount_minor"]) for row in world.rows("SELECT * FROM refund ORDER BY created_at, id")]


def given_back(world):
    return sum(payment["refunded"] for payment in world.payments())


def breaches(world):
    with world.engine.database.snapshot() as tx:
        return [breach.detail for breach in check_all(tx, world.now)]


@pytest.fixture
def lost(world, inbox):
    """A refund was ordered and its request was lost on the way; then the payer disputes the payment."""
    world.subscribe()
    world.faults(unprocessed_502=1)
    refund(world)
    world.faults(unprocessed_502=0)
    tell(world, inbox, "dispute_received", amount=9900)
    world.live_through(world.now + timedelta(hours=12))
    assert refunds(world) == [("unknown", 9900)], "it is held while the dispute is open"
    return inbox


@pytest.mark.parametrize("end", ["dispute_lost", "dispute_accepted", "dispute_expired", "dispute_arbitration_lost"])
def test_a_refund_that_was_held_is_not_made_after_the_dispute_took_the_money(world, lost, end):
    tell(world, lost, end, amount=9900)
    world.live_through(world.now + timedelta(days=2))
    assert refunds(world) == [("refused", 9900)]
    assert world.scalar("SELECT error FROM refund") == TAKEN
    assert given_back(world) == 0, "the dispute gave all of it back"
    (event,) = world.events("refund.refused")
    assert TAKEN in str(event["data"])
    assert breaches(world) == []


def test_a_refund_that_was_held_is_not_made_after_a_person_said_that_the_dispute_is_lost(world, lost):
    settle_dispute(world.engine, "dsp_1", DisputeState.LOST, reason="the dashboard shows it", now=world.now)
    world.live_through(world.now + timedelta(days=2))
    assert refunds(world) == [("refused", 9900)]
    assert lost.came
    assert given_back(world) == 0


def test_a_refund_that_was_held_is_made_once_the_dispute_is_won(world, lost):
    tell(world, lost, "dispute_won", amount=9900)
    world.live_through(world.now + timedelta(days=2))
    assert refunds(world) == [("refunded", 9900)]
    assert given_back(world) == 9900


def test_of_what_a_dispute_took_in_part_only_the_rest_can_be_refunded(world, lost):
    tell(world, lost, "dispute_lost", amount=4000)
    world.live_through(world.now + timedelta(days=2))
    assert refunds(world) == [("refused", 9900)]
    refund(world)
    world.wait(minutes=2)
    assert refunds(world) == [("refused", 9900), ("refunded", 5900)]
    assert breaches(world) == []


def test_a_refund_that_fits_in_what_a_lost_dispute_left_is_made(world, inbox):
    world.subscribe()
    world.faults(unprocessed_502=1)
    refund(world, 3000)
    world.faults(unprocessed_502=0)
    tell(world, inbox, "dispute_received", amount=6000)
    tell(world, inbox, "dispute_lost", amount=6000)
    world.live_through(world.now + timedelta(days=2))
    assert refunds(world) == [("refunded", 3000)]
    assert breaches(world) == []


def test_a_refund_that_was_ordered_and_never_left_ends_with_the_dispute(world, inbox, monkeypatch):
    world.subscribe()
    with monkeypatch.context() as dying:
        dying.setattr(request_refund_module, "send_refunds", lambda *_args, **_when: None)  # the process dies here
        refund(world)
    assert refunds(world) == [("requested", 9900)]
    tell(world, inbox, "dispute_lost", amount=9900)
    world.live_through(world.now + timedelta(days=2))
    assert refunds(world) == [("refused", 9900)]
    assert given_back(world) == 0


@pytest.mark.usefixtures("inbox")
def test_what_is_owed_of_a_payment_and_was_taken_by_its_dispute_is_not_owed_any_more(world):
    world.subscribe()
    world.wallet(email("kim"), script=["late:30:20051", "ok"])
    world.live_through("2027-03-01 12:00")
    world.faults(unprocessed_502=1)
    world.live_through("2027-03-02 00:00")
    (row,) = world.rows("SELECT state, gateway_payment_id FROM refund_obligation")
    assert row["state"] == "refunding"
    opened = world.sandbox("POST", "disputes", {"payment_id": row["gateway_payment_id"]})
    world.wait(minutes=1)
    world.faults(unprocessed_502=0)
    world.live_through(world.now + timedelta(hours=12))
    world.sandbox("PUT", f"disputes/{opened['id']}", {"status": "lost"})
    world.live_through(world.now + timedelta(days=2))
    assert [state for state, _ in refunds(world)] == ["refused"]
    assert world.states("refund_obligation") == ["refunded"]
    assert given_back(world) == 0
    assert breaches(world) == []


def test_a_dispute_that_is_told_in_another_currency_disputes_all_of_the_charge(world, inbox):
    world.subscribe()
    tell(world, inbox, "dispute_lost", amount=750, currency="USD")
    (row,) = world.rows("SELECT amount_minor, currency FROM dispute")
    assert row == {"amount_minor": 9900, "currency": "KRW"}
    with pytest.raises(NotRefundable, match="nothing of charge"):
        refund(world)
    assert given_back(world) == 0
