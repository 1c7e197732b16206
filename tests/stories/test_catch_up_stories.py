"""Stories of downtime: one charge a subscription afterwards, and what was missed follows a written policy."""

from datetime import timedelta
from uuid import UUID

import pytest
from harness import email

from billing.domain.days.releasing import Bill
from billing.domain.days.renewing import CatchUp
from billing.operations.engine import Refusal
from billing.operations.parking import release_subscription
from billing.operations.retry_charge import retry_charge

KIM = email("kim")


def _starts(world):
    return [str(row["period_start"]) for row in world.rows("SELECT period_start FROM invoice ORDER BY period_start")]


def test_after_40_days_of_downtime_one_renewal_is_charged_and_the_missed_period_is_recorded(world):
    world.subscribe()
    world.sweep_at("2027-04-10 11:00")
    world.live_through("2027-04-12 00:00")
    assert _starts(world) == ["2027-01-31", "2027-03-31"]
    assert len(world.captured()) == 2
    assert len(world.events("subscription.not_billed")) == 1
    world.live_through("2027-05-01 00:00")
    assert _starts(world)[-1] == "2027-04-30"


def test_after_400_days_of_downtime_a_daily_plan_is_charged_once_a_day_again(world):
    world.subscribe(plan="daily")
    world.sweep_at("2028-03-06 12:00")
    world.live_through("2028-03-08 12:00")
    assert len(world.captured()) == 4
    assert len(world.events("subscription.not_billed")) == 1


def test_downtime_across_the_whole_retry_plan_does_not_burst(world):
    world.subscribe()
    world.wallet(KIM, script=["20051", "20051", "ok"])
    world.live_through("2027-02-28 12:00")
    world.sweep_at("2027-03-25 12:00")  # every step of the ladder has passed
    assert len(world.rows("SELECT id FROM charge WHERE kind = 'renewal'")) == 2
    world.live_through("2027-03-27 00:00")
    assert world.state() == "active"
    assert len(world.rows("SELECT id FROM charge WHERE kind = 'renewal'")) == 3


def test_every_missed_period_is_charged_one_a_day_when_the_policy_says_all(world):
    world.with_rules(catch_up=CatchUp.ALL)
    world.subscribe()
    world.sweep_at("2027-04-10 11:00")
    world.live_through("2027-04-13 00:00")
    assert _starts(world) == ["2027-01-31", "2027-02-28", "2027-03-31"]
    assert world.states("invoice") == ["paid"] * 3
    sent = [str(row["sent_at"])[:10] for row in world.rows("SELECT sent_at FROM charge ORDER BY sent_at")]
    assert sent == ["2027-01-31", "2027-04-10", "2027-04-11"]


def test_late_invoices_that_all_fell_due_in_another_outage_are_still_charged_one_a_day(world):
    world.with_rules(catch_up=CatchUp.ALL)
    world.subscribe()
    world.sweep_at("2027-06-10 11:00")
    world.wait(minutes=5)
    world.sweep_at("2027-06-20 11:00")
    world.live_through("2027-06-24 12:00")
    sent = [str(row["sent_at"])[:10] for row in world.rows("SELECT sent_at FROM charge ORDER BY sent_at")]
    assert sent == ["2027-01-31", "2027-06-10", "2027-06-20", "2027-06-21", "2027-06-22"]


def test_a_late_invoice_that_a_person_has_charged_puts_the_next_one_off_to_tomorrow(world):
    world.with_rules(catch_up=CatchUp.ALL)
    world.subscribe()
    world.wallet(KIM, script=["20051"])
    world.sweep_at("2027-04-10 11:00")
    world.live_through("2027-04-11 09:00")
    [declined] = world.rows("SELECT id FROM charge WHERE state = 'declined'")
    retry_charge(world.engine, UUID(str(declined["id"])), now=world.now)
    world.live_through("2027-04-13 00:00")
    sent = [str(row["sent_at"])[:10] for row in world.rows("SELECT sent_at FROM charge ORDER BY sent_at")]
    assert sent == ["2027-01-31", "2027-04-10", "2027-04-11", "2027-04-12"]


def test_nothing_is_charged_when_the_policy_says_hold_until_a_person_lets_it_go_on(world):
    world.with_rules(catch_up=CatchUp.HOLD)
    subscription = world.subscribe()
    world.sweep_at("2027-04-10 11:00")
    world.live_through("2027-04-12 00:00")
    assert "periods passed unbilled" in world.subscription()["parked_reason"]
    assert len(world.captured()) == 1
    with pytest.raises(Refusal, match="--bill"):
        release_subscription(world.engine, subscription, "so what", world.now)
    reason = "bill the present period only"
    assert release_subscription(world.engine, subscription, reason, world.now, bill=Bill.LATEST) == 31
    world.wait(minutes=1)
    world.live_through("2027-04-14 00:00")
    assert world.subscription()["parked_reason"] is None
    assert _starts(world) == ["2027-01-31", "2027-04-12"]
    assert len(world.captured()) == 2
    # Access ended with the first period that was not billed: it is forgiven, and the days after it gave none.
    assert len(world.events("subscription.not_billed")) == 2


def test_one_late_day_is_no_missed_period_even_when_the_policy_says_hold(world):
    world.with_rules(catch_up=CatchUp.HOLD)
    world.subscribe()
    world.sweep_at("2027-03-01 15:00")
    world.live_through("2027-03-02 00:00")
    assert _starts(world) == ["2027-01-31", "2027-02-28"]
    assert len(world.captured()) == 2


@pytest.mark.parametrize("hours", [1, 24, 24 * 5])
def test_a_sender_that_died_is_noticed_however_long_nobody_swept(world, hours):
    world.subscribe()
    world.live_through("2027-02-28 09:00")

    class Died(BaseException):
        pass

    def die():
        raise Died

    world.engine.gateway.after_create = die
    world.go_to("2027-02-28 11:00")
    with pytest.raises(Died):
        world.sweep()
    world.engine.gateway.after_create = lambda: None
    assert world.states("charge")[-1] == "sending"
    world.sweep_at(world.now + timedelta(hours=hours))
    world.live_through(world.now + timedelta(hours=8))
    assert world.states("charge")[-1] == "captured"
    assert len(world.sent()) == 2
