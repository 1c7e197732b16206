"""Stories of returns at an hour at which nothing can be charged any more on that day, and of pauses made for a debt."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from harness import WEB, email
from soundness import assert_sound

from billing.domain.access import access_on
from billing.domain.dunning import EndOfLadder
from billing.operations.engine import Conflict
from billing.operations.forgive_invoice import mark_uncollectible
from billing.operations.manage import pause, resume
from billing.operations.re_enrol import re_enrol
from billing.store.access import standings_of_customer
from plans.calendar import billing_day

KIM = email("kim")


def _allowed(world):
    with world.engine.database.snapshot() as tx:
        (*_, found) = standings_of_customer(tx, "cust-kim").standings
    day = billing_day(world.now, found.zone)
    return access_on(day, found.standing, policy=world.engine.rules.catching_up).allowed


def _paid(world):
    rows = world.rows("SELECT period_start, period_end FROM invoice WHERE state = 'paid' ORDER BY period_start")
    return [(str(row["period_start"]), str(row["period_end"])) for row in rows]


def _records(world):
    rows = world.rows("SELECT * FROM day_record ORDER BY starts_on")
    return [(str(row["starts_on"]), str(row["ends_on"]), row["kind"], row["reason"]) for row in rows]


def _paused(world, plan, since, at):
    subscription = world.subscribe(plan=plan)
    world.live_through(since)
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through(at, timedelta(hours=6))
    return subscription


def test_a_daily_plan_that_is_resumed_in_the_quiet_hours_begins_on_the_next_day(world):
    subscription = _paused(world, "daily", "2027-02-02 12:00", "2027-02-05 23:30")
    resume(world.engine, subscription, now=world.now)
    assert not _allowed(world)
    world.go_to("2027-02-06 00:10")
    assert _allowed(world)
    world.live_through("2027-02-07 09:00", timedelta(hours=1))
    assert _paid(world)[-1] == ("2027-02-06", "2027-02-07")
    assert _allowed(world)
    assert _records(world) == [("2027-02-03", "2027-02-06", "none", "paused")]


def test_a_daily_plan_that_is_resumed_a_minute_before_midnight_is_taken_for_no_outage(world):
    _changed(world, window=replace(world.engine.rules.window, quiet_until=world.engine.rules.window.quiet_from))
    subscription = _paused(world, "daily", "2027-02-02 12:00", "2027-02-03 23:59:30")
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-02-05 12:00", timedelta(hours=1))
    assert _paid(world)[-2:] == [("2027-02-04", "2027-02-05"), ("2027-02-05", "2027-02-06")]
    assert _records(world) == [("2027-02-03", "2027-02-04", "none", "paused")]


def _changed(world, **dunning):
    settlement = world.engine.rules.settlement
    world.with_rules(settlement=replace(settlement, dunning=replace(settlement.dunning, **dunning)))


@pytest.mark.parametrize("plan", ["weekly", "basic", "daily"])
def test_who_resumes_and_pauses_each_night_has_no_access_without_a_bill(world, plan):
    subscription = _paused(world, plan, "2027-02-01 12:00", "2027-03-05 23:21")
    for _ in range(3):
        resume(world.engine, subscription, now=world.now)
        world.sweep()
        assert not _allowed(world)
        world.wait(minutes=20)
        pause(world.engine, subscription, resume_at=None, now=world.now)
        world.live_through(world.now + timedelta(hours=23, minutes=40), timedelta(hours=1))
    resume(world.engine, subscription, now=world.now)
    world.wait(minutes=70)
    assert _allowed(world)
    with pytest.raises(Conflict, match="is charged at"):
        pause(world.engine, subscription, resume_at=None, now=world.now)
    assert_sound(world)


def _given_up(world, plan="weekly"):
    _changed(world, end=EndOfLadder.PAUSE)
    subscription = world.subscribe(plan=plan)
    world.wallet(KIM, default="20051")
    world.live_through("2027-02-27 12:00", timedelta(hours=6))
    assert world.state() == "paused"
    world.wallet(KIM, default="ok")
    return subscription


def test_a_pause_that_was_made_for_a_debt_ends_when_the_debt_is_paid(world):
    subscription = _given_up(world)
    world.agree(re_enrol(world.engine, subscription, WEB, now=world.now).redirect_url)
    world.wait(minutes=5)
    assert (world.state(), _allowed(world)) == ("active", True)
    world.live_through("2027-03-01 12:00", timedelta(hours=6))
    assert _paid(world) == [("2027-01-31", "2027-02-07"), ("2027-02-07", "2027-02-14"), ("2027-02-27", "2027-03-06")]
    assert _records(world) == [("2027-02-14", "2027-02-27", "none", "no_access")]


def test_a_pause_that_was_made_for_a_debt_ends_when_the_debt_is_forgiven(world):
    _given_up(world)
    debt = world.rows("SELECT id FROM invoice WHERE state = 'open'")[0]["id"]
    mark_uncollectible(world.engine, UUID(str(debt)), reason="our fault", now=world.now)
    assert (world.state(), _allowed(world)) == ("active", True)


def test_a_pause_that_a_person_made_stays_when_the_debt_is_paid(world):
    subscription = world.subscribe(plan="weekly")
    world.wallet(KIM, script=["20051"] * 3)
    world.live_through("2027-02-08 15:00", timedelta(hours=6))
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.agree(re_enrol(world.engine, subscription, WEB, now=world.now).redirect_url)
    world.wait(minutes=5)
    assert world.state() == "paused"
