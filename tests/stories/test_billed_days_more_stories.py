"""More stories of which days are billed: decisions about an outage, planned ends within one, tokens, monthly limits."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from books import rows_of
from harness import WEB, email, utc

from billing.domain.access import Access, Why, access_on
from billing.domain.days.releasing import Bill
from billing.domain.days.renewing import CatchUp
from billing.operations.consent import record_consent
from billing.operations.engine import Conflict
from billing.operations.forgive_invoice import void_invoice
from billing.operations.manage import cancel_at, cancel_now, pause, pause_at_period_end, resume
from billing.operations.parking import park_subscription, release_subscription
from billing.operations.re_enrol import re_enrol
from billing.store.access import standings_of_customer
from billing.store.invariants import check_all
from billing.store.tables import DayRecord
from plans.calendar import billing_day

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


def _records(world):
    return [(str(row.starts_on), str(row.ends_on), row.kind.value, row.reason.value) for row in _days(world)]


def _days(world):
    return sorted(rows_of(world, DayRecord), key=lambda row: row.starts_on)


def _access(world):
    with world.engine.database.snapshot() as tx:
        (*_, found) = standings_of_customer(tx, "cust-kim").standings
    return access_on(billing_day(world.now, found.zone), found.standing, policy=world.engine.rules.catching_up)


def _breaches(world):
    with world.engine.database.snapshot() as tx:
        return check_all(tx, world.now)


def _agree_anew(world, subscription):
    made = re_enrol(world.engine, subscription, WEB, now=world.now)
    world.agree(str(made.redirect_url))
    world.wait(minutes=5)


def test_a_new_agreement_on_the_day_of_a_renewal_leaves_the_renewal_on_its_day(world):
    subscription = world.subscribe()
    world.go_to("2027-02-28 00:45")
    _agree_anew(world, subscription)
    world.live_through("2027-03-02 12:00")
    assert _renewals(world) == [("2027-02-28", "2027-02-28", "2027-03-31")]


def test_a_new_agreement_costs_a_daily_plan_no_day(world):
    subscription = world.subscribe(plan="daily")
    world.live_through("2027-02-03 00:45")
    _agree_anew(world, subscription)
    world.live_through("2027-02-05 12:00")
    days = ["2027-02-01", "2027-02-02", "2027-02-03", "2027-02-04", "2027-02-05"]
    assert [(paid_on, start) for paid_on, start, _ in _renewals(world)] == [(day, day) for day in days]
    assert _records(world) == []


@pytest.mark.parametrize("catch_up", [CatchUp.LATEST, CatchUp.ALL])
def test_days_behind_a_pause_that_was_planned_for_a_day_of_an_outage_are_paused_and_not_forgiven(world, catch_up):
    world.with_rules(catch_up=catch_up)
    subscription = world.subscribe(plan="weekly")
    pause_at_period_end(world.engine, subscription, resume_at=None, now=world.now)
    world.go_to("2027-02-15 12:00")
    assert _access(world) == Access(False, None, Why.NONE)
    world.sweep_at("2027-02-25 12:00")
    assert (world.state(), _records(world)) == ("paused", [])
    world.live_through("2027-03-05 11:00")
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-03-06 12:00")
    assert _records(world) == [("2027-02-07", "2027-03-05", "none", "paused")]
    assert _renewals(world) == [("2027-03-05", "2027-03-05", "2027-03-12")]
    assert _breaches(world) == []


def test_days_of_an_outage_are_forgiven_up_to_the_day_for_which_the_end_was_planned(world):
    subscription = world.subscribe(plan="weekly")
    cancel_at(world.engine, subscription, on=date(2027, 2, 20), reason=None, now=world.now)
    world.go_to("2027-02-19 12:00")
    assert _access(world).allowed
    world.go_to("2027-02-20 12:00")
    assert not _access(world).allowed
    world.sweep_at("2027-02-25 12:00")
    assert world.state() == "canceled"
    assert _records(world) == [("2027-02-07", "2027-02-20", "forgiven", "outage")]
    assert _renewals(world) == []


@pytest.mark.parametrize("catch_up", CatchUp)
def test_the_first_missed_period_is_billed_when_a_person_says_so_though_it_is_over(world, catch_up):
    world.with_rules(catch_up=CatchUp.HOLD)
    subscription = world.subscribe(plan="weekly")
    world.sweep_at("2027-02-25 12:00")
    world.with_rules(catch_up=catch_up)
    release_subscription(world.engine, subscription, "the subscriber agreed", world.now, bill=Bill.FIRST)
    assert not _access(world).allowed
    world.live_through("2027-02-27 12:00")
    assert _renewals(world) == [
        ("2027-02-25", "2027-02-07", "2027-02-14"),
        ("2027-02-26", "2027-02-25", "2027-03-04"),
    ]
    assert _records(world) == [
        ("2027-02-07", "2027-02-14", "owed", "outage"),
        ("2027-02-14", "2027-02-25", "none", "no_access"),
    ]
    assert world.subscription()["parked_reason"] is None
    assert _breaches(world) == []


def test_a_period_that_a_person_decided_to_bill_waits_for_as_long_as_charging_is_stopped(world):
    from billing.store.installation import allow_charging, stop_charging

    world.with_rules(catch_up=CatchUp.HOLD)
    subscription = world.subscribe(plan="weekly")
    world.sweep_at("2027-02-25 12:00")
    with world.engine.database.transaction() as tx:
        stop_charging(tx, "maintenance")
    release_subscription(world.engine, subscription, "the subscriber agreed", world.now, bill=Bill.FIRST)
    world.live_through("2027-03-01 12:00")
    assert (world.subscription()["parked_reason"], _access(world).allowed) == (None, False)
    with world.engine.database.transaction() as tx:
        allow_charging(tx, world.now)
    world.live_through("2027-03-03 12:00")
    assert _renewals(world) == [
        ("2027-03-01", "2027-02-07", "2027-02-14"),
        ("2027-03-02", "2027-03-01", "2027-03-08"),
    ]


def test_a_monthly_limit_that_outlasts_the_plan_of_retries_is_tried_once_more_and_no_longer(world):
    world.subscribe(plan="yearly")
    world.wallet(KIM, default="20065")
    world.live_through("2028-02-01 12:00")
    assert (world.state(), _access(world).until) == ("past_due", date(2028, 3, 2))
    world.live_through("2028-03-02 00:00")
    assert (world.state(), _access(world).allowed) == ("canceled", False)
    assert len(world.sent()) == 1 + 3  # 31 January, 1 February, 1 March


def test_no_more_than_three_missed_periods_are_billed_however_long_charging_was_stopped_after_an_outage(world):
    from billing.store.installation import allow_charging, stop_charging

    world.with_rules(catch_up=CatchUp.ALL)
    world.subscribe(plan="weekly")
    world.sweep_at("2027-03-03 12:00")
    world.live_through("2027-03-04 08:00")
    with world.engine.database.transaction() as tx:
        stop_charging(tx, "maintenance")
    world.live_through("2027-04-05 12:00", step=timedelta(hours=6))
    with world.engine.database.transaction() as tx:
        allow_charging(tx, world.now)
    world.live_through("2027-04-10 12:00")
    assert [start for _, start, _ in _renewals(world)] == [
        "2027-02-07",
        "2027-03-14",
        "2027-03-21",
        "2027-03-28",
        "2027-04-04",
    ]
    assert _breaches(world) == []


def test_a_pause_while_missed_periods_wait_to_be_billed_records_their_days_once(world):
    world.with_rules(catch_up=CatchUp.ALL)
    subscription = world.subscribe(plan="weekly")
    world.sweep_at("2027-03-03 12:00")
    world.live_through("2027-03-04 08:00")
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-03-20 11:00")
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-03-24 12:00")
    assert _breaches(world) == []


def test_a_period_that_a_person_decided_to_bill_and_then_voided_lets_the_next_begin_on_that_day(world):
    from billing.store.installation import allow_charging, stop_charging

    world.with_rules(catch_up=CatchUp.HOLD)
    subscription = world.subscribe(plan="weekly")
    world.sweep_at("2027-02-25 12:00")
    with world.engine.database.transaction() as tx:
        stop_charging(tx, "maintenance")
    release_subscription(world.engine, subscription, "the subscriber agreed", world.now, bill=Bill.FIRST)
    world.live_through("2027-02-26 12:00")
    [invoice] = world.rows("SELECT id FROM invoice WHERE state = 'open'")
    void_invoice(world.engine, UUID(str(invoice["id"])), reason="goodwill", now=world.now)
    assert _access(world) == Access(True, date(2027, 3, 5), Why.PENDING)
    with world.engine.database.transaction() as tx:
        allow_charging(tx, world.now)
    world.live_through("2027-02-28 12:00")
    assert _renewals(world) == [("2027-02-26", "2027-02-26", "2027-03-05")]
    assert _breaches(world) == []


def _returned_before_the_day_is_charged(world):
    """The paid days ran out in a pause, which ended early on the 10th of April; the charge of that day is still due."""
    subscription = world.subscribe()
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-04-10 00:30")
    resume(world.engine, subscription, now=world.now)
    world.sweep()
    assert _access(world).why is Why.PENDING
    return subscription


@pytest.mark.parametrize("ask", [pause, pause_at_period_end])
def test_a_return_is_charged_before_the_next_pause_begins(world, ask):
    subscription = _returned_before_the_day_is_charged(world)
    with pytest.raises(Conflict, match="pause it after that"):
        ask(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-04-10 12:00")
    ask(world.engine, subscription, resume_at=None, now=world.now)
    assert _renewals(world) == [("2027-04-10", "2027-04-10", "2027-05-10")]
    assert _access(world) == Access(True, date(2027, 5, 10), Why.PAID)


def test_a_return_that_an_outage_keeps_from_being_charged_can_be_paused(world):
    subscription = _returned_before_the_day_is_charged(world)
    world.go_to("2027-04-11 09:00")
    pause(world.engine, subscription, resume_at=None, now=world.now)
    assert _records(world) == [
        ("2027-02-28", "2027-04-10", "none", "paused"),
        ("2027-04-10", "2027-04-11", "forgiven", "outage"),
    ]


def test_who_came_back_can_leave_before_the_day_is_charged(world):
    subscription = _returned_before_the_day_is_charged(world)
    cancel_now(world.engine, subscription, reason="changed my mind", now=world.now)
    world.live_through("2027-04-12 12:00")
    assert (_renewals(world), _access(world).allowed) == ([], False)


def _an_outage_outlasts_consent(world, catch_up):
    """Consent of the 10th of February to a trial that ends on the 2nd of March counts for a charge up to the 12th."""
    world.with_rules(catch_up=catch_up)
    subscription = world.subscribe(plan="trial")
    world.live_through("2027-02-10 12:00")
    record_consent(world.engine, subscription, now=world.now)
    world.live_through("2027-02-11 12:00")
    return subscription


@pytest.mark.parametrize("catch_up", list(CatchUp))
def test_consent_that_is_too_old_on_the_day_of_the_charge_covers_none(world, catch_up):
    _an_outage_outlasts_consent(world, catch_up)
    [trial] = world.rows("SELECT paid_through FROM subscription")
    ends = str(trial["paid_through"])
    world.go_to("2027-03-12 12:00")
    assert _access(world).why is Why.PENDING
    world.go_to("2027-03-13 12:00")
    assert not _access(world).allowed
    world.live_through("2027-06-09 12:00", timedelta(days=40))
    assert (world.state(), _renewals(world)) == ("canceled", [])
    assert _records(world) == [
        (ends, "2027-03-13", "forgiven", "outage"),
        ("2027-03-13", str(billing_day(_ended_at(world), "Asia/Seoul")), "none", "no_access"),
    ]


def _ended_at(world):
    return utc(world.rows("SELECT canceled_at FROM subscription")[0]["canceled_at"])


def test_what_is_released_is_not_charged_on_consent_that_is_too_old(world):
    subscription = _an_outage_outlasts_consent(world, CatchUp.HOLD)
    park_subscription(world.engine, subscription, "looked into", world.now)
    world.go_to("2027-04-20 12:00")
    release_subscription(world.engine, subscription, "done", world.now, bill=Bill.LATEST)
    world.live_through("2027-04-22 12:00")
    assert (world.state(), _renewals(world)) == ("canceled", [])


def test_a_day_of_a_daily_plan_is_charged_before_the_next_pause_begins(world):
    subscription = world.subscribe(plan="daily")
    world.live_through("2027-02-02 00:30")
    assert _access(world).why is Why.PENDING
    with pytest.raises(Conflict, match="pause it after that"):
        pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-02-02 12:00")
    pause(world.engine, subscription, resume_at=None, now=world.now)
    assert _renewals(world)[-1] == ("2027-02-02", "2027-02-02", "2027-02-03")
