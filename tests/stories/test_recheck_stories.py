"""Stories of charges that have ended and are looked at again: webhooks lost, truth that came late, second payments."""

from datetime import timedelta
from uuid import UUID

import pytest
from harness import email, utc
from soundness import assert_sound

from billing.operations.manage import cancel_now
from billing.operations.reconcile import reconcile

KIM = email("kim")


def _renewals(world):
    return world.rows("SELECT * FROM charge WHERE kind = 'renewal' ORDER BY created_at")


def _rechecks(world):
    return sum(tally.acts["rechecks"] for tally in world.tallies)


def _agrees_with_the_gateway(world):
    told = reconcile(world.engine, now=world.now)
    assert told.differences == []


@pytest.fixture
def silent(world, inbox):
    """The sandbox has our endpoint, and every webhook to it is lost."""
    world.subscribe()
    world.faults(webhook_lost=1)
    came = len(inbox.came)
    yield world
    assert len(inbox.came) == came


@pytest.mark.parametrize("declared", ["20051", "expire", "cancel"])
def test_a_charge_that_failed_is_captured_later_and_its_webhook_is_lost(silent, declared):
    world = silent
    world.wallet(KIM, script=[f"late:5:{declared}", "20051"])
    world.live_through("2027-02-28 14:00")
    assert world.state() == "past_due"
    world.live_through("2027-03-01 14:00")  # captured at three; the look at eleven came too early for it
    first = _renewals(world)[0]
    assert first["state"] == "captured"
    assert first["check_at"] is None
    assert world.state() == "active"
    assert world.states("invoice") == ["paid", "paid"]
    assert len(world.events("charge.late_truth")) == 1
    assert len(world.captured()) == 2
    _agrees_with_the_gateway(world)


def test_a_recheck_of_a_declined_charge_does_not_ask_once_more_why_it_was_declined(silent):
    world = silent
    world.wallet(KIM, script=["20051"])
    world.live_through("2027-02-28 14:00")
    before = _asked_for_actions(world)
    world.live_through("2027-03-09 00:00")
    assert _rechecks(world) >= 3
    assert _asked_for_actions(world) == before


def _asked_for_actions(world):
    return [each for each in world.sandbox("GET", "requests") if each["path"].endswith("/actions")]


def test_a_charge_that_was_refused_and_captured_all_the_same_is_found_and_counts_once(silent):
    world = silent
    world.wallet(KIM, script=["422:source_id_invalid"])
    world.live_through("2027-02-28 11:00")
    (refused,) = _renewals(world)
    assert refused["state"] == "refused"
    world.post_again(refused["reference"])
    world.live_through("2027-03-09 00:00")
    assert [row["state"] for row in _renewals(world)] == ["captured"]
    assert world.state() == "active"
    assert len(world.captured()) == 2
    _agrees_with_the_gateway(world)


def test_the_invoice_was_paid_meanwhile_so_what_was_captured_late_goes_back(silent):
    world = silent
    world.wallet(KIM, script=["late:30:expire", "ok"])
    world.live_through("2027-03-01 12:00")
    assert [row["state"] for row in _renewals(world)] == ["expired", "captured"]
    world.live_through("2027-03-08 12:00")
    assert [row["state"] for row in _renewals(world)] == ["captured", "captured"]
    refunds = world.rows("SELECT * FROM refund")
    assert [(row["state"], row["reason"]) for row in refunds] == [("refunded", "the invoice was already paid")]
    assert len(world.captured()) == 2
    _agrees_with_the_gateway(world)
    assert_sound(world, at_rest=True)


@pytest.mark.parametrize("hours", [200, 1500])
def test_what_is_captured_weeks_late_is_found_though_nobody_tells(silent, hours):
    world = silent
    world.wallet(KIM, script=[f"late:{hours}:expire", "ok"])
    world.live_through("2027-05-20 12:00")
    net = [payment["captured"] - payment["refunded"] for payment in world.payments()]
    assert sorted(net) == [0, 9900, 9900, 9900, 9900], "the first payment, and February to April, once each"
    assert world.states("refund_obligation") == ["refunded"]
    _agrees_with_the_gateway(world)


def test_a_first_payment_that_is_captured_weeks_late_is_found_though_nobody_tells(silent):
    world = silent
    world.wallet("lee@example.com", first_payment=["late:300:expire"])
    world.agree(str(world.enrol("lee").redirect_url))
    world.live_through("2027-02-25 12:00")
    assert all(row["state"] != "expired" for row in world.rows("SELECT state FROM charge"))
    _agrees_with_the_gateway(world)


def test_a_charge_that_stays_failed_is_looked_at_after_an_hour_a_day_and_every_week(silent):
    world = silent
    world.wallet(KIM, script=["20051", "ok"])
    world.live_through("2027-03-20 12:00")
    first = _renewals(world)[0]
    assert (first["state"], first["checks"]) == ("declined", 4)
    assert _rechecks(world) == 4


def test_a_look_that_fails_is_made_again_and_finds_the_capture(silent):
    world = silent
    world.wallet(KIM, script=["late:5:expire", "20051"])
    world.live_through("2027-03-01 05:00")
    world.faults(read_500=1)
    world.live_through("2027-03-01 20:00")
    assert _renewals(world)[0]["state"] == "expired"
    world.faults(read_500=0)
    world.live_through("2027-03-02 09:00")
    assert _renewals(world)[0]["state"] == "captured"


def test_a_list_that_does_not_show_the_payment_it_must_have_proves_nothing(silent):
    world = silent
    world.wallet(KIM, script=["20051", "ok"])
    world.faults(list_lag_seconds=86_400)
    world.live_through("2027-02-28 12:30")
    first = _renewals(world)[0]
    assert (first["state"], first["checks"]) == ("declined", 0)
    assert first["absent_looks"] > 1
    world.live_through("2027-03-08 16:00")
    assert (_renewals(world)[0]["state"], _renewals(world)[0]["checks"]) == ("declined", 3)


def test_a_second_payment_after_a_resend_is_found_by_a_recheck_and_refunded(silent):
    world = silent
    world.faults(unprocessed_502=1)
    world.live_through("2027-02-28 10:00")
    world.sweep_at(world.next_due())
    world.faults(unprocessed_502=0)
    world.live_through("2027-02-28 11:00", step=timedelta(minutes=1))
    charge = _renewals(world)[0]
    assert (charge["state"], charge["sends"]) == ("captured", 2)
    assert utc(charge["check_at"]) - utc(charge["captured_at"]) == timedelta(hours=1)
    world.post_again(charge["reference"])  # as if the first send had been processed after all
    world.live_through("2027-03-02 12:00")
    assert [row["reason"] for row in world.rows("SELECT reason FROM refund")] == [
        "a second payment was captured for the same charge"
    ]
    assert world.states("refund") == ["refunded"]
    assert len(world.captured()) == 2
    assert "charged twice" in world.subscription()["parked_reason"]
    assert _renewals(world)[0]["check_at"] is None
    assert _rechecks(world) == 2
    _agrees_with_the_gateway(world)


def test_a_charge_proven_absent_and_no_longer_wanted_is_looked_at_again_and_its_money_goes_back(silent):
    world = silent
    world.faults(unprocessed_502=1)
    world.live_through("2027-02-28 10:00")
    world.sweep_at(world.next_due())
    world.faults(unprocessed_502=0)
    charge = _renewals(world)[0]
    cancel_now(world.engine, UUID(str(charge["subscription_id"])), reason="no longer wanted", now=world.now)
    world.live_through("2027-02-28 11:00", step=timedelta(minutes=1))
    assert _renewals(world)[0]["state"] == "refused"
    world.post_again(charge["reference"])
    world.live_through("2027-03-01 12:00")
    assert _renewals(world)[0]["state"] == "captured"
    assert world.states("refund") == ["refunded"]
    assert len(world.captured()) == 1
    _agrees_with_the_gateway(world)
