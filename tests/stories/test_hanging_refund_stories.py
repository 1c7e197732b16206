"""Stories of refunds without an end: parked at a bound, settled by hand as failed, and made after all."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from answering import Answers, answering
from harness import email

from billing.domain.charging import RefundsFound, Unreadable
from billing.domain.states import RefundState
from billing.operations.audit import verify_trail
from billing.operations.engine import Conflict, NotFound
from billing.operations.erase_customer import erase_customer
from billing.operations.first_charges import GatewayUnavailable
from billing.operations.foreign_refunds import adopt_refunds
from billing.operations.manage import cancel_now
from billing.operations.obligations import NotOwed, settle_obligation
from billing.operations.parking import release_refund
from billing.operations.reconcile import reconcile
from billing.operations.request_refund import NotRefundable, request_refund
from billing.operations.settle_refund import RefundStillSent, settle_refund
from billing.store.invariants import check_all
from billing.store.report_log import list_parked

KIM = email("kim")
WHY_OPEN = "still Pending at Checkout.com after 3 days; settle it by hand if it stays so"


def _order(world, amount=4000):
    charge = UUID(str(world.rows("SELECT id FROM charge ORDER BY created_at")[0]["id"]))
    return request_refund(world.engine, charge, amount, reason="sorry", now=world.now)


def _hangs(world, amount=4000):
    """A refund of 31 January is accepted and never ends; three days later it is parked."""
    subscription = world.subscribe()
    world.faults(refund_hang=1)
    refund = _order(world, amount)
    world.live_through("2027-02-03 20:00")
    assert world.states("refund") == ["parked"]
    return subscription, refund


def _settle(world, refund):
    return settle_refund(world.engine, refund, reason="support says it is lost", now=world.now)


def _parked(world):
    with world.engine.database.snapshot() as tx:
        return [(row.kind, row.why) for row in list_parked(tx, 10)]


def _breaches(world):
    with world.engine.database.snapshot() as tx:
        return [(breach.number, breach.detail) for breach in check_all(tx, world.now)]


def _erase(world):
    customer = UUID(str(world.rows("SELECT id FROM customer")[0]["id"]))
    return erase_customer(world.engine, customer, reason="asked to", now=world.now)


def _ends_after(world, days, amount=4000):
    """A refund of 31 January succeeds at the gateway after so many days, and is parked before that."""
    world.subscribe()
    world.faults(refund_seconds_min=days * 86400, refund_seconds_max=days * 86400)
    refund = _order(world, amount)
    world.live_through("2027-02-03 20:00")
    assert world.states("refund") == ["parked"]
    return refund


def test_a_refund_that_hangs_is_parked_after_three_days_and_is_asked_about_further(world):
    world.subscribe()
    world.faults(refund_hang=1)
    _order(world)
    world.live_through("2027-02-03 08:00")
    assert world.states("refund") == ["pending"]
    world.live_through("2027-02-03 20:00")
    assert world.states("refund") == ["parked"]
    assert _parked(world) == [("refund", WHY_OPEN)]
    assert _breaches(world) == [], "what is parked is a person's business, and no breach"
    before = world.rows("SELECT checks FROM refund")[0]["checks"]
    world.live_through("2027-02-10 20:00")
    assert world.states("refund") == ["parked"]
    assert 5 <= world.rows("SELECT checks FROM refund")[0]["checks"] - before <= 30, "seldom, but still"


def test_one_that_is_made_while_it_is_parked_is_booked(world):
    _ends_after(world, 5)
    world.live_through("2027-02-06 12:00")
    assert world.states("refund") == ["refunded"]
    assert _parked(world) == []
    assert _breaches(world) == []


def test_one_that_is_declined_while_it_is_parked_ends_so(world):
    world.subscribe()
    world.faults(refund_seconds_min=5 * 86400, refund_seconds_max=5 * 86400, refund_declined=1)
    _order(world)
    world.live_through("2027-02-06 12:00")
    assert world.states("refund") == ["declined"]
    assert [event["from_state"] for event in world.events("refund.declined")] == ["parked"]


@pytest.mark.usefixtures("inbox")
def test_a_webhook_of_a_parked_refund_lands_at_once(world):
    _ends_after(world, 4)
    world.live_through("2027-02-04 13:30", step=timedelta(minutes=5))
    assert world.states("refund") == ["refunded"]


def test_until_it_is_settled_an_erasure_is_refused_and_then_it_is_not(world):
    subscription, refund = _hangs(world)
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    with pytest.raises(Conflict, match="is parked"):
        _erase(world)
    told = _settle(world, refund)
    assert (told.state, told.by_hand) == (RefundState.DECLINED, True)
    assert _parked(world) == []
    assert _erase(world).erased_at == world.now
    assert _breaches(world) == []


def test_what_it_claimed_can_be_refunded_again_once_it_is_settled(world):
    _, refund = _hangs(world)
    with pytest.raises(NotRefundable, match="more than the ₩5,900"):
        _order(world, 9900)
    _settle(world, refund)
    world.faults(refund_hang=0)
    _order(world, 4000)
    world.calm(hours=1)
    assert world.states("refund") == ["declined", "refunded"]
    assert [each["refunded"] for each in world.payments()] == [4000]
    assert _breaches(world) == []


@pytest.mark.usefixtures("inbox")
def test_one_that_is_made_after_it_was_settled_is_booked_at_once_and_once(world):
    refund = _ends_after(world, 4)
    _settle(world, refund)
    world.live_through("2027-02-04 13:30", step=timedelta(minutes=5))
    assert world.states("refund") == ["refunded"]
    world.live_through("2027-02-08 12:00")
    assert world.states("refund") == ["refunded"]
    assert len(world.events("refund.refunded")) == 1
    assert _breaches(world) == []
    assert reconcile(world.engine, now=world.now).differences == []
    with pytest.raises(NotRefundable, match="more than the ₩5,900"):
        _order(world, 9900)


def test_whoever_reads_its_payment_books_a_settled_refund_that_was_made(world):
    refund = _ends_after(world, 4)
    _settle(world, refund)
    world.go_to("2027-02-04 18:00")
    (told,) = world.engine.gateway.find_by_id([world.payments()[0]["id"]])
    adopt_refunds(world.engine, told.payments, now=world.now)
    assert world.states("refund") == ["refunded"]


def test_one_that_is_made_weeks_after_it_was_settled_is_found_without_a_webhook(world):
    refund = _ends_after(world, 20)
    _settle(world, refund)
    world.live_through("2027-02-18 12:00")
    assert world.states("refund") == ["declined"]
    world.live_through("2027-02-22 12:00")
    assert world.states("refund") == ["refunded"]
    assert reconcile(world.engine, now=world.now).differences == []


def test_another_refund_and_the_settled_one_are_both_booked_if_both_are_made(world):
    refund = _ends_after(world, 5)
    _settle(world, refund)
    world.faults(refund_seconds_min=1, refund_seconds_max=1)
    _order(world, 4000)
    world.live_through("2027-02-07 12:00")
    assert world.states("refund") == ["refunded", "refunded"]
    assert [each["refunded"] for each in world.payments()] == [8000]
    assert _breaches(world) == []
    assert reconcile(world.engine, now=world.now).differences == []


def test_money_that_went_back_is_booked_and_not_settled(world):
    refund = _ends_after(world, 4)
    world.go_to("2027-02-04 18:00")  # made at the gateway, and not asked about yet
    with pytest.raises(Conflict, match="is refunded: it is booked"):
        _settle(world, refund)
    assert world.states("refund") == ["refunded"]
    with pytest.raises(Conflict, match="is refunded"):
        _settle(world, refund)


def test_an_end_that_the_gateway_tells_is_recorded_instead(world):
    world.subscribe()
    world.faults(refund_seconds_min=4 * 86400, refund_seconds_max=4 * 86400, refund_declined=1)
    refund = _order(world)
    world.live_through("2027-02-03 20:00")
    world.go_to("2027-02-04 18:00")
    told = _settle(world, refund)
    assert (told.state, told.by_hand) == (RefundState.DECLINED, False)
    assert world.events("refund.settled") == []


def test_a_refund_that_the_gateway_accepted_and_never_shows_is_parked_and_can_be_settled(world):
    world.subscribe()
    world.faults(refund_hang=1)
    refund = _order(world)
    whole = answering(world, find_refunds=RefundsFound(()))
    world.live_through("2027-02-03 20:00")
    assert _parked(world) == [
        ("refund", "accepted, and not shown by Checkout.com for 3 days; settle it by hand if it stays so")
    ]
    assert _settle(world, refund).by_hand
    world.engine = whole


def test_a_refund_about_which_the_gateway_never_tells_anything_is_parked_and_can_be_settled(world):
    world.subscribe()
    world.faults(refund_hang=1)
    refund = _order(world)
    gone = Unreadable("HTTP 404", not_found=True)
    whole = answering(world, find_refunds=gone, find_by_id=gone)
    world.live_through("2027-02-03 20:00")
    assert _parked(world) == [
        ("refund", "without an outcome for 3 days: Checkout.com was asked, and the answer was HTTP 404")
    ]
    assert _settle(world, refund).by_hand
    world.engine = whole


def test_while_the_gateway_cannot_be_asked_nothing_is_settled(world):
    _, refund = _hangs(world)
    away = Unreadable("HTTP 503")
    whole = answering(world, find_refunds=away, find_by_id=away)
    with pytest.raises(GatewayUnavailable, match="HTTP 503"):
        _settle(world, refund)
    assert world.states("refund") == ["parked"]
    # The payment alone tells enough: nothing of it went back.
    world.engine = replace(whole, gateway=Answers(whole.gateway, find_refunds=away))
    assert _settle(world, refund).by_hand
    world.engine = whole


def test_the_balances_of_the_payment_tell_of_a_settled_refund_that_was_made(world):
    refund = _ends_after(world, 5)
    whole = answering(world, find_refunds=Unreadable("HTTP 404", not_found=True))
    _settle(world, refund)
    world.live_through("2027-02-05 06:00")
    assert world.states("refund") == ["declined"], "nothing of it has gone back yet"
    world.live_through("2027-02-07 12:00")
    assert world.states("refund") == ["refunded"]
    world.engine = whole


def test_one_that_could_not_be_read_for_days_goes_on_by_itself_when_the_gateway_answers_again(world):
    world.subscribe()
    world.faults(unprocessed_502=1)
    _order(world)
    away = Unreadable("HTTP 500")
    whole = answering(world, find_refunds=away, find_by_id=away)
    world.live_through("2027-02-03 20:00")
    assert world.states("refund") == ["parked"]
    world.engine = whole
    world.calm(days=2)
    assert world.states("refund") == ["refunded"]
    assert [each["refunded"] for each in world.payments()] == [4000]


def test_settling_twice_changes_nothing_the_second_time(world):
    _, refund = _hangs(world)
    _settle(world, refund)
    before = len(world.events())
    told = _settle(world, refund)
    assert (told.state, told.by_hand) == (RefundState.DECLINED, False)
    assert len(world.events()) == before
    assert verify_trail(world.engine.database).broken is None
    with pytest.raises(NotFound):
        _settle(world, UUID(int=0))


def test_a_refund_that_is_being_sent_is_waited_for(world):
    world.subscribe()

    class Sending(Answers):
        def create_refunds(self, requests, **when):
            refund = UUID(str(world.rows("SELECT id FROM refund")[0]["id"]))
            with pytest.raises(RefundStillSent):
                settle_refund(whole, refund, reason="too soon", now=world.now)
            return self._gateway.create_refunds(requests, **when)

    whole = world.engine
    world.engine = replace(whole, gateway=Sending(whole.gateway))
    _order(world)
    world.engine = whole
    world.calm(hours=1)
    assert world.states("refund") == ["refunded"]


def test_one_that_is_released_instead_is_parked_again_at_the_next_look(world):
    _, refund = _hangs(world)
    release_refund(world.engine, refund, "look again", world.now)
    world.wait(minutes=1)
    world.wait(minutes=1)
    assert world.states("refund") == ["parked"]


@pytest.fixture
def owed(world, inbox):
    """28 February is captured twice; the refund of the surplus of 1 March never ends, and is parked on 4 March."""
    world.inbox = inbox
    world.subscribe()
    world.wallet(KIM, script=["late:30:20051", "ok"], refunds=["hang"])
    world.live_through("2027-03-06 00:00")
    assert world.states("refund") == ["parked"]
    return world


def _owed(world):
    (row,) = world.rows("SELECT * FROM refund_obligation")
    return row


def _refund_id(world, number=0):
    return UUID(str(world.rows("SELECT id FROM refund ORDER BY created_at")[number]["id"]))


def test_what_is_owed_is_parked_with_its_refund_and_owed_again_when_that_is_settled(owed):
    assert _owed(owed)["state"] == "parked"
    assert [kind for kind, _ in _parked(owed)] == ["refund", "refund_obligation"]
    _settle(owed, _refund_id(owed))
    row = _owed(owed)
    assert (row["state"], row["failures"], row["parked_reason"]) == ("owed", 1, None)
    owed.wait(minutes=61)
    owed.wait(minutes=5)
    # The first one still holds the balance there, so the second is refused; it is tried as often as any.
    assert owed.states("refund")[:2] == ["declined", "refused"]
    owed.live_through(owed.now + timedelta(days=14))
    assert _owed(owed)["state"] == "parked"
    assert "6 refunds failed" in _owed(owed)["parked_reason"]
    given = settle_obligation(owed.engine, UUID(str(_owed(owed)["id"])), how="transfer", reason="lost", now=owed.now)
    assert UUID(str(_owed(owed)["id"])) == given
    assert _owed(owed)["state"] == "settled"
    assert _breaches(owed) == []


def test_what_is_owed_is_declined_by_the_gateway_after_days_and_is_refunded_again(world, inbox):
    world.inbox = inbox
    world.subscribe()
    world.wallet(KIM, script=["late:30:20051", "ok"])
    world.faults(refund_seconds_min=5 * 86400, refund_seconds_max=5 * 86400, refund_declined=1)
    world.live_through("2027-03-06 00:00")
    assert _owed(world)["state"] == "parked"
    world.faults(refund_seconds_min=1, refund_seconds_max=1, refund_declined=0)
    world.live_through("2027-03-09 00:00")
    assert world.states("refund") == ["declined", "refunded"]
    assert _owed(world)["state"] == "refunded"
    assert _breaches(world) == []


def test_by_other_means_it_is_given_back_only_after_its_refund_was_settled(owed):
    obligation = UUID(str(_owed(owed)["id"]))

    def settle():
        return settle_obligation(owed.engine, obligation, how="transfer", reason="it hangs", now=owed.now)

    _settle(owed, _refund_id(owed))
    settle()
    assert _owed(owed)["state"] == "settled"
    subscription = UUID(str(owed.rows("SELECT id FROM subscription")[0]["id"]))
    cancel_now(owed.engine, subscription, reason="enough", now=owed.now)
    assert _erase(owed).erased_at == owed.now
    assert _breaches(owed) == []


def test_a_parked_refund_that_is_given_up_with_its_obligation_cannot_hang_any_more(owed):
    settle_obligation(owed.engine, UUID(str(_owed(owed)["id"])), how="transfer", reason="it hangs", now=owed.now)
    assert (owed.states("refund"), _owed(owed)["state"]) == (["declined"], "settled")
    assert _parked(owed) == []


def test_a_refund_in_the_dashboard_that_never_ends_does_not_keep_what_is_owed_for_ever(world, inbox):
    world.inbox = inbox
    world.subscribe()
    world.wallet(KIM, script=["late:30:20051", "ok"], refunds=["20006", "hang"])
    world.live_through("2027-03-01 17:20", step=timedelta(minutes=10))
    assert (_owed(world)["state"], _owed(world)["failures"]) == ("owed", 1)
    payment = _owed(world)["gateway_payment_id"]
    world.post(f"/payments/{payment}/refunds", {"amount": 9900, "reference": "by hand in the dashboard"})
    obligation = UUID(str(_owed(world)["id"]))
    world.live_through("2027-03-02 12:00")
    with pytest.raises(NotOwed, match="under way"):
        settle_obligation(world.engine, obligation, how="transfer", reason="it hangs", now=world.now)
    world.live_through("2027-03-05 12:00")
    assert _owed(world)["state"] == "parked"
    assert "not made here" in _owed(world)["parked_reason"]
    settle_obligation(world.engine, obligation, how="transfer", reason="it hangs", now=world.now)
    assert _owed(world)["state"] == "settled"
    assert _breaches(world) == []


def test_a_refund_that_waits_for_a_dispute_without_an_end_can_be_settled(world, inbox):
    world.inbox = inbox
    subscription = world.subscribe()
    world.faults(refund_hang=1)
    whole = world.engine

    class Down(Answers):
        def create_refunds(self, *_asked, **_when):
            raise ConnectionError

    world.engine = replace(whole, gateway=Down(whole.gateway))
    world.sandbox("POST", "disputes", {"payment_id": world.rows("SELECT * FROM charge")[0]["gateway_payment_id"]})
    refund = _order(world)
    world.engine = whole
    world.live_through("2027-02-20 12:00", step=timedelta(hours=6))
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    with pytest.raises(Conflict):
        _erase(world)
    _settle(world, refund)
    assert _erase(world).erased_at == world.now
