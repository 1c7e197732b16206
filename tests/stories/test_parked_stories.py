"""Stories of subscriptions that were set aside for a person, and end before anybody has looked."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from books import rows_of
from harness import email

from billing.domain.days.releasing import Bill
from billing.domain.days.renewing import CatchUp
from billing.operations.engine import Conflict
from billing.operations.erase_customer import erase_customer
from billing.operations.manage import cancel_at, cancel_now, pause, resume
from billing.operations.parking import park_subscription, release_subscription
from billing.operations.renew_due import renew_due
from billing.store.installation import allow_charging, stop_charging
from billing.store.invariants import check_all
from billing.store.report_log import list_parked
from billing.store.tables import DayRecord

KIM = email("kim")


def _parked(world):
    with world.engine.database.snapshot() as tx:
        return [row.kind for row in list_parked(tx, 10)]


def _held(world):
    """Thirteen months pass unbilled, and a person must decide."""
    world.with_rules(catch_up=CatchUp.HOLD)
    subscription = world.subscribe()
    world.sweep_at("2028-03-05 12:00")
    assert _parked(world) == ["subscription"]
    return subscription


def _is_over(world, subscription):
    assert _parked(world) == []
    with pytest.raises(Conflict, match="it has ended"):
        release_subscription(world.engine, subscription, "seen", world.now, bill=Bill.LATEST)
    park_subscription(world.engine, subscription, "odd", world.now)
    assert _parked(world) == [], "nor is it parked once it has ended"
    with world.engine.database.snapshot() as tx:
        assert [each for each in check_all(tx, world.now) if "parked" in each.detail] == []


def test_one_that_is_canceled_leaves_the_list_and_cannot_be_released(world):
    subscription = _held(world)
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    _is_over(world, subscription)
    customer = UUID(str(world.rows("SELECT id FROM customer")[0]["id"]))
    erase_customer(world.engine, customer, reason="asked to", now=world.now)
    assert _parked(world) == []


def test_one_that_is_canceled_for_a_day_leaves_the_list_on_that_day(world):
    subscription = _held(world)
    cancel_at(world.engine, subscription, on=date(2028, 3, 9), reason="enough", now=world.now)
    world.live_through("2028-03-08 23:00")
    assert _parked(world) == ["subscription"]
    world.live_through("2028-03-09 12:00")
    _is_over(world, subscription)


def test_one_whose_dunning_ends_leaves_the_list(world):
    subscription = world.subscribe()
    world.wallet(KIM, script=["200R1"])
    world.live_through("2027-02-28 14:00")
    park_subscription(world.engine, subscription, "odd", world.now)
    assert _parked(world) == ["subscription"]
    world.live_through("2027-03-20 12:00")
    assert world.state() == "canceled"
    _is_over(world, subscription)


def test_an_enrolment_that_expires_leaves_the_list(world):
    made = world.enrol()
    park_subscription(world.engine, made.subscription_id, "odd", world.now)
    assert _parked(world) == ["subscription"]
    world.live_through("2027-01-31 14:00")
    assert world.state() == "incomplete_expired"
    _is_over(world, made.subscription_id)


def _pauses_for_a_day(world, subscription):
    world.live_through("2027-03-10 12:00")
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-03-11 12:00")
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-03-15 12:00")


def _records(world):
    rows = sorted(rows_of(world, DayRecord), key=lambda row: row.starts_on)
    return [(str(row.starts_on), str(row.ends_on), row.kind.value, row.reason.value) for row in rows]


_WITHOUT_THE_PAUSED_DAY = [
    ("2027-02-28", "2027-03-10", "forgiven", "outage"),
    ("2027-03-10", "2027-03-11", "none", "paused"),
    ("2027-03-11", "2027-03-31", "forgiven", "outage"),
]


def test_a_day_that_was_paused_is_not_forgiven_with_the_period_that_nobody_bills(world):
    subscription = world.subscribe()
    world.go_to("2027-02-28 12:00")
    renew_due(world.engine, now=world.now)
    park_subscription(world.engine, subscription, "odd", world.now)
    _pauses_for_a_day(world, subscription)
    release_subscription(world.engine, subscription, "seen", world.now, bill=Bill.NONE)
    assert _records(world) == _WITHOUT_THE_PAUSED_DAY
    with world.engine.database.snapshot() as tx:
        assert check_all(tx, world.now) == []


def test_a_day_that_was_paused_is_not_forgiven_with_the_period_that_a_stop_left_unbilled(world):
    subscription = world.subscribe()
    with world.engine.database.transaction() as tx:
        stop_charging(tx, "maintenance")
    _pauses_for_a_day(world, subscription)
    world.live_through("2027-04-02 12:00", step=timedelta(hours=6))
    assert _records(world) == _WITHOUT_THE_PAUSED_DAY
    with world.engine.database.transaction() as tx:
        allow_charging(tx, world.now)
    world.live_through("2027-04-03 12:00")
    with world.engine.database.snapshot() as tx:
        assert check_all(tx, world.now) == []
