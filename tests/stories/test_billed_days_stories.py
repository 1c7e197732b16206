"""Stories of which days are billed: those with access, and no others, whatever happened in between."""

import json
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from harness import PLANS, WEB, email, utc

from billing.domain.access import Access, Why, access_on
from billing.domain.days.renewing import CatchUp
from billing.domain.dunning import EndOfLadder
from billing.operations.first_terms import AlreadyPaid, PriceChanged
from billing.operations.forgive_invoice import void_invoice
from billing.operations.manage import cancel_now, pause, resume
from billing.operations.plans import apply_plans
from billing.operations.re_enrol import re_enrol
from billing.operations.request_refund import request_refund
from billing.operations.retry_charge import ConfirmationRequired, retry_invoice
from billing.store.access import standings_of_customer
from billing.store.installation import allow_charging, stop_charging
from plans.calendar import billing_day
from plans.catalog import DEFAULT_LIMITS, read_catalog

KIM = email("kim")


def _renewals(world):
    """Return (captured on, first day, end) of every renewal that was paid, oldest first."""
    rows = world.rows(
        "SELECT paid_at, period_start, period_end FROM invoice WHERE state = 'paid' AND kind = 'renewal'"
        " ORDER BY paid_at, period_start"
    )
    return [
        (str(billing_day(utc(row["paid_at"]), "Asia/Seoul")), str(row["period_start"]), str(row["period_end"]))
        for row in rows
    ]


def _access(world, day=None):
    with world.engine.database.snapshot() as tx:
        (*_, found) = standings_of_customer(tx, "cust-kim").standings
    today = date.fromisoformat(day) if day else billing_day(world.now, found.zone)
    return access_on(today, found.standing, policy=world.engine.rules.catching_up)


def _why(world):
    return str(_access(world).why)


def _not_billed(world):
    return [
        (each["data"]["from"], each["data"]["to"], each["data"]["kind"], each["data"]["reason"])
        for each in map(_with_data, world.events("subscription.not_billed"))
    ]


def _with_data(row):
    return {**row, "data": json.loads(row["data"]) if isinstance(row["data"], str) else row["data"]}


def _ends_in(world, end):
    rules = world.engine.rules
    world.with_rules(settlement=replace(rules.settlement, dunning=replace(rules.settlement.dunning, end=end)))


def _open_invoice(world):
    (row,) = world.rows("SELECT id FROM invoice WHERE state = 'open' AND kind = 'renewal'")
    return UUID(str(row["id"]))


def test_a_debt_before_a_pause_is_paid_after_it_and_no_paused_day_is(world):
    world.go_to("2027-02-01 12:00")
    subscription = world.subscribe()
    world.wallet(KIM, script=["20051"])
    world.live_through("2027-03-01 12:00")
    assert world.state() == "past_due"
    pause(world.engine, subscription, resume_at=None, now=world.now)
    assert _why(world) == "none"
    world.live_through("2027-05-15 11:00")
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-05-17 12:00")
    assert _renewals(world) == [
        ("2027-05-15", "2027-03-01", "2027-04-01"),
        ("2027-05-16", "2027-05-15", "2027-06-15"),
    ]
    assert _not_billed(world) == [("2027-04-01", "2027-05-15", "none", "no_access")]
    world.live_through("2027-06-16 00:00")
    assert _renewals(world)[-1] == ("2027-06-15", "2027-06-15", "2027-07-15")


@pytest.mark.parametrize("catch_up", CatchUp)
def test_a_lock_out_is_not_billed_afterwards_whatever_the_catch_up_policy(world, catch_up):
    world.with_rules(catch_up=catch_up)
    _ends_in(world, EndOfLadder.UNPAID)
    world.go_to("2027-03-01 12:00")
    world.subscribe()
    world.wallet(KIM, script=["20051"] * 6)
    world.live_through("2027-04-16 09:00")
    assert (world.state(), _why(world)) == ("unpaid", "none")
    world.live_through("2027-07-20 11:00")
    retry_invoice(world.engine, _open_invoice(world), now=world.now)
    world.wait(minutes=5)
    assert (world.state(), _why(world)) == ("active", "pending")
    assert _access(world).until == date(2027, 8, 20)
    world.live_through("2027-07-25 12:00")
    assert _renewals(world) == [
        ("2027-07-20", "2027-04-01", "2027-05-01"),
        ("2027-07-21", "2027-07-20", "2027-08-20"),
    ]
    assert _why(world) == "paid"


@pytest.mark.usefixtures("inbox")
@pytest.mark.parametrize("catch_up", [CatchUp.LATEST, CatchUp.ALL])
def test_a_week_whose_charge_hung_for_a_month_is_paid_and_the_weeks_behind_it_are_not(world, catch_up):
    world.with_rules(catch_up=catch_up)
    world.go_to("2027-12-22 12:00")
    world.subscribe(plan="weekly")
    world.wallet(KIM, script=["pending:816"])
    world.live_through("2028-01-04 12:00")
    assert _why(world) == "pending"
    world.live_through("2028-01-05 09:00")
    assert (world.state(), _why(world)) == ("active", "none")
    world.live_through("2028-02-06 12:00")
    assert _renewals(world) == [
        ("2028-02-01", "2027-12-29", "2028-01-05"),
        ("2028-02-02", "2028-02-01", "2028-02-08"),
    ]
    assert _not_billed(world) == [("2028-01-05", "2028-02-01", "none", "no_access")]


def test_a_plan_of_retries_longer_than_the_interval_gives_no_week_of_access_for_nothing(world):
    world.go_to("2027-02-04 12:00")
    world.subscribe(plan="weekly")
    world.wallet(KIM, script=["20051"] * 5)
    world.live_through("2027-02-17 12:00")
    assert (_why(world), _access(world).until) == ("grace", date(2027, 2, 18))
    world.live_through("2027-02-18 12:00")
    assert (world.state(), _why(world)) == ("past_due", "none")
    world.live_through("2027-02-25 12:00")
    assert (world.state(), _why(world)) == ("active", "pending")
    world.live_through("2027-02-27 12:00")
    assert _renewals(world) == [
        ("2027-02-25", "2027-02-11", "2027-02-18"),
        ("2027-02-26", "2027-02-25", "2027-03-04"),
    ]
    assert _not_billed(world) == [("2027-02-18", "2027-02-25", "none", "no_access")]


def test_a_daily_debt_that_is_paid_days_later_goes_on_level_from_the_next_day(world):
    world.subscribe(plan="daily")
    world.wallet(KIM, script=["20051", "20051"])
    world.live_through("2027-02-04 18:00")
    assert (world.state(), _why(world)) == ("active", "none")
    world.live_through("2027-02-06 12:00")
    assert _renewals(world) == [
        ("2027-02-04", "2027-02-01", "2027-02-02"),
        ("2027-02-05", "2027-02-05", "2027-02-06"),
        ("2027-02-06", "2027-02-06", "2027-02-07"),
    ]


def test_a_debt_that_is_paid_in_its_own_period_leaves_the_calendar_alone(world):
    world.subscribe()
    world.wallet(KIM, script=["20051", "20051"])
    world.live_through("2027-04-01 12:00")
    assert _renewals(world) == [
        ("2027-03-03", "2027-02-28", "2027-03-31"),
        ("2027-03-31", "2027-03-31", "2027-04-30"),
    ]
    assert _not_billed(world) == []


def test_a_debt_that_is_paid_on_the_day_of_the_next_renewal_puts_it_off_to_tomorrow(world):
    _ends_in(world, EndOfLadder.PAST_DUE)
    world.subscribe()
    world.wallet(KIM, script=["20051"] * 6)
    world.live_through("2027-03-31 09:00")
    retry_invoice(world.engine, _open_invoice(world), now=world.now)
    world.live_through("2027-04-02 00:00")
    assert _renewals(world) == [
        ("2027-03-31", "2027-02-28", "2027-03-31"),
        ("2027-04-01", "2027-03-31", "2027-04-30"),
    ]
    assert _not_billed(world) == []


def test_the_first_period_begins_on_the_day_of_the_capture(world):
    world.go_to("2027-02-03 23:55")
    made = world.enrol(plan="daily")
    world.go_to("2027-02-04 00:05")
    world.agree(str(made.redirect_url))
    world.wait(minutes=2)
    assert (world.state(), _access(world)) == ("active", Access(True, date(2027, 2, 5), Why.PAID))
    world.live_through("2027-02-04 23:00")
    assert len(world.captured()) == 1
    world.live_through("2027-02-05 12:00")
    assert _renewals(world) == [("2027-02-05", "2027-02-05", "2027-02-06")]
    [first] = world.rows("SELECT period_start, period_end FROM invoice WHERE kind = 'first'")
    assert (str(first["period_start"]), str(first["period_end"])) == ("2027-02-04", "2027-02-05")


def test_the_days_of_a_trial_count_from_the_agreement(world):
    world.go_to("2027-02-03 23:55")
    made = world.enrol(plan="trial")
    world.go_to("2027-02-04 00:05")
    world.agree(str(made.redirect_url))
    world.wait(minutes=2)
    assert world.state() == "trialing"
    assert _access(world) == Access(True, date(2027, 3, 6), Why.TRIAL)


def test_a_first_payment_captured_after_the_enrolment_expired_begins_its_period_then(world):
    world.with_rules(enrolment_lifetime=timedelta(minutes=5))
    world.go_to("2027-02-03 23:50")
    made = world.enrol()
    world.live_through("2027-02-03 23:58")
    assert world.state() == "incomplete_expired"
    world.go_to("2027-02-04 00:04")
    world.agree(str(made.redirect_url))
    world.live_through("2027-02-04 09:00")
    assert (world.state(), _access(world)) == ("active", Access(True, date(2027, 3, 4), Why.PAID))
    [first] = world.rows("SELECT period_start FROM invoice WHERE kind = 'first'")
    assert str(first["period_start"]) == "2027-02-04"


def test_days_that_are_paid_are_not_sold_again_by_a_new_subscription(world):
    subscription = world.subscribe()
    cancel_now(world.engine, subscription, reason="changed my mind", now=world.now)
    with pytest.raises(AlreadyPaid, match="2027-02-28"):
        world.enrol()
    assert len(world.captured()) == 1
    world.go_to("2027-02-28 00:10")
    world.subscribe()
    assert [payment["captured"] for payment in world.captured()] == [9900, 9900]


def test_days_that_were_given_back_may_be_bought_again(world):
    subscription = world.subscribe()
    cancel_now(world.engine, subscription, reason="changed my mind", now=world.now)
    [charge] = world.rows("SELECT id FROM charge")
    request_refund(world.engine, UUID(str(charge["id"])), None, reason="left", now=world.now)
    world.calm(hours=3)
    world.subscribe()
    assert world.state() == "active"


@pytest.mark.parametrize("refunds", [["20006"], ["hang"]])
def test_days_whose_refund_has_not_succeeded_are_not_sold_again(world, refunds):
    subscription = world.subscribe()
    cancel_now(world.engine, subscription, reason="changed my mind", now=world.now)
    world.wallet(KIM, refunds=refunds)
    [charge] = world.rows("SELECT id FROM charge")
    request_refund(world.engine, UUID(str(charge["id"])), None, reason="left", now=world.now)
    with pytest.raises(AlreadyPaid, match="when its refund, which is under way, has succeeded"):
        world.enrol()
    world.wait(hours=3)
    with pytest.raises(AlreadyPaid):
        world.enrol()
    assert len(world.captured()) == 1


@pytest.mark.usefixtures("inbox")
def test_days_that_were_charged_back_may_be_bought_again(world):
    subscription = world.subscribe()
    [charge] = world.rows("SELECT gateway_payment_id FROM charge")
    opened = world.sandbox("POST", "disputes", {"payment_id": charge["gateway_payment_id"]})
    world.wait(minutes=1)
    cancel_now(world.engine, subscription, reason="gone", now=world.now)
    with pytest.raises(AlreadyPaid):
        world.enrol()
    world.sandbox("PUT", f"disputes/{opened['id']}", {"status": "lost"})
    world.wait(minutes=1)
    world.subscribe()
    assert world.state() == "active"


def _reprice(world, amount):
    apply_plans(
        world.engine,
        read_catalog(PLANS.replace("amount = 9900", f"amount = {amount}", 1), DEFAULT_LIMITS),
        now=world.now,
    )


def test_an_unfinished_enrolment_whose_payment_is_open_refuses_another_price_and_says_until_when(world):
    made = world.enrol()
    _reprice(world, 4900)
    with pytest.raises(PriceChanged, match="4,900") as refused:
        world.enrol()
    assert refused.value.retry_after == 3600
    world.agree(str(made.redirect_url))
    world.wait(minutes=2)
    assert [payment["captured"] for payment in world.captured()] == [9900], "what was shown is charged"


def test_an_unfinished_enrolment_asks_for_todays_price_on_a_new_invoice(world):
    made = world.enrol()
    world.reject(str(made.redirect_url))
    world.wait(minutes=2)
    _reprice(world, 4900)
    again = world.enrol()
    assert again.subscription_id == made.subscription_id
    assert world.states("invoice") == ["void", "open"]
    world.agree(str(again.redirect_url))
    world.wait(minutes=2)
    assert [payment["captured"] for payment in world.captured()] == [4900]
    world.live_through("2027-03-01 12:00")
    assert [payment["captured"] for payment in world.captured()] == [4900, 4900]


def test_a_daily_limit_uses_up_no_step_of_the_ladder_between_its_days(world):
    world.subscribe()
    world.wallet(KIM, default="20061")
    world.live_through("2027-03-13 12:00")
    assert (world.state(), _why(world)) == ("past_due", "grace")
    assert _access(world).until == date(2027, 3, 15)
    world.live_through("2027-03-15 00:00")
    assert world.state() == "canceled"
    assert len(world.sent()) == 1 + 15  # the renewal, and one a day


def test_access_between_a_resume_and_the_next_sweep_is_what_the_sweep_will_give(world):
    subscription = world.subscribe()
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-04-10 12:00")
    resume(world.engine, subscription, now=world.now)
    before = _access(world)
    assert before == Access(True, date(2027, 5, 10), Why.PENDING)
    world.sweep()
    assert _access(world) == before
    world.wait(minutes=5)
    assert _access(world) == Access(True, date(2027, 5, 10), Why.PAID)
    assert _not_billed(world) == [("2027-02-28", "2027-04-10", "none", "paused")]


@pytest.mark.parametrize("catch_up", [CatchUp.LATEST, CatchUp.ALL])
def test_the_days_of_an_outage_of_a_daily_plan_are_forgiven_and_it_goes_on_at_the_present_day(world, catch_up):
    world.with_rules(catch_up=catch_up)
    world.subscribe(plan="daily")
    world.sweep_at("2027-05-21 12:00")
    world.live_through("2027-05-23 12:00")
    assert [each[0] for each in _renewals(world)] == ["2027-05-21", "2027-05-22", "2027-05-23"]
    assert _not_billed(world) == [("2027-02-01", "2027-05-21", "forgiven", "outage")]
    assert _why(world) == "paid"


def test_the_last_three_missed_periods_are_billed_one_a_day_by_the_policy_all_and_the_others_are_forgiven(world):
    world.with_rules(catch_up=CatchUp.ALL)
    world.subscribe()
    world.sweep_at("2027-07-10 11:00")
    world.live_through("2027-07-14 12:00")
    assert _renewals(world) == [
        ("2027-07-10", "2027-03-31", "2027-04-30"),
        ("2027-07-11", "2027-04-30", "2027-05-31"),
        ("2027-07-12", "2027-05-31", "2027-06-30"),
        ("2027-07-13", "2027-06-30", "2027-07-31"),
    ]
    assert _not_billed(world) == [("2027-02-28", "2027-03-31", "forgiven", "outage")]


def test_an_invoice_that_a_stop_kept_from_being_charged_is_forgiven_when_the_next_period_comes(world):
    world.subscribe()
    with world.engine.database.transaction() as tx:
        stop_charging(tx, "maintenance")
    world.live_through("2027-03-20 12:00", step=timedelta(hours=6))
    assert (world.states("invoice")[-1], _why(world)) == ("open", "pending")
    world.live_through("2027-04-02 12:00", step=timedelta(hours=6))
    assert world.states("invoice") == ["paid", "void", "open"]
    assert _access(world) == Access(True, date(2027, 4, 30), Why.PENDING)
    with world.engine.database.transaction() as tx:
        allow_charging(tx, world.now)
    world.live_through("2027-04-03 12:00")
    assert _renewals(world) == [("2027-04-02", "2027-03-31", "2027-04-30")]


def test_a_yearly_debt_that_gave_no_access_for_months_is_charged_only_if_the_subscriber_confirms(world):
    _ends_in(world, EndOfLadder.UNPAID)
    world.subscribe(plan="yearly")
    world.wallet(KIM, script=["20051"] * 6)
    world.live_through("2028-05-20 12:00")
    assert world.state() == "unpaid"
    with pytest.raises(ConfirmationRequired, match="more than 31 days"):
        retry_invoice(world.engine, _open_invoice(world), now=world.now)
    retry_invoice(world.engine, _open_invoice(world), now=world.now, subscriber_confirmed=True)
    world.wait(minutes=5)
    assert _renewals(world) == [("2028-05-20", "2028-05-20", "2029-05-20")]
    assert _access(world) == Access(True, date(2029, 5, 20), Why.PAID)
    assert _not_billed(world) == [
        ("2028-01-31", "2028-02-14", "forgiven", "no_access"),
        ("2028-02-14", "2028-05-20", "none", "no_access"),
    ]


def test_a_yearly_debt_that_was_paused_for_long_asks_the_subscriber_and_a_new_agreement_buys_a_new_year(world):
    subscription = world.subscribe(plan="yearly")
    world.wallet(KIM, script=["20051"])
    world.live_through("2028-01-31 12:00")
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2028-04-15 12:00")
    resume(world.engine, subscription, now=world.now)
    world.live_through("2028-04-16 12:00")
    assert (world.state(), _why(world), len(world.sent())) == ("past_due", "none", 2)
    made = re_enrol(world.engine, subscription, WEB, now=world.now)
    world.agree(str(made.redirect_url))
    world.wait(minutes=5)
    assert _renewals(world) == [("2028-04-16", "2028-04-16", "2029-04-16")]
    assert world.state() == "active"


@pytest.mark.usefixtures("inbox")
@pytest.mark.parametrize("paused", [False, True])
def test_a_yearly_debt_that_is_captured_months_late_goes_back_for_nobody_confirmed_it(world, paused):
    _ends_in(world, EndOfLadder.UNPAID)
    subscription = world.subscribe(plan="yearly")
    world.wallet(KIM, script=["late:1500:20051"] + ["20051"] * 9)
    world.live_through("2028-02-01 12:00")
    if paused:
        pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2028-05-10 12:00")
    assert [payment["captured"] - payment["refunded"] for payment in world.payments() if payment["captured"]] == [
        99_000,
        0,
    ]
    assert (world.states("invoice"), _renewals(world)) == (["paid", "open"], [])
    assert (world.state(), _access(world).allowed) == ("paused" if paused else "unpaid", False)


def test_a_new_agreement_that_buys_a_new_year_in_a_pause_ends_the_pause(world):
    _ends_in(world, EndOfLadder.PAUSE)
    subscription = world.subscribe(plan="yearly")
    world.wallet(KIM, script=["20051"] * 6)
    world.live_through("2028-04-10 12:00")
    assert world.state() == "paused"
    made = re_enrol(world.engine, subscription, WEB, now=world.now)
    world.agree(str(made.redirect_url))
    world.wait(minutes=5)
    assert (world.state(), _renewals(world)) == ("active", [("2028-04-10", "2028-04-10", "2029-04-10")])
    assert _access(world) == Access(True, date(2029, 4, 10), Why.PAID)


def test_a_debt_that_is_forgiven_after_its_period_begins_anew_on_that_day(world):
    world.go_to("2027-02-04 12:00")
    world.subscribe(plan="weekly")
    world.wallet(KIM, script=["20051"] * 5)
    world.live_through("2027-02-20 12:00")
    void_invoice(world.engine, _open_invoice(world), reason="goodwill", now=world.now)
    assert (world.state(), _access(world)) == ("active", Access(True, date(2027, 2, 27), Why.PENDING))
    world.wallet(KIM, script=[])
    world.live_through("2027-02-21 12:00")
    assert _renewals(world) == [("2027-02-20", "2027-02-20", "2027-02-27")]
    assert _not_billed(world) == [("2027-02-18", "2027-02-20", "none", "no_access")]


@pytest.mark.parametrize("catch_up", CatchUp)
def test_a_daily_debt_that_is_paid_in_a_pause_that_ends_on_the_same_day_goes_on_level_from_the_next_day(
    world, catch_up
):
    world.with_rules(catch_up=catch_up)
    subscription = world.subscribe(plan="daily")
    world.wallet(KIM, script=["200R1"])
    world.live_through("2027-02-01 12:00")
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-02-10 11:00")
    made = re_enrol(world.engine, subscription, WEB, now=world.now)
    world.agree(str(made.redirect_url))
    world.wait(minutes=5)
    resume(world.engine, subscription, now=world.now)
    world.wait(minutes=5)
    assert _why(world) == "none"
    world.live_through("2027-02-12 12:00")
    assert _renewals(world) == [
        ("2027-02-10", "2027-02-01", "2027-02-02"),
        ("2027-02-11", "2027-02-11", "2027-02-12"),
        ("2027-02-12", "2027-02-12", "2027-02-13"),
    ]
    assert _not_billed(world) == [("2027-02-02", "2027-02-11", "none", "paused")]
