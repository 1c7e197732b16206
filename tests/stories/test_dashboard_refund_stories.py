"""Stories of refunds made past the engine, in Checkout.com's dashboard: they enter the books, once."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from soundness import assert_sound

from billing.operations.engine import Refusal
from billing.operations.foreign_refunds import adopt_refunds
from billing.operations.reconcile import reconcile
from billing.operations.request_refund import request_refund
from billing.store.invariants import check_all


@pytest.fixture
def paid(world, inbox):
    world.subscribe()
    world.inbox = inbox
    return world


def _charge(world):
    return world.rows("SELECT * FROM charge")[0]


def _dashboard(world, amount):
    return world.post(f"/payments/{_charge(world)['gateway_payment_id']}/refunds", {"amount": amount})["action_id"]


def _refund(world, amount):
    return request_refund(world.engine, UUID(str(_charge(world)["id"])), amount, reason="sorry", now=world.now)


def _refunds(world):
    return world.rows("SELECT * FROM refund ORDER BY amount_minor")


def _verified(world):
    with world.engine.database.snapshot() as tx:
        assert check_all(tx, world.now) == []
    assert reconcile(world.engine, now=world.now).differences == []
    assert_sound(world, at_rest=True)


def test_a_refund_made_in_the_dashboard_is_written_down_and_counts(paid):
    action = _dashboard(paid, 4000)
    paid.wait(minutes=2)
    row = _refunds(paid)[0]
    told = (row["state"], row["amount_minor"], row["currency"], row["requested_by"], row["reason"], row["action_id"])
    assert told == ("refunded", 4000, "KRW", "gateway", "made at the gateway", action)
    event = paid.events("refund.created")[0]
    assert (event["actor"], event["from_state"], event["to_state"]) == ("gateway", None, "refunded")
    with pytest.raises(Refusal, match="more than"):
        _refund(paid, 6000)
    _refund(paid, None)
    paid.wait(minutes=2)
    assert [row["amount_minor"] for row in _refunds(paid)] == [4000, 5900]
    assert paid.payments()[0]["refunded"] == 9900
    _verified(paid)


def test_fifty_copies_of_its_webhook_are_one_refund(paid):
    paid.faults(webhook_duplicate=1, webhook_duplicate_copies=50)
    _dashboard(paid, 4000)
    _dashboard(paid, 1000)
    paid.wait(minutes=2)
    paid.wait(minutes=2)
    assert [row["amount_minor"] for row in _refunds(paid)] == [1000, 4000]
    assert len(paid.events("refund.created")) == 2
    _verified(paid)


def test_two_processes_that_see_it_at_once_write_it_down_once(paid):
    _dashboard(paid, 4000)
    paid.go_to(paid.now + timedelta(minutes=2))
    payment = paid.engine.gateway.find_by_id([_charge(paid)["gateway_payment_id"]])[0].payments[0]

    class Twice:
        """The other process reads and writes while this one has read and not yet written."""

        def __init__(self, gateway, engine):
            self._gateway, self._engine = gateway, engine

        def find_refunds(self, ids):
            told = self._gateway.find_refunds(ids)
            adopt_refunds(self._engine, [payment], now=paid.now)
            return told

    slow = replace(paid.engine, gateway=Twice(paid.engine.gateway, paid.engine))
    assert adopt_refunds(slow, [payment], now=paid.now).acts["refunds_adopted"] == 0
    assert len(_refunds(paid)) == 1
    paid.sweep()
    _verified(paid)


def test_a_refund_of_ours_whose_answer_was_lost_is_not_taken_for_one_of_the_dashboard(paid):
    paid.faults(processed_500=1)
    _refund(paid, 4000)
    paid.faults(processed_500=0)
    assert (_refunds(paid)[0]["state"], _refunds(paid)[0]["action_id"]) == ("unknown", None)
    _dashboard(paid, 1000)
    paid.go_to(paid.now + timedelta(minutes=2))
    payment = paid.engine.gateway.find_by_id([_charge(paid)["gateway_payment_id"]])[0].payments[0]
    assert payment.refunded_minor == 5000
    adopt_refunds(paid.engine, [payment], now=paid.now)
    assert [(row["amount_minor"], row["requested_by"]) for row in _refunds(paid)] == [(1000, "gateway"), (4000, "test")]
    paid.calm(hours=1)
    assert [row["state"] for row in _refunds(paid)] == ["refunded", "refunded"]
    _verified(paid)


def test_a_dashboard_refund_that_is_declined_is_not_written_down(paid):
    paid.wallet("kim@example.test", refunds=["20006"])
    _dashboard(paid, 4000)
    paid.wait(minutes=5)
    assert _refunds(paid) == []
    _refund(paid, None)
    paid.wait(minutes=2)
    _verified(paid)
