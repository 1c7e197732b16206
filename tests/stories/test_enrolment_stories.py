"""Stories of enrolling: declined, expired, left, twice, lost answers, truth that comes too late."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from harness import WEB, email

from billing.domain.cases import LateEnrolment
from billing.domain.charging import Accepted, GatewayPayment, PaymentStatus
from billing.operations.engine import NotFound
from billing.operations.enrol_subscriber import (
    AlreadySubscribed,
    Subscriber,
    enrol_subscriber,
)
from billing.operations.first_charges import (
    ChargeSetAside,
    GatewayRefused,
    GatewayUnavailable,
    continue_enrolment,
)
from billing.operations.first_terms import PlanNotOnSale
from billing.operations.manage import cancel_now
from billing.operations.plans import archive_plan, pause_plan
from billing.operations.re_enrol import re_enrol
from billing.operations.record_outcomes import record_outcomes
from billing.operations.return_links import FAILURE, LEFT_BY
from billing.operations.settle_return import settle_return

KIM = email("kim")
SUBSCRIBER = Subscriber("cust-kim", "kim", KIM)


def _enrol(world, plan="basic", subscriber=SUBSCRIBER):
    return enrol_subscriber(world.engine, subscriber, plan, WEB, now=world.now)


def _token(world):
    return world.rows("SELECT return_token FROM charge ORDER BY created_at")[-1]["return_token"]


def test_who_agrees_is_active_at_once_and_sent_back_to_the_shop(world):
    made = world.enrol()
    assert (made.state, world.state()) == ("incomplete", "incomplete")
    world.agree(made.redirect_url)
    back = settle_return(world.engine, _token(world), now=world.now)
    assert back.url.startswith("http://127.0.0.1/ok?")
    assert "payment=captured" in back.url
    assert world.state() == "active"
    assert str(world.subscription()["paid_through"]) == "2027-02-28"
    assert world.states("source") == ["active"]


def test_coming_back_proves_nothing_and_a_link_that_is_not_ours_is_not_known(world):
    world.enrol()
    assert "payment=pending" in settle_return(world.engine, _token(world), now=world.now).url
    assert world.state() == "incomplete"
    with pytest.raises(NotFound):
        settle_return(world.engine, "made-up", now=world.now)


def _leave(world, redirect_url):
    """Leave the wallet without a decision, and follow the link that the gateway sends the subscriber back by."""
    link = urlsplit(world.http.post(f"{redirect_url}/leave").headers["location"])
    left_by_failure = parse_qs(link.query).get(LEFT_BY) == [FAILURE]
    return settle_return(world.engine, link.path.split("/")[-1], now=world.now, left_by_failure=left_by_failure).url


def test_who_leaves_the_wallet_undecided_is_sent_on_to_where_the_gateway_sent_them(world):
    made = world.enrol()
    assert _leave(world, made.redirect_url).startswith("http://127.0.0.1/failed?")
    assert "payment=pending" in _leave(world, made.redirect_url)
    world.agree(made.redirect_url)
    # Decided since: what became of the payment is what counts, by whichever link they come.
    assert _leave(world, made.redirect_url).startswith("http://127.0.0.1/ok?")
    world.go_to("2027-02-10 12:00")
    again = re_enrol(world.engine, made.subscription_id, WEB, now=world.now)
    back = _leave(world, again.redirect_url)
    assert back.startswith("http://127.0.0.1/failed?")
    assert "payment=pending" in back


def test_who_comes_back_by_success_before_it_is_decided_is_sent_on_to_success(world):
    world.wallet(KIM, first_payment=["pending:1"])
    link = urlsplit(world.agree(world.enrol().redirect_url).headers["location"])
    assert parse_qs(link.query).get(LEFT_BY) is None
    assert settle_return(world.engine, _token(world), now=world.now).url.startswith("http://127.0.0.1/ok?")


@pytest.mark.parametrize("how", ["declined", "rejected", "expired", "canceled"])
def test_a_first_payment_that_fails_leaves_the_enrolment_open_for_another_try(world, how):
    if how in ("declined", "canceled"):
        world.wallet(KIM, first_payment=["20051" if how == "declined" else "cancel"])
    made = world.enrol()
    if how == "rejected":
        world.reject(made.redirect_url)
    elif how != "expired":
        world.agree(made.redirect_url)
    world.wait(minutes=20)
    assert world.state() == "incomplete"
    assert "127.0.0.1/failed" in settle_return(world.engine, _token(world), now=world.now).url
    again = world.enrol()
    assert again.subscription_id == made.subscription_id
    assert again.redirect_url != made.redirect_url
    world.agree(again.redirect_url)
    world.wait(minutes=2)
    assert world.state() == "active"
    assert len(world.captured()) == 1


def test_an_enrolment_that_was_left_expires_after_an_hour_and_the_customer_may_enrol_anew(world):
    made = world.enrol()
    world.live_through("2027-01-31 14:00")
    assert world.state() == "incomplete_expired"
    again = world.enrol()
    assert again.subscription_id != made.subscription_id
    world.agree(again.redirect_url)
    world.wait(minutes=2)
    assert world.state(again.subscription_id) == "active"


@pytest.mark.usefixtures("inbox")
def test_a_first_payment_captured_after_the_enrolment_expired_is_honoured(world):
    world.wallet(KIM, first_payment=["late:2:expire"])
    world.agree(world.enrol().redirect_url)
    world.live_through("2027-01-31 13:30")
    assert world.state() == "incomplete_expired"
    world.live_through("2027-01-31 16:00")
    assert world.state() == "active"
    world.live_through("2027-03-01 00:00")
    assert len(world.captured()) == 2


@pytest.mark.usefixtures("inbox")
def test_a_first_payment_captured_after_the_enrolment_expired_is_given_back_if_the_shop_wants_it_so(world):
    world.with_rules(settlement=replace(world.engine.rules.settlement, late_enrolment=LateEnrolment.REFUND))
    world.wallet(KIM, first_payment=["late:2:expire"])
    world.agree(world.enrol().redirect_url)
    world.live_through("2027-01-31 18:00")
    assert world.state() == "incomplete_expired"
    assert [payment["refunded"] for payment in world.payments()] == [9900]


@pytest.mark.usefixtures("inbox")
def test_a_first_payment_captured_late_is_given_back_when_the_customer_has_enrolled_anew(world):
    world.wallet(KIM, first_payment=["late:3:expire", "ok"])
    first = world.enrol()
    world.agree(first.redirect_url)
    world.live_through("2027-01-31 13:30")
    again = world.enrol()
    world.agree(again.redirect_url)
    world.live_through("2027-01-31 18:00")
    assert world.state(first.subscription_id) == "incomplete_expired"
    assert world.state(again.subscription_id) == "active"
    assert len(world.captured()) == 1


@pytest.mark.usefixtures("inbox")
def test_a_first_payment_captured_late_is_given_back_when_a_second_try_has_paid(world):
    world.wallet(KIM, first_payment=["late:0.5:expire", "ok"])
    world.agree(world.enrol().redirect_url)
    world.wait(minutes=20)
    world.agree(world.enrol().redirect_url)
    world.live_through("2027-01-31 18:00")
    assert world.state() == "active"
    assert len(world.captured()) == 1
    assert world.states("refund") == ["refunded"]
    world.live_through("2027-03-01 00:00")
    assert len(world.captured()) == 2  # the renewal goes to the agreement that counts


def test_a_customer_who_has_a_subscription_to_the_plan_is_told_so(world):
    world.subscribe()
    with pytest.raises(AlreadySubscribed):
        world.enrol()
    assert len(world.sent()) == 1


def test_a_customer_may_have_one_subscription_to_each_of_two_plans(world):
    world.subscribe()
    world.subscribe(plan="yearly")
    assert [row["state"] for row in world.rows("SELECT state FROM subscription")] == ["active", "active"]
    assert len(world.rows("SELECT id FROM customer")) == 1


def test_a_double_click_gets_the_same_link(world):
    first, second = world.enrol(), world.enrol()
    assert first == second
    assert len(world.sent()) == 1


def test_an_enrolment_that_is_gone_on_with_gives_the_same_link_and_none_when_it_is_all_over(world):
    first = _enrol(world)
    assert continue_enrolment(world.engine, first.subscription_id, WEB, now=world.now) == first
    world.agree(first.redirect_url)
    world.wait(minutes=2)
    again = continue_enrolment(world.engine, first.subscription_id, WEB, now=world.now)
    assert (again.subscription_id, again.state, again.redirect_url) == (first.subscription_id, "active", None)
    assert len(world.sent()) == 1


def test_a_500_after_processing_gives_no_link_and_the_next_request_a_link_that_charges_once(world):
    world.faults(processed_500=1)
    with pytest.raises(GatewayUnavailable):
        _enrol(world)
    world.faults(processed_500=0)
    made = _enrol(world)
    world.agree(made.redirect_url)
    world.calm()
    assert world.state() == "active"
    assert len(world.captured()) == 1
    world.live_through("2027-03-01 00:00")
    assert len(world.captured()) == 2


def test_a_payment_whose_link_was_lost_is_found_by_the_sweep_and_the_next_request_still_gets_a_link_that_works(world):
    world.faults(processed_500=1)
    with pytest.raises(GatewayUnavailable):
        world.enrol()
    world.faults(processed_500=0)
    world.wait(minutes=1)
    assert world.states("charge") == ["pending"]
    made = world.enrol()
    world.agree(made.redirect_url)
    world.calm()
    assert world.state() == "active"
    assert len(world.captured()) == 1
    world.live_through("2027-03-01 00:00")
    assert len(world.captured()) == 2  # on the source that was agreed to, not on the one whose link was lost


@pytest.mark.usefixtures("inbox")
def test_a_payment_whose_link_was_lost_and_whose_webhook_came_first_still_gets_a_link_that_works(world):
    world.faults(processed_500=1)
    with pytest.raises(GatewayUnavailable):
        world.enrol()
    world.faults(processed_500=0)
    world.wait(seconds=1)
    assert world.states("charge") == ["pending"]
    world.agree(world.enrol().redirect_url)
    world.live_through("2027-03-01 00:00")
    assert world.state() == "active"
    assert len(world.captured()) == 2


def test_a_first_payment_that_was_never_processed_is_not_sent_again_by_itself(world):
    world.faults(unprocessed_502=1)
    with pytest.raises(GatewayUnavailable):
        world.enrol()
    world.faults(unprocessed_502=0)
    world.live_through("2027-01-31 12:45")
    assert len(world.sent()) == 1
    assert world.states("charge") == ["refused"]
    world.agree(world.enrol().redirect_url)
    world.wait(minutes=2)
    assert world.state() == "active"


def test_an_error_of_our_set_up_is_told_and_the_enrolment_can_be_repeated(world):
    world.faults(currencies="HKD SGD")
    with pytest.raises(GatewayRefused, match="currency_not_supported"):
        world.enrol()
    world.faults(currencies=None)
    world.wait(minutes=6)
    world.agree(world.enrol().redirect_url)
    world.wait(minutes=2)
    assert world.state() == "active"


def test_nobody_is_enrolled_on_a_plan_that_is_not_on_sale(world):
    pause_plan(world.engine, "weekly", now=world.now)
    archive_plan(world.engine, "yearly", now=world.now)
    for plan, refusal in (("weekly", PlanNotOnSale), ("yearly", PlanNotOnSale), ("unknown", NotFound)):
        with pytest.raises(refusal):
            world.enrol(plan=plan)
    assert world.rows("SELECT id FROM subscription") == []


def test_a_customer_may_enrol_anew_at_the_very_instant_of_a_cancellation(world):
    """The test clock stands still until it is moved."""
    first = world.enrol().subscription_id
    cancel_now(world.engine, first, reason="oops", now=world.now)
    again = world.enrol()
    cancel_now(world.engine, again.subscription_id, reason="oops", now=world.now)
    third = world.enrol()
    assert len({first, again.subscription_id, third.subscription_id}) == 3
    world.agree(third.redirect_url)
    world.wait(minutes=2)
    assert world.state(third.subscription_id) == "active"


def test_cancelling_an_enrolment_whose_link_is_out_gives_back_what_is_paid_under_it(world):
    made = world.enrol()
    cancel_now(world.engine, made.subscription_id, reason="oops", now=world.now)
    world.agree(made.redirect_url)
    world.calm()
    assert world.state() == "canceled"
    assert world.captured() == []
    assert world.states("refund") == ["refunded"]


def test_a_first_payment_of_a_wrong_amount_is_set_aside_and_the_subscription_does_not_start(world):
    world.wallet(KIM, first_payment=["wrong_amount:99"])
    world.agree(world.enrol().redirect_url)
    world.wait(minutes=2)
    assert world.states("charge") == ["parked"]
    assert world.state() == "incomplete"
    with pytest.raises(ChargeSetAside, match="operator"):
        world.enrol()


def test_a_link_given_out_before_the_enrolment_expired_still_pays_it(world):
    world.faults(first_payment_expiry_seconds=86_400)
    made = world.enrol()
    world.live_through("2027-01-31 15:00")
    assert world.state() == "incomplete_expired"
    world.agree(made.redirect_url)
    world.live_through("2027-01-31 20:00", step=timedelta(minutes=30))
    assert world.state(UUID(str(made.subscription_id))) == "active"


def test_the_agreement_of_another_customer_is_never_taken_over(world):
    world.subscribe("kim")
    (kims,) = world.rows("SELECT gateway_source_id FROM source")
    world.faults(processed_500=1)
    with pytest.raises(GatewayUnavailable):
        world.enrol("lee")
    (charge,) = world.rows("SELECT * FROM charge WHERE state = 'unknown'")
    told = GatewayPayment(
        world.payments()[-1]["id"],
        PaymentStatus.OPEN,
        "Pending",
        charge["reference"],
        source_id=kims["gateway_source_id"],
    )
    record_outcomes(world.engine, [(UUID(str(charge["id"])), Accepted(told))], now=world.now)
    assert [row["source_id"] for row in world.rows("SELECT source_id FROM charge WHERE state = 'pending'")] == [None]
