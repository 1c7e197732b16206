"""Stories of answers that take long: pending for days, truth that comes late."""

from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from harness import WEB, email

from billing.operations.engine import Refusal
from billing.operations.manage import cancel_now
from billing.operations.re_enrol import re_enrol
from billing.operations.retry_charge import retry_charge

KIM = email("kim")


def test_a_charge_that_hangs_blocks_every_other_attempt_and_is_asked_about_ever_more_slowly(world):
    subscription = world.subscribe()
    world.wallet(KIM, script=["hang"])
    world.live_through("2027-03-14 00:00", step=timedelta(minutes=1))
    assert world.states("charge")[-1] == "parked"
    assert world.state() == "active"
    assert len(world.sent()) == 2
    charge = world.rows("SELECT * FROM charge WHERE state = 'parked'")[0]
    asked = [
        datetime.fromisoformat(each["at"])
        for each in world.sandbox("GET", "requests")
        if each["method"] == "GET" and each["path"].endswith(charge["gateway_payment_id"])
    ]
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert gaps == sorted(gaps)
    assert gaps[0] <= timedelta(minutes=2)
    assert timedelta(hours=23) <= gaps[-1] <= timedelta(hours=25)
    with pytest.raises(Refusal):
        retry_charge(world.engine, UUID(str(charge["id"])), now=world.now)
    with pytest.raises(Refusal, match="under way"):
        re_enrol(world.engine, subscription, WEB, now=world.now)


def test_no_period_is_invoiced_behind_a_charge_that_is_pending(world):
    world.subscribe()
    world.wallet(KIM, script=["pending:780"])  # 32 days and a half
    world.live_through("2027-04-01 12:00")
    assert world.states("invoice") == ["paid", "open"]
    assert len(world.sent()) == 2
    world.live_through("2027-04-04 12:00")
    assert world.states("invoice") == ["paid"] * 3
    assert len(world.captured()) == 3


def test_a_charge_that_was_pending_for_days_is_captured_and_no_step_was_counted(world):
    world.subscribe()
    world.wallet(KIM, script=["pending:100"])
    world.live_through("2027-03-05 12:00")
    assert world.states("invoice") == ["paid", "paid"]
    assert world.rows("SELECT failures FROM invoice ORDER BY period_start")[-1]["failures"] == 0
    assert world.events("subscription.fell_past_due") == []
    assert str(world.subscription()["paid_through"]) == "2027-03-31"


def test_a_charge_that_was_pending_and_then_declined_starts_the_ladder_on_the_day_it_failed(world):
    world.subscribe()
    world.wallet(KIM, script=["pending:30:20051", "ok"])
    world.live_through("2027-03-01 23:00")
    assert world.state() == "past_due"
    world.live_through("2027-03-02 12:00")
    assert world.state() == "active"


@pytest.mark.parametrize("declared", ["20051", "expire", "cancel"])
@pytest.mark.usefixtures("inbox")
def test_a_capture_that_comes_after_the_charge_had_failed_pays_the_invoice_and_ends_the_retries(world, declared):
    world.subscribe()
    world.wallet(KIM, script=[f"late:5:{declared}"])
    world.live_through("2027-02-28 14:00")
    assert world.state() == "past_due"
    world.live_through("2027-02-28 17:00")
    assert world.state() == "active"
    assert len(world.events("charge.late_truth")) == 1
    world.live_through("2027-03-20 00:00")
    assert len(world.sent()) == 2
    assert len(world.captured()) == 2


@pytest.mark.usefixtures("inbox")
def test_a_capture_that_comes_after_a_retry_was_captured_is_given_back(world):
    world.subscribe()
    world.wallet(KIM, script=["late:30:20051", "ok"])
    world.live_through("2027-03-03 00:00")
    assert world.state() == "active"
    assert len(world.captured()) == 2
    late = next(p for p in world.payments() if p["refunded"])
    assert (late["captured"], late["refunded"]) == (9900, 9900)
    assert world.states("refund") == ["refunded"]


@pytest.mark.usefixtures("inbox")
def test_a_capture_that_comes_while_a_retry_is_pending_pays_and_the_retry_is_given_back(world):
    world.subscribe()
    world.wallet(KIM, script=["late:30:20051", "pending:20"])
    world.live_through("2027-03-04 00:00")
    assert world.state() == "active"
    assert len(world.captured()) == 2
    assert world.states("refund") == ["refunded"]
    assert world.states("charge") == ["captured"] * 3


@pytest.mark.usefixtures("inbox")
def test_a_capture_that_comes_after_the_subscription_was_canceled_is_given_back(world):
    subscription = world.subscribe()
    world.wallet(KIM, script=["late:5:20051"])
    world.live_through("2027-02-28 12:00")
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    assert world.states("invoice")[-1] == "void"
    world.live_through("2027-03-01 12:00")
    assert world.state() == "canceled"
    assert world.states("invoice")[-1] == "void"
    assert [p["refunded"] for p in world.payments()] == [0, 9900]


@pytest.mark.usefixtures("inbox")
def test_a_capture_that_comes_after_the_end_of_the_ladder_is_given_back(world):
    world.subscribe()
    world.wallet(KIM, script=["late:400:20051"], default="20051")
    world.live_through("2027-03-20 00:00")
    assert world.state() == "canceled"
    assert len(world.captured()) == 1


def test_a_charge_that_expired_is_retried_as_any_other(world):
    world.subscribe()
    world.wallet(KIM, script=["expire", "ok"])
    world.live_through("2027-03-02 00:00")
    assert world.states("charge")[-2:] == ["expired", "captured"]
    assert world.state() == "active"
