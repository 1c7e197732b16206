"""Stories of pauses that are planned for the end of the paid period."""

from datetime import date

import pytest
from harness import email, kst

from billing.domain.access import access_on
from billing.operations.engine import BadInput, Conflict
from billing.operations.manage import (
    cancel_at_period_end,
    cancel_now,
    pause,
    pause_at_period_end,
    resume,
    undo_pause,
)
from billing.store.access import standings_of_customer
from billing.store.invariants import check_all
from plans.calendar import billing_day

KIM = email("kim")


def _plan(world, subscription, resume_at=None):
    return pause_at_period_end(world.engine, subscription, resume_at=resume_at and kst(resume_at), now=world.now)


def _may_use(world):
    with world.engine.database.snapshot() as tx:
        (found,) = standings_of_customer(tx, "cust-kim").standings
    return access_on(billing_day(world.now, found.zone), found.standing)


def _starts(world):
    return [str(row["period_start"]) for row in world.rows("SELECT period_start FROM invoice ORDER BY period_start")]


def test_a_planned_pause_begins_when_the_paid_period_is_over_and_nothing_is_charged_in_it(world):
    subscription = world.subscribe()
    told = _plan(world, subscription)
    assert (told.state.value, told.pause_at) == ("active", kst("2027-02-28 00:00"))
    world.live_through("2027-02-27 23:59")
    assert (world.state(), _may_use(world).until) == ("active", date(2027, 2, 28))
    world.live_through("2027-03-20 00:00")
    assert (world.state(), len(world.sent()), _may_use(world).allowed) == ("paused", 1, False)
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-04-21 00:00")
    assert _starts(world) == ["2027-01-31", "2027-03-20", "2027-04-20"]
    with world.engine.database.snapshot() as tx:
        assert check_all(tx, world.now) == []


def test_a_planned_pause_ends_by_itself_at_its_date(world):
    _plan(world, world.subscribe(), "2027-03-15 09:00")
    world.live_through("2027-03-15 08:59")
    assert world.state() == "paused"
    world.live_through("2027-03-15 12:00")
    assert (world.state(), _starts(world)) == ("active", ["2027-01-31", "2027-03-15"])


def test_a_daemon_that_slept_through_pause_and_end_of_pause_bills_from_today_on(world):
    _plan(world, world.subscribe(), "2027-03-15 09:00")
    world.sweep_at("2027-03-20 12:00")
    assert (world.state(), len(world.sent())) == ("paused", 1)
    world.wait(minutes=1)
    world.wait(minutes=5)
    assert (world.state(), _starts(world)) == ("active", ["2027-01-31", "2027-03-20"])


def test_nobody_has_access_between_the_end_of_the_period_and_the_sweep_that_pauses(world):
    _plan(world, world.subscribe())
    world.go_to("2027-02-28 00:01")
    assert (world.state(), _may_use(world).allowed) == ("active", False)


def test_a_renewal_is_not_billed_while_the_pause_waits_for_its_sweep(world, monkeypatch):
    subscription = world.subscribe()
    _plan(world, subscription)
    monkeypatch.setattr("billing.operations.ending.begin_planned_pause", lambda *_, **__: 1 / 0)
    world.sweep_at("2027-02-28 12:00")
    assert (world.state(), _starts(world)) == ("active", ["2027-01-31"])


@pytest.mark.parametrize("take_back", [undo_pause, resume])
def test_a_planned_pause_can_be_taken_back(world, take_back):
    subscription = world.subscribe()
    _plan(world, subscription, "2027-06-01 09:00")
    assert take_back(world.engine, subscription, now=world.now).state.value == "active"
    with pytest.raises(Conflict):
        take_back(world.engine, subscription, now=world.now)
    world.live_through("2027-03-01 00:00")
    row = world.subscription()
    assert (row["state"], row["pause_at"], row["resume_at"], len(world.captured())) == ("active", None, None, 2)


def test_a_pause_at_once_takes_the_place_of_a_planned_one(world):
    subscription = world.subscribe()
    _plan(world, subscription, "2027-06-01 09:00")
    world.go_to("2027-02-10 12:00")
    pause(world.engine, subscription, resume_at=None, now=world.now)
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-03-01 00:00")
    assert (world.state(), len(world.captured())) == ("active", 2)


def test_a_subscription_that_is_to_be_paused_and_to_end_on_one_day_ends(world):
    subscription = world.subscribe()
    _plan(world, subscription)
    cancel_at_period_end(world.engine, subscription, reason="enough", now=world.now)
    world.live_through("2027-03-05 00:00")
    row = world.subscription()
    assert (row["state"], row["pause_at"], len(world.sent())) == ("canceled", None, 1)


def test_one_that_is_past_due_is_paused_at_once_and_tried_no_more(world):
    subscription = world.subscribe()
    world.wallet(KIM, default="20051")
    world.live_through("2027-02-28 12:00")
    assert _plan(world, subscription).state.value == "paused"
    world.live_through("2027-03-20 00:00")
    assert (world.state(), len(world.sent())) == ("paused", 2)


def test_a_pause_that_would_end_before_it_begins_is_refused(world):
    subscription = world.subscribe()
    with pytest.raises(BadInput, match="resume_at must be later than the end of the period"):
        _plan(world, subscription, "2027-02-28 00:00")
    assert world.subscription()["pause_at"] is None
    assert world.events("subscription.pause_scheduled") == []


def test_only_what_is_running_can_be_planned_to_pause(world):
    trial = world.subscribe(plan="trial")
    with pytest.raises(Conflict, match="trialing"):
        _plan(world, trial)
    subscription = world.subscribe("lee")
    cancel_now(world.engine, subscription, reason="x", now=world.now)
    with pytest.raises(Conflict, match="canceled"):
        _plan(world, subscription)
    with pytest.raises(Conflict, match="not going to be paused"):
        undo_pause(world.engine, subscription, now=world.now)
