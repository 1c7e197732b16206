"""Stories of charges that never end at the gateway: parked at a bound, settled by hand, and late truth after all."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from answering import answering
from harness import WEB, email

from billing.domain.charging import Found, Unreadable
from billing.domain.states import ChargeState
from billing.operations.engine import Conflict, Refusal
from billing.operations.enrol_subscriber import AlreadySubscribed
from billing.operations.erase_customer import erase_customer
from billing.operations.first_charges import ChargeSetAside, GatewayUnavailable
from billing.operations.forgive_invoice import mark_uncollectible, void_invoice
from billing.operations.manage import cancel_now
from billing.operations.parking import release_charge
from billing.operations.re_enrol import re_enrol
from billing.operations.retry_charge import retry_invoice
from billing.operations.revoke_source import revoke_source
from billing.operations.settle_charge import StillSent, settle_charge
from billing.store.invariants import check_all
from billing.store.report_log import list_parked

KIM = email("kim")


def _last_charge(world):
    return world.rows("SELECT * FROM charge ORDER BY created_at, attempt_no")[-1]


def _id_of(row):
    return UUID(str(row["id"]))


def _parked(world):
    with world.engine.database.snapshot() as tx:
        return [(row.kind, row.why) for row in list_parked(tx, 10)]


def _settle(world, **changes):
    asked = {"reason": "Checkout.com's support says it will not be captured", "now": world.now, **changes}
    return settle_charge(world.engine, _id_of(_last_charge(world)), **asked)


def _hangs(world, script="hang", plan="basic"):
    """A renewal is sent and never ends; four days later it is parked."""
    subscription = world.subscribe(plan=plan)
    world.wallet(KIM, script=[script])
    world.live_through(world.now + timedelta(days={"basic": 32, "weekly": 11}[plan]))
    assert _last_charge(world)["state"] == "parked"
    return subscription


def _open_invoice(world):
    return _id_of(world.rows("SELECT id FROM invoice WHERE state = 'open' ORDER BY period_start")[0])


def _is_free(world):
    """Say whether nothing waits for a charge any more."""
    return world.rows("SELECT id FROM charge WHERE state IN ('sending', 'unknown', 'pending', 'parked')") == []


def test_a_charge_that_hangs_is_parked_after_three_days_and_is_asked_about_further(world):
    world.subscribe()
    world.wallet(KIM, script=["hang"])
    world.live_through("2027-03-03 08:00")
    assert _last_charge(world)["state"] == "pending"
    world.live_through("2027-03-03 20:00")
    assert _last_charge(world)["state"] == "parked"
    assert _parked(world) == [
        ("charge", "still Pending at Checkout.com after 3 days; settle it by hand if it stays so")
    ]
    with world.engine.database.snapshot() as tx:
        assert check_all(tx, world.now) == [], "what is parked is a person's business, and no breach"
    looks = sum(tally.acts["look_ups"] for tally in world.tallies)
    world.live_through("2027-03-10 20:00")
    assert _last_charge(world)["state"] == "parked"
    assert 5 <= sum(tally.acts["look_ups"] for tally in world.tallies) - looks <= 30, "seldom, but still"
    assert len(world.sent()) == 2


def test_a_charge_that_is_captured_while_it_is_parked_pays(world):
    world.subscribe()
    world.wallet(KIM, script=["pending:120"])
    world.live_through("2027-03-04 12:00")
    assert _last_charge(world)["state"] == "parked"
    world.live_through("2027-03-06 12:00")
    assert world.states("charge") == ["captured", "captured"]
    assert world.states("invoice") == ["paid", "paid"]
    assert _parked(world) == []


@pytest.mark.usefixtures("inbox")
def test_a_webhook_of_a_parked_charge_lands_at_once(world):
    world.subscribe()
    world.wallet(KIM, script=["pending:100"])
    world.live_through("2027-03-04 12:00")
    assert _last_charge(world)["state"] == "parked"
    world.live_through("2027-03-04 14:40", step=timedelta(minutes=5))
    assert world.states("charge") == ["captured", "captured"]


def test_until_it_is_settled_it_stands_in_the_way_of_everything(world):
    subscription = _hangs(world)
    invoice, now = _open_invoice(world), world.now
    for act in (
        lambda: void_invoice(world.engine, invoice, reason="asked to", now=now),
        lambda: mark_uncollectible(world.engine, invoice, reason="asked to", now=now),
        lambda: retry_invoice(world.engine, invoice, now=now),
        lambda: re_enrol(world.engine, subscription, WEB, now=now),
    ):
        with pytest.raises(Refusal):
            act()
    with pytest.raises(AlreadySubscribed):
        world.enrol()
    source = _id_of(world.rows("SELECT id FROM source")[0])
    with pytest.raises(Conflict, match="under way"):
        revoke_source(world.engine, source, reason="asked to", now=now)
    cancel_now(world.engine, subscription, reason="enough", now=now)
    customer = _id_of(world.rows("SELECT id FROM customer")[0])
    with pytest.raises(Conflict, match="is parked"):
        erase_customer(world.engine, customer, reason="asked to", now=now)
    _settle(world)
    assert world.states("invoice")[-1] == "void"
    assert erase_customer(world.engine, customer, reason="asked to", now=now).erased_at == now


@pytest.mark.parametrize("act", ["void", "write off", "retry", "replace", "revoke", "nothing"])
def test_once_it_is_settled_everything_is_possible_again(world, act):
    subscription = _hangs(world)
    told = _settle(world)
    assert (told.state, told.by_hand) == (ChargeState.EXPIRED, True)
    assert _is_free(world)
    assert _parked(world) == []
    invoice, now = _open_invoice(world), world.now
    if act == "void":
        void_invoice(world.engine, invoice, reason="asked to", now=now)
        assert world.states("invoice")[-1] == "void"
    elif act == "write off":
        mark_uncollectible(world.engine, invoice, reason="asked to", now=now)
        assert world.states("invoice")[-1] == "uncollectible"
    elif act == "retry":
        retry_invoice(world.engine, invoice, now=now)
        world.wait(minutes=3)
        assert world.states("invoice") == ["paid", "paid"]
    elif act == "replace":
        world.agree(re_enrol(world.engine, subscription, WEB, now=now).redirect_url)
        world.wait(minutes=3)
        assert world.states("invoice") == ["paid", "paid"]
    elif act == "revoke":
        source = _id_of(world.rows("SELECT id FROM source")[0])
        revoke_source(world.engine, source, reason="asked to", now=now)
    else:
        # Nobody's fault: the wallet is asked again soon, and no step of the ladder is counted.
        world.wait(minutes=11)
        world.wait(minutes=3)
        assert world.states("invoice") == ["paid", "paid"]
        assert world.rows("SELECT failures FROM invoice ORDER BY period_start")[-1]["failures"] == 0
    assert bool(world.events("subscription.fell_past_due")) is (act == "revoke")


@pytest.mark.usefixtures("inbox")
def test_a_capture_that_comes_after_it_was_settled_pays_the_invoice_if_that_is_still_open(world):
    world.subscribe()
    world.wallet(KIM, script=["pending:200"], default="20051")
    world.live_through("2027-03-04 12:00")
    _settle(world)
    world.live_through("2027-03-09 00:00")
    assert world.states("invoice") == ["paid", "paid"]
    assert len(world.events("charge.late_truth")) == 1
    assert world.state() == "active"
    assert len(world.captured()) == 2


@pytest.mark.usefixtures("inbox")
@pytest.mark.parametrize("meanwhile", ["paid", "voided", "canceled"])
def test_a_capture_that_comes_after_it_was_settled_is_given_back_if_nothing_is_owed(world, meanwhile):
    subscription = world.subscribe()
    world.wallet(KIM, script=["pending:200"])
    world.live_through("2027-03-04 12:00")
    _settle(world)
    if meanwhile == "paid":
        retry_invoice(world.engine, _open_invoice(world), now=world.now)
    elif meanwhile == "voided":
        void_invoice(world.engine, _open_invoice(world), reason="asked to", now=world.now)
    else:
        cancel_now(world.engine, subscription, reason="enough", now=world.now)
    world.live_through("2027-03-09 12:00")
    assert world.states("refund") == ["refunded"]
    assert len(world.captured()) == (2 if meanwhile == "paid" else 1)


def test_money_that_was_taken_is_recorded_and_not_settled(world):
    world.subscribe()
    world.wallet(KIM, script=["pending:100"])
    world.live_through("2027-03-04 12:00")
    assert _last_charge(world)["state"] == "parked"
    world.go_to("2027-03-04 18:00")  # captured at the gateway, and not asked about yet
    with pytest.raises(Conflict, match="is captured: it is recorded"):
        _settle(world)
    assert world.states("invoice") == ["paid", "paid"]
    with pytest.raises(Conflict, match="refund it"):
        _settle(world)


def test_money_that_is_held_is_waited_for(world):
    _hangs(world)
    held = replace(_payment(world), raw_status="Authorized", is_authorised=True)
    whole = answering(world, find_by_id=Found((held,)))
    with pytest.raises(Conflict, match=r"is Authorized at Checkout\.com"):
        _settle(world)
    assert _last_charge(world)["state"] == "parked"
    world.engine = whole


def test_an_end_that_the_gateway_tells_is_recorded_instead(world):
    world.subscribe()
    world.wallet(KIM, script=["pending:100:20051"])
    world.live_through("2027-03-04 12:00")
    world.go_to("2027-03-04 18:00")
    told = _settle(world)
    assert (told.state, told.by_hand) == (ChargeState.DECLINED, False)
    assert world.state() == "past_due"


def test_what_the_gateway_does_not_know_any_more_is_parked_and_can_be_settled(world):
    world.subscribe()
    world.wallet(KIM, script=["hang"])
    world.live_through("2027-02-28 12:00")
    gone = Unreadable("HTTP 404", not_found=True)
    whole = answering(world, find_by_id=gone, find_by_reference=Found(()))
    world.live_through("2027-03-04 12:00")
    assert _parked(world) == [
        ("charge", "without an outcome for 3 days: Checkout.com was asked, and the answer was HTTP 404")
    ]
    assert _settle(world).by_hand
    assert _is_free(world)
    world.engine = whole


def test_while_the_gateway_cannot_be_asked_nothing_is_settled(world):
    _hangs(world)
    whole = answering(world, find_by_id=Unreadable("HTTP 503"))
    with pytest.raises(GatewayUnavailable, match="HTTP 503"):
        _settle(world)
    assert _last_charge(world)["state"] == "parked"
    world.engine = whole
    assert _settle(world).by_hand


def test_a_charge_whose_outcome_nobody_could_read_for_days_goes_on_by_itself_when_the_gateway_answers_again(world):
    world.subscribe()
    world.faults(unprocessed_502=1)
    unread = Unreadable("HTTP 500")
    whole = answering(world, find_by_id=unread, find_by_reference=unread)
    world.live_through("2027-03-04 12:00")
    assert _last_charge(world)["state"] == "parked"
    world.engine = whole
    world.calm(days=2)
    assert world.states("charge") == ["captured", "captured"]
    assert len(world.captured()) == 2


def test_settling_twice_changes_nothing_the_second_time(world):
    _hangs(world)
    _settle(world)
    before = len(world.events())
    told = _settle(world)
    assert (told.state, told.by_hand) == (ChargeState.EXPIRED, False)
    assert len(world.events()) == before


def test_a_charge_that_is_being_sent_is_waited_for(world):
    world.subscribe()
    world.go_to("2027-02-28 10:40")

    def settles_too_soon():
        with pytest.raises(StillSent):
            _settle(world)

    world.engine.gateway.after_create = settles_too_soon
    world.sweep()
    world.engine.gateway.after_create = lambda: None
    world.wait(minutes=3)
    assert world.states("charge") == ["captured", "captured"]


def test_one_that_is_released_instead_is_parked_again_at_the_next_look(world):
    _hangs(world)
    release_charge(world.engine, _id_of(_last_charge(world)), "look again", world.now)
    world.sweep()
    assert _last_charge(world)["state"] == "parked"


def test_the_first_payment_of_an_enrolment_that_hangs_is_parked_and_settled_too(world):
    world.wallet(KIM, first_payment=["hang"])
    made = world.enrol()
    world.agree(made.redirect_url)
    world.live_through("2027-02-05 12:00")
    assert world.state() == "incomplete_expired"
    assert _last_charge(world)["state"] == "parked"
    customer = _id_of(world.rows("SELECT id FROM customer")[0])
    with pytest.raises(Conflict, match="is parked"):
        erase_customer(world.engine, customer, reason="asked to", now=world.now)
    _settle(world)
    world.wallet(KIM, first_payment=["ok"])
    again = world.enrol()
    assert again.subscription_id != made.subscription_id
    world.agree(again.redirect_url)
    world.wait(minutes=3)
    assert world.state(again.subscription_id) == "active"


def test_a_new_agreement_that_hangs_is_parked_and_once_it_is_settled_another_link_is_given(world):
    subscription = world.subscribe()
    world.wallet(KIM, script=["200R1"], first_payment=["hang"])
    world.live_through("2027-02-28 12:00")
    world.agree(re_enrol(world.engine, subscription, WEB, now=world.now).redirect_url)
    world.live_through("2027-03-04 12:00")
    assert _last_charge(world)["state"] == "parked"
    with pytest.raises((Conflict, ChargeSetAside)):
        re_enrol(world.engine, subscription, WEB, now=world.now)
    _settle(world)
    world.wallet(KIM, first_payment=["ok"])
    world.agree(re_enrol(world.engine, subscription, WEB, now=world.now).redirect_url)
    world.wait(minutes=3)
    assert world.state() == "active"
    assert world.states("invoice") == ["paid", "paid"]


def test_a_weekly_charge_that_hangs_for_forty_days_has_a_way_out(world):
    subscription = world.subscribe(plan="weekly")
    world.wallet(KIM, script=["hang"])
    world.live_through(world.now + timedelta(days=40))
    assert [kind for kind, _ in _parked(world)] == ["charge"]
    charge = _id_of(world.rows("SELECT id FROM charge WHERE state = 'parked'")[0])
    settle_charge(world.engine, charge, reason="it hangs", now=world.now)
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    customer = _id_of(world.rows("SELECT id FROM customer")[0])
    erase_customer(world.engine, customer, reason="asked to", now=world.now)
    with world.engine.database.snapshot() as tx:
        assert check_all(tx, world.now) == []


def _payment(world):
    (found,) = world.engine.gateway.find_by_id([_last_charge(world)["gateway_payment_id"]])
    return found.payments[0]
