"""Dated stories of billing days: month ends, leap days, daily and weekly plans, midnight in Seoul, ends of trials."""

from datetime import timedelta

import pytest
from harness import KST, kst, utc

from billing.operations.consent import OutsideConsentWindow, record_consent
from billing.operations.manage import cancel_at_period_end


def _starts(world):
    return [str(row["period_start"]) for row in world.rows("SELECT period_start FROM invoice ORDER BY period_start")]


def _charged_days(world):
    rows = world.rows("SELECT sent_at FROM charge WHERE state = 'captured' ORDER BY sent_at")
    return [str(row["sent_at"])[:10] for row in rows]


def test_a_yearly_plan_from_29_february_bills_28_february_and_the_29th_again_in_the_next_leap_year(world):
    world.go_to("2028-02-29 12:00")
    world.subscribe(plan="yearly")
    world.live_through("2032-03-02 00:00", step=timedelta(hours=6))
    assert _starts(world) == ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]
    assert world.states("invoice") == ["paid"] * 5
    assert len(world.captured()) == 5


def test_a_monthly_plan_from_the_31st_meets_29_february_in_a_leap_year(world):
    world.go_to("2027-12-31 12:00")
    world.subscribe()
    world.live_through("2028-04-01 00:00")
    assert _starts(world) == ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"]


def test_a_daily_plan_is_charged_once_every_day(world):
    world.subscribe(plan="daily")
    world.live_through("2027-02-08 00:00")
    assert _starts(world) == ["2027-01-31", *(f"2027-02-0{day}" for day in range(1, 8))]
    assert _charged_days(world) == _starts(world)
    assert {payment["captured"] for payment in world.captured()} == {500}


def test_a_weekly_plan_is_charged_on_the_same_weekday(world):
    world.subscribe(plan="weekly")
    world.live_through("2027-03-01 00:00")
    assert _starts(world) == ["2027-01-31", "2027-02-07", "2027-02-14", "2027-02-21", "2027-02-28"]
    assert len(world.captured()) == 5


def test_who_enrols_just_after_midnight_in_seoul_is_billed_by_the_date_in_seoul(world):
    world.go_to("2027-02-01 00:30")  # still 31 January in UTC
    world.subscribe("lee")
    world.go_to("2027-02-01 23:59")
    world.subscribe("kim")
    world.live_through("2027-03-02 12:00")
    # Kim's payment was captured on the next day, so that is the first one.
    assert _starts(world) == ["2027-02-01", "2027-02-02", "2027-03-01", "2027-03-02"]


def test_nothing_is_charged_before_the_first_day_of_the_period_has_begun_in_seoul(world):
    world.subscribe()
    world.sweep_at("2027-02-27 23:59")
    assert len(world.sent()) == 1
    world.sweep_at("2027-02-28 00:00")
    assert len(world.sent()) == 1  # the day has come; the hour at which wallets are charged has not
    world.live_through("2027-02-28 10:45")
    assert len(world.sent()) == 2


def test_a_trial_takes_a_token_amount_gives_it_back_and_charges_the_price_when_it_ends_with_consent(world):
    trial = world.subscribe(plan="trial")
    assert world.state() == "trialing"
    world.live_through("2027-02-01 00:00")
    assert [(p["captured"], p["refunded"]) for p in world.payments()] == [(100, 100)]
    with pytest.raises(OutsideConsentWindow):
        record_consent(world.engine, trial, now=kst("2027-03-02 00:00"))
    world.go_to("2027-02-20 09:00")
    record_consent(world.engine, trial, now=world.now)
    world.live_through("2027-03-02 12:00")
    assert world.state() == "active"
    assert [payment["captured"] for payment in world.captured()] == [9900]
    assert str(world.subscription()["paid_through"]) == "2027-04-02"
    world.live_through("2027-04-02 12:00")
    assert len(world.captured()) == 2


def test_a_trial_that_ends_without_consent_ends_the_subscription_and_charges_nothing(world):
    world.subscribe(plan="trial")
    world.live_through("2027-03-05 00:00")
    assert world.state() == "canceled"
    assert world.captured() == []
    assert [event["data"] for event in world.events("subscription.canceled")]


def test_a_customer_who_had_a_trial_of_a_plan_pays_from_the_first_day_when_they_come_back(world):
    world.subscribe(plan="trial")
    world.live_through("2027-03-05 00:00")
    assert (world.state(), world.captured()) == ("canceled", [])
    world.subscribe(plan="trial")
    [again] = world.rows("SELECT state, paid_through FROM subscription WHERE state <> 'canceled'")
    assert (again["state"], str(again["paid_through"])) == ("active", "2027-04-05")
    assert [payment["captured"] for payment in world.captured()] == [9900]


def test_an_enrolment_in_a_trial_that_was_never_paid_uses_no_trial_up(world):
    world.enrol(plan="trial")
    world.live_through("2027-02-01 00:00")
    assert world.state() == "incomplete_expired"
    world.subscribe(plan="trial")
    assert sorted(row["state"] for row in world.rows("SELECT state FROM subscription")) == [
        "incomplete_expired",
        "trialing",
    ]


def test_a_trial_whose_first_price_is_declined_falls_past_due_and_recovers_on_the_next_day(world):
    trial = world.subscribe(plan="trial")
    world.go_to("2027-02-20 09:00")
    record_consent(world.engine, trial, now=world.now)
    world.wallet("kim@example.test", script=["20051", "ok"])
    world.live_through("2027-03-02 12:00")
    assert world.state() == "past_due"
    world.live_through("2027-03-03 12:00")
    assert world.state() == "active"
    assert str(world.subscription()["paid_through"]) == "2027-04-02"


def test_cancelling_a_trial_at_its_end_charges_nothing(world):
    trial = world.subscribe(plan="trial")
    record_consent(world.engine, trial, now=world.now)
    cancel_at_period_end(world.engine, trial, reason="changed my mind", now=world.now)
    world.live_through("2027-03-03 00:00")
    assert world.state() == "canceled"
    assert world.captured() == []


def test_a_merchant_in_new_york_charges_no_wallet_while_the_banks_in_seoul_are_closed(world):
    world.with_rules(zone="America/New_York")
    world.go_to("2027-02-10 12:00")
    world.subscribe()
    world.live_through("2027-09-20 12:00")
    sent = [utc(row["sent_at"]).astimezone(KST) for row in world.rows("SELECT sent_at FROM charge ORDER BY sent_at")][
        1:
    ]
    assert len(sent) == 7
    for at in sent:
        assert "00:40" <= f"{at:%H:%M}" < "23:20", f"{at} is in the quiet hours"


def test_the_days_of_consent_are_seouls_for_a_merchant_in_new_york(world):
    world.with_rules(zone="America/New_York")
    world.go_to("2027-01-31 12:00")
    trial = world.subscribe(plan="trial")
    assert str(world.subscription()["anchor"]) == "2027-03-01"
    with pytest.raises(OutsideConsentWindow, match=r"from 2027-01-30 to 2027-03-01 \(Asia/Seoul\)"):
        record_consent(world.engine, trial, now=kst("2027-03-01 14:00"))
    record_consent(world.engine, trial, now=kst("2027-03-01 13:59"))
    world.live_through("2027-03-03 12:00")
    assert world.state() == "active"
