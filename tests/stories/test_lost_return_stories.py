"""Stories of a period that began on the day of a return, and that an older copy of the database has forgotten."""

from datetime import timedelta
from uuid import UUID

import pytest
from harness import WEB
from restoring import KIM, copy, is_alive, starts_again, subscription_id

from billing.operations.first_charges import SubscriptionSetAside
from billing.operations.forgive_invoice import mark_uncollectible
from billing.operations.parking import release_subscription
from billing.operations.re_enrol import re_enrol


@pytest.fixture
def file(sqlite_world):
    return str(sqlite_world.engine.database.engine.url.database)


def _owes_a_week(world):
    world.subscribe(plan="weekly")
    world.wallet(KIM, script=["20051"] * 5)
    world.live_through("2027-02-20 12:00")
    is_alive(world)


def _put_back(world, file, tmp_path):
    world.engine.database.dispose()
    copy(tmp_path / "aside.db", file)
    starts_again(world)


def _lost_a_return(world, file, tmp_path):
    """A weekly debt was paid a week late, and a new week began that day; then a copy of before is put in place."""
    _owes_a_week(world)
    copy(file, tmp_path / "aside.db")
    world.live_through("2027-02-24 12:00")
    paid = world.rows("SELECT period_start FROM invoice WHERE state = 'paid' ORDER BY period_start")
    assert [str(row["period_start"]) for row in paid] == ["2027-01-31", "2027-02-07", "2027-02-21"]
    _put_back(world, file, tmp_path)


def test_a_period_that_the_lost_state_began_on_another_day_is_not_paid_twice(sqlite_world, file, tmp_path):
    world = sqlite_world
    _lost_a_return(world, file, tmp_path)
    world.live_through("2027-02-27 12:00", timedelta(hours=6))
    assert len(world.captured()) == 3
    assert "knows payment" in world.subscription()["parked_reason"]


def test_what_a_person_has_seen_of_a_lost_period_and_released_is_charged(sqlite_world, file, tmp_path):
    world = sqlite_world
    _lost_a_return(world, file, tmp_path)
    world.live_through("2027-02-27 12:00", timedelta(hours=6))
    release_subscription(world.engine, subscription_id(world), "that week was given back", world.now)
    world.live_through("2027-03-01 12:00", timedelta(hours=6))
    assert len(world.captured()) == 4
    assert world.subscription()["parked_reason"] is None


def _lost_a_forgiven_debt(world, file, tmp_path):
    """A weekly debt was forgiven, and a new week began that day; then a copy of before is put in place."""
    _owes_a_week(world)
    copy(file, tmp_path / "aside.db")
    debt = UUID(str(world.rows("SELECT id FROM invoice WHERE state = 'open'")[0]["id"]))
    mark_uncollectible(world.engine, debt, reason="our fault", now=world.now)
    world.live_through("2027-02-24 12:00")
    paid = world.rows("SELECT period_start FROM invoice WHERE state = 'paid' ORDER BY period_start")
    assert [str(row["period_start"]) for row in paid] == ["2027-01-31", "2027-02-20"]
    _put_back(world, file, tmp_path)


def test_a_new_agreement_does_not_pay_by_other_days_what_the_lost_state_was_paid_for(sqlite_world, file, tmp_path):
    world = sqlite_world
    _lost_a_forgiven_debt(world, file, tmp_path)
    sent = len(world.sent())
    for _ in range(2):
        with pytest.raises(SubscriptionSetAside, match="billing parked list"):
            re_enrol(world.engine, subscription_id(world), WEB, now=world.now)
    assert "knows payment" in world.subscription()["parked_reason"]
    assert len(world.sent()) == sent
    release_subscription(world.engine, subscription_id(world), "that week was given back", world.now)
    world.agree(re_enrol(world.engine, subscription_id(world), WEB, now=world.now).redirect_url)
    world.wait(minutes=2)
    assert (world.state(), len(world.captured())) == ("active", 3)


def test_who_was_set_aside_for_it_is_told_of_once(sqlite_world, file, tmp_path):
    world = sqlite_world
    _lost_a_return(world, file, tmp_path)
    world.live_through("2027-03-02 12:00", timedelta(hours=6))
    assert len(world.events("subscription.parked")) == 1
