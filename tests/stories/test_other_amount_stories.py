"""Stories of a charge captured with another amount than was asked for, and a person who gives it back."""

from dataclasses import replace
from uuid import UUID

import pytest
from harness import email
from soundness import assert_sound

from billing.domain.charging import Found, PaymentStatus
from billing.domain.states import ChargeEvent, ChargeState
from billing.operations.engine import NotFound, Refusal
from billing.operations.manage import cancel_now
from billing.operations.parking import release_charge
from billing.operations.reconcile import reconcile
from billing.operations.refund_parked import refund_parked
from billing.operations.settle_charge import settle_charge
from billing.store.invariants import check_all
from billing.store.tables import Charge
from billing.store.writes import Author, Move, move

KIM = email("kim")


def _renewals(world):
    return world.rows("SELECT * FROM charge WHERE kind = 'renewal' ORDER BY created_at")


def _id(row):
    return UUID(str(row["id"]))


def _verified(world):
    with world.engine.database.snapshot() as tx:
        assert check_all(tx, world.now) == []
    assert reconcile(world.engine, now=world.now).differences == []


@pytest.fixture(params=["wrong_amount:8000", "wrong_amount:12000"])
def parked(request, world, inbox):  # noqa: ARG001 - webhooks come in, so that every copy of the truth does
    """A renewal that took too little, or too much."""
    world.subscribe()
    world.wallet(KIM, script=[request.param, "ok"])
    world.live_through("2027-02-28 12:00")
    assert _renewals(world)[0]["state"] == "parked"
    return world


def test_what_was_captured_goes_back_and_the_invoice_is_charged_again(parked):
    world = parked
    charge = _renewals(world)[0]
    given = refund_parked(world.engine, _id(charge), reason="looked at it", now=world.now)
    closed = _renewals(world)[0]
    assert (closed["state"], closed["decline_class"], closed["gateway_payment_id"]) == ("declined", "technical", None)
    stray = world.rows("SELECT * FROM stray_payment")[0]
    assert stray["gateway_payment_id"] == charge["gateway_payment_id"]
    assert stray["resolved_at"] is not None
    world.live_through("2027-03-10 12:00")
    refund = world.rows("SELECT * FROM refund")[0]
    assert (UUID(str(refund["id"])), refund["state"]) == (given.refund_id, "refunded")
    taken = next(each for each in world.payments() if each["id"] == charge["gateway_payment_id"])
    assert refund["amount_minor"] == taken["captured"] == taken["refunded"] == given.amount.minor != 9900
    assert [row["state"] for row in _renewals(world)] == ["declined", "captured"]
    assert world.states("invoice") == ["paid", "paid"]
    assert world.state() == "active"
    assert world.subscription()["parked_reason"] is None
    invoice = world.rows("SELECT * FROM invoice ORDER BY period_start")[-1]
    assert (invoice["failures"], invoice["technical_failures"]) == (0, 1)
    assert len(world.events("charge.mismatch")) == 1
    _verified(world)
    assert_sound(world, at_rest=True)


def test_giving_it_back_a_second_time_tells_of_the_first_and_sends_nothing(parked):
    world = parked
    ident = _id(_renewals(world)[0])
    first = refund_parked(world.engine, ident, reason="looked at it", now=world.now)
    again = refund_parked(world.engine, ident, reason="looked at it", now=world.now)
    assert (again.refund_id, again.amount) == (first.refund_id, first.amount)
    world.live_through("2027-03-10 12:00")
    assert refund_parked(world.engine, ident, reason="x", now=world.now).refund_id == first.refund_id
    assert len(world.rows("SELECT id FROM refund")) == 1


def test_whoever_settles_the_charge_gives_it_back(parked):
    world = parked
    charge = _renewals(world)[0]
    settled = settle_charge(world.engine, _id(charge), reason="looked at it", now=world.now)
    assert (settled.state, settled.by_hand) == (ChargeState.DECLINED, False)
    world.live_through("2027-03-10 12:00")
    taken = next(each for each in world.payments() if each["id"] == charge["gateway_payment_id"])
    assert taken["captured"] == taken["refunded"]
    assert [row["state"] for row in _renewals(world)] == ["declined", "captured"]
    _verified(world)


def test_what_nobody_looks_at_is_named_after_a_week_whatever_became_of_the_subscription(parked):
    world = parked
    cancel_now(world.engine, UUID(str(world.subscription()["id"])), reason=None, now=world.now)
    world.live_through("2027-03-06 12:00")
    with world.engine.database.snapshot() as tx:
        assert check_all(tx, world.now) == []
    world.live_through("2027-03-08 12:00")
    with world.engine.database.snapshot() as tx:
        [found] = check_all(tx, world.now)
    assert (found.number, "nobody has settled it" in found.detail) == (43, True)
    settle_charge(world.engine, _id(_renewals(world)[0]), reason="looked at it", now=world.now)
    world.wait(hours=2)
    assert [payment["captured"] - payment["refunded"] for payment in world.payments()][-1] == 0
    _verified(world)


def test_a_first_payment_of_another_amount_goes_back_and_the_subscriber_may_try_again(world):
    world.faults(wrong_amount=1)
    made = world.enrol()
    world.agree(str(made.redirect_url))
    world.wait(minutes=2)
    world.faults(wrong_amount=0)
    charge = world.rows("SELECT * FROM charge")[0]
    assert charge["state"] == "parked"
    refund_parked(world.engine, _id(charge), reason="looked at it", now=world.now)
    again = world.enrol()
    assert again.subscription_id == made.subscription_id
    world.agree(str(again.redirect_url))
    world.live_through("2027-02-08 12:00")
    assert world.state() == "active"
    assert [each["captured"] for each in world.captured()] == [9900]
    _verified(world)


def test_what_cannot_be_given_back_is_refused_with_the_reason(world):
    world.subscribe()
    world.live_through("2027-03-01 12:00")
    charge = _renewals(world)[0]
    with pytest.raises(NotFound, match="there is no charge"):
        refund_parked(world.engine, UUID(int=7), reason="x", now=world.now)
    with pytest.raises(Refusal, match="is captured, not parked"):
        refund_parked(world.engine, _id(charge), reason="x", now=world.now)


def test_only_a_capture_of_another_amount_is_given_back(world):
    world.subscribe()
    world.wallet(KIM, script=["hang"])
    world.live_through("2027-02-28 12:00")
    ident = _id(_renewals(world)[0])
    _park(world)
    with pytest.raises(Refusal, match="is Pending, not captured"):
        refund_parked(world.engine, ident, reason="x", now=world.now)
    world.faults(read_500=1)
    with pytest.raises(Refusal, match="could not be read now"):
        refund_parked(world.engine, ident, reason="x", now=world.now)
    world.faults(read_500=0)
    release_charge(world.engine, ident, "go on", world.now)
    assert world.rows("SELECT * FROM refund") == []


def test_a_capture_as_asked_for_is_released_not_given_back(world):
    world.subscribe()
    world.wallet(KIM, script=["pending:1"])
    world.live_through("2027-02-28 10:50")
    ident = _id(_renewals(world)[0])
    _park(world)
    world.go_to("2027-02-28 13:00")
    with pytest.raises(Refusal, match="release the charge instead"):
        refund_parked(world.engine, ident, reason="x", now=world.now)
    release_charge(world.engine, ident, "go on", world.now)
    world.sweep()
    assert _renewals(world)[0]["state"] == "captured"


def _park(world):
    """Set the pending renewal aside as an operation does that fails on it."""
    charge = _renewals(world)[0]
    owner = UUID(str(charge["subscription_id"]))
    parked = Move(_id(charge), ChargeState.PENDING, ChargeEvent.PARK, {"check_at": None, "error": "odd"}, owner)
    with world.engine.database.transaction() as tx:
        move(tx, Charge, [parked], Author("test", world.now))


class _Lies:
    """A gateway that tells ten times the amount of a captured payment, so many times."""

    def __init__(self, gateway, lies):
        self._gateway = gateway
        self.lies = lies

    def _read(self, told):
        payments = told.payments if isinstance(told, Found) else ()
        if self.lies and any(each.status is PaymentStatus.CAPTURED for each in payments):
            self.lies -= 1
            return Found(tuple(replace(each, amount_minor=10 * each.amount_minor) for each in payments))
        return told

    def find_by_id(self, ids):
        return [self._read(told) for told in self._gateway.find_by_id(ids)]

    def find_by_reference(self, references, **options):
        return [self._read(told) for told in self._gateway.find_by_reference(references, **options)]

    def __getattr__(self, name):
        return getattr(self._gateway, name)


@pytest.fixture
def late(world):
    """A renewal that is declined, and captured after all five hours later, which only a look shows."""
    world.subscribe()
    world.wallet(KIM, script=["late:5:20051", "20051"])
    world.live_through("2027-02-28 14:00")
    assert [row["state"] for row in _renewals(world)] == ["declined"]
    return world


def test_a_late_capture_that_is_read_with_another_amount_once_pays_all_the_same(late):
    world = late
    world.engine = replace(world.engine, gateway=_Lies(world.engine.gateway, lies=1))
    world.live_through("2027-03-01 14:00")
    assert len(world.events("charge.mismatch")) == 1
    assert _renewals(world)[0]["state"] == "captured"
    assert world.rows("SELECT * FROM stray_payment") == []
    assert world.rows("SELECT * FROM refund") == []
    assert world.states("invoice") == ["paid", "paid"]
    assert len(world.captured()) == 2
    _verified(world)


def test_a_late_capture_with_another_amount_goes_back_and_a_person_is_told(late):
    world = late
    lies = _Lies(world.engine.gateway, lies=2)
    world.engine = replace(world.engine, gateway=lies)
    world.live_through("2027-03-01 14:00")
    assert lies.lies == 0
    (refund,) = world.rows("SELECT * FROM refund")
    assert (refund["state"], refund["reason"]) == ("refunded", "captured after its charge was closed")
    assert "captured otherwise than asked for" in world.subscription()["parked_reason"]
    assert len(world.captured()) == 1
    assert _renewals(world)[0]["gateway_payment_id"] is None
    _verified(world)
