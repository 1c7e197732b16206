"""Stories of subscriptions that are canceled for a day to come."""

from datetime import date
from uuid import UUID

import pytest
from harness import email, kst

from billing.domain.access import access_on
from billing.operations.engine import BadInput, Conflict, NotFound
from billing.operations.manage import cancel_at, cancel_at_period_end, pause, undo_cancel
from billing.store.access import standings_of_customer
from plans.calendar import billing_day

KIM = email("kim")


def _cancel(world, subscription, on="2027-04-15"):
    return cancel_at(world.engine, subscription, on=date.fromisoformat(on), reason="moving away", now=world.now)


def _may_use(world, who="kim"):
    with world.engine.database.snapshot() as tx:
        (found,) = standings_of_customer(tx, f"cust-{who}").standings
    return access_on(billing_day(world.now, found.zone), found.standing)


def test_a_subscription_is_renewed_until_its_last_day_and_then_ends_for_the_reason_given(world):
    subscription = world.subscribe()
    told = _cancel(world, subscription)
    assert (told.state.value, told.cancel_at) == ("active", kst("2027-04-15 00:00"))
    world.live_through("2027-04-14 23:59")
    assert (world.state(), len(world.captured())) == ("active", 3)
    world.live_through("2027-04-15 01:00")
    assert (world.state(), world.subscription()["cancel_reason"]) == ("canceled", "moving away")
    world.live_through("2027-06-05 00:00")
    assert len(world.sent()) == 3


def test_what_was_paid_may_be_used_up_beyond_the_day_on_which_a_subscription_ends(world):
    _cancel(world, world.subscribe())
    world.live_through("2027-04-20 12:00")
    assert world.state() == "canceled"
    assert _may_use(world).until == date(2027, 4, 30)
    world.go_to("2027-04-30 00:00")
    assert not _may_use(world).allowed


def test_nobody_loses_access_before_the_day_while_a_renewal_is_on_its_way(world):
    _cancel(world, world.subscribe())
    world.live_through("2027-02-27 23:59")
    world.go_to("2027-02-28 00:30")  # the first renewal is still to come
    assert _may_use(world).allowed


def test_a_day_that_begins_a_period_ends_the_subscription_before_it_is_billed(world):
    _cancel(world, world.subscribe(), on="2027-03-31")
    world.live_through("2027-04-02 00:00")
    assert (world.state(), len(world.sent())) == ("canceled", 2)
    assert not _may_use(world).allowed


def test_a_daemon_that_wakes_up_after_the_day_renews_nothing(world):
    _cancel(world, world.subscribe())
    world.sweep_at("2027-05-02 12:00")
    assert (world.state(), len(world.sent())) == ("canceled", 1)


def test_a_day_can_be_moved_and_undone(world):
    subscription = world.subscribe()
    _cancel(world, subscription, on="2027-02-20")
    _cancel(world, subscription, on="2027-03-15")
    world.live_through("2027-02-28 12:00")
    undo_cancel(world.engine, subscription, now=world.now)
    world.live_through("2027-04-01 00:00")
    assert (world.state(), len(world.captured())) == ("active", 3)
    assert world.subscription()["cancel_reason"] is None


def test_the_end_of_the_period_may_take_the_place_of_a_day_further_off(world):
    subscription = world.subscribe()
    _cancel(world, subscription)
    cancel_at_period_end(world.engine, subscription, reason="sooner", now=world.now)
    world.live_through("2027-03-02 00:00")
    assert (world.state(), len(world.sent())) == ("canceled", 1)


def test_what_is_owed_on_the_day_is_voided_and_a_pause_ends_with_it(world):
    kim = world.subscribe()
    lee = world.subscribe("lee")
    pause(world.engine, lee, resume_at=None, now=world.now)
    world.wallet(KIM, default="20051")
    world.live_through("2027-02-28 12:00")
    assert world.state(kim) == "past_due"
    for each in (kim, lee):
        _cancel(world, each, on="2027-03-04")
    world.live_through("2027-03-03 23:00")
    assert len(world.sent()) == 5  # two first payments, the renewal and its two retries
    world.live_through("2027-03-20 00:00")
    assert (world.state(kim), world.state(lee)) == ("canceled", "canceled")
    assert sorted(world.states("invoice")) == ["paid", "paid", "void"]
    assert len(world.sent()) == 5


@pytest.mark.parametrize("day", ["2026-01-01", "2027-01-31", "2032-02-05"])
def test_a_day_that_is_not_to_come_or_absurdly_far_off_is_refused(world, day):
    subscription = world.subscribe()
    with pytest.raises(BadInput, match="on must be a day from 2027-02-01 to 2032-02-04") as refused:
        _cancel(world, subscription, on=day)
    assert (refused.value.field, refused.value.code) == ("on", "invalid_request")
    assert world.subscription()["cancel_at"] is None


def test_the_day_is_one_of_the_subscriptions_zone(world):
    subscription = world.subscribe()
    world.go_to("2027-02-10 23:59")
    assert _cancel(world, subscription, on="2027-02-11").cancel_at == kst("2027-02-11 00:00")
    world.go_to("2027-02-11 00:00")
    with pytest.raises(BadInput):
        _cancel(world, subscription, on="2027-02-11")


def test_what_never_began_or_has_ended_is_not_canceled_for_a_day(world):
    enrolment = world.enrol("lee").subscription_id
    with pytest.raises(Conflict, match="cancel it now"):
        _cancel(world, enrolment)
    world.live_through("2027-01-31 14:00")
    with pytest.raises(Conflict, match="incomplete_expired already"):
        _cancel(world, enrolment)
    with pytest.raises(NotFound):
        _cancel(world, UUID(int=1))
