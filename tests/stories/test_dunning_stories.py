"""Dated stories of failed renewals: declines that pass, agreements that are gone, faults that are nobody's."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from harness import KST, WEB, email, kst, utc

from billing.domain.days.renewing import CatchUp
from billing.domain.dunning import EndOfLadder
from billing.operations.engine import Refusal
from billing.operations.re_enrol import re_enrol
from billing.operations.retry_charge import retry_charge
from billing.operations.set_up import go

KIM = email("kim")


def _attempts(world):
    """Return when renewals were sent, as wall-clock time in Seoul."""
    rows = world.rows("SELECT sent_at FROM charge WHERE kind = 'renewal' ORDER BY sent_at")
    return [utc(row["sent_at"]).astimezone(KST).strftime("%m-%d %H") for row in rows]


def _invoice(world):
    return world.rows("SELECT * FROM invoice WHERE kind = 'renewal' ORDER BY period_start")[-1]


def _last_charge(world):
    return world.rows("SELECT * FROM charge ORDER BY created_at")[-1]


def test_a_decline_on_the_billing_day_recovers_on_the_fifth_day_and_the_billing_date_stays(world):
    world.subscribe()
    world.wallet(KIM, script=["20051", "20051", "20051", "ok"])
    world.live_through("2027-03-06 00:00")
    assert _attempts(world) == ["02-28 10", "03-01 10", "03-03 17", "03-05 10"]
    assert world.state() == "active"
    assert str(world.subscription()["paid_through"]) == "2027-03-31"
    assert len(world.events("subscription.fell_past_due")) == 1
    assert len(world.events("subscription.recovered")) == 1


def test_every_step_of_the_ladder_is_tried_exactly_once_and_then_the_subscription_ends(world):
    world.subscribe()
    world.wallet(KIM, default="20051")
    world.live_through("2027-03-20 00:00")
    assert _attempts(world) == ["02-28 10", "03-01 10", "03-03 17", "03-05 10", "03-10 17", "03-14 10"]
    assert world.state() == "canceled"
    assert _invoice(world)["state"] == "uncollectible"
    assert len(world.events("dunning.exhausted")) == 1


@pytest.mark.parametrize(
    ("end", "state"),
    [(EndOfLadder.PAUSE, "paused"), (EndOfLadder.UNPAID, "unpaid"), (EndOfLadder.PAST_DUE, "past_due")],
)
def test_the_end_of_the_ladder_is_what_the_configuration_says(sqlite_world, end, state):
    world = sqlite_world
    settlement = world.engine.rules.settlement
    world.with_rules(settlement=replace(settlement, dunning=replace(settlement.dunning, end=end)))
    subscription = world.subscribe()
    world.wallet(KIM, default="20051")
    world.live_through("2027-04-20 00:00")
    assert world.state() == state
    assert len(_attempts(world)) == 6
    assert _invoice(world)["state"] == "open"
    made = re_enrol(world.engine, subscription, WEB, now=world.now)
    world.agree(made.redirect_url)
    world.wait(minutes=2)
    assert world.rows("SELECT state FROM invoice ORDER BY period_start")[1]["state"] == "paid"


def test_the_wallet_pays_again_when_it_has_enough_money(world):
    world.subscribe()
    world.wallet(KIM, balance=100)
    world.live_through("2027-02-28 12:00")
    assert (_last_charge(world)["state"], _last_charge(world)["response_code"]) == ("declined", "20051")
    world.wallet(KIM, balance=50_000)
    world.live_through("2027-03-01 12:00")
    assert world.state() == "active"


def test_a_cut_agreement_is_not_tried_again_and_a_new_one_pays_the_open_invoice_at_once(world):
    subscription = world.subscribe()
    world.wallet(KIM, agreement="cut")
    world.live_through("2027-03-02 12:00")
    assert world.state() == "past_due"
    assert _last_charge(world)["response_code"] == "200R1"
    assert world.states("source") == ["revoked"]
    assert len(world.events("subscription.re_enrolment_requested")) == 1
    assert _attempts(world) == ["02-28 10"]

    world.go_to("2027-03-04 15:00")
    made = re_enrol(world.engine, subscription, WEB, now=world.now)
    assert re_enrol(world.engine, subscription, WEB, now=world.now) == made
    world.agree(made.redirect_url)
    world.wait(minutes=2)
    assert world.state() == "active"
    assert sorted(world.states("source")) == ["active", "replaced"]
    assert str(world.subscription()["paid_through"]) == "2027-03-31"
    world.live_through("2027-04-01 00:00")
    assert [payment["captured"] for payment in world.captured()] == [9900] * 3


def test_a_cut_agreement_that_is_not_renewed_in_time_ends_the_subscription_with_the_ladder(world):
    world.subscribe()
    world.wallet(KIM, agreement="cut")
    world.live_through("2027-03-14 23:00")
    assert world.state() == "past_due"
    world.live_through("2027-03-16 00:00")
    assert world.state() == "canceled"
    assert _invoice(world)["state"] == "uncollectible"
    assert len(world.sent()) == 2


def test_an_agreement_that_looks_dead_is_suspected_and_the_subscriber_is_asked(world):
    subscription = world.subscribe()
    world.faults(dead_agreement_code="20101")
    world.wallet(KIM, agreement="cut")
    world.live_through("2027-03-01 12:00")
    assert world.states("source") == ["suspect"]
    assert world.state() == "past_due"
    with pytest.raises(Refusal, match="replace the source"):
        retry_charge(world.engine, _charge_id(world), now=world.now)
    made = re_enrol(world.engine, subscription, WEB, now=world.now)
    world.agree(made.redirect_url)
    world.wait(minutes=2)
    assert world.state() == "active"


def _charge_id(world):
    return UUID(str(_last_charge(world)["id"]))


def test_a_source_the_gateway_calls_invalid_is_revoked_and_not_tried_again(world):
    world.subscribe()
    world.wallet(KIM, script=["422:source_id_invalid"])
    world.live_through("2027-03-03 12:00")
    assert (_last_charge(world)["state"], _last_charge(world)["response_code"]) == ("refused", "source_id_invalid")
    assert world.states("source") == ["revoked"]
    assert world.state() == "past_due"
    assert len(world.sent()) == 2


def test_a_closed_account_is_not_tried_again_but_the_agreement_is_kept(world):
    world.subscribe()
    world.wallet(KIM, script=["30046"])
    world.live_through("2027-03-03 12:00")
    assert world.states("source") == ["active"]
    assert world.state() == "past_due"
    assert len(world.sent()) == 2


def test_a_monthly_limit_is_tried_again_on_the_first_of_the_next_month(world):
    world.subscribe()
    world.wallet(KIM, script=["30021", "ok"])
    world.live_through("2027-03-02 00:00")
    assert _attempts(world) == ["02-28 10", "03-01 10"]
    assert world.state() == "active"


def test_a_technical_failure_is_tried_again_soon_and_counts_nothing(world):
    world.subscribe()
    world.wallet(KIM, script=["20096", "20096", "ok"])
    world.live_through("2027-02-28 12:30", step=timedelta(minutes=5))
    assert len(_attempts(world)) == 3
    assert world.state() == "active"
    assert (_invoice(world)["failures"], _invoice(world)["technical_failures"]) == (0, 2)
    assert world.events("subscription.fell_past_due") == []


def test_an_account_without_the_currency_stops_charging_costs_no_subscriber_a_step_and_recovers(world):
    for who in ("kim", "lee", "park"):
        world.subscribe(who)
    world.faults(currencies="HKD SGD")
    world.live_through("2027-02-28 11:00", step=timedelta(minutes=2))
    assert world.events("installation.charging_stopped")
    assert {row["state"] for row in world.rows("SELECT state FROM subscription")} == {"active"}
    assert {row["failures"] for row in world.rows("SELECT failures FROM invoice")} == {0}
    go(world.engine, now=world.now)
    world.calm(hours=8)
    assert len(world.captured()) == 6
    assert {row["failures"] for row in world.rows("SELECT failures FROM invoice")} == {0}


def test_a_wrong_key_holds_charging_costs_no_subscriber_a_step_and_recovers_by_itself(world):
    for who in ("kim", "lee", "park"):
        world.subscribe(who)
    world.faults(unauthorized_401_empty=1)
    world.live_through("2027-02-28 11:00", step=timedelta(minutes=2))
    assert world.events("installation.charging_held")
    assert any("held until" in problem for tally in world.tallies for problem in tally.problems)
    assert {row["state"] for row in world.rows("SELECT state FROM subscription")} == {"active"}
    assert {row["failures"] for row in world.rows("SELECT failures FROM invoice")} == {0}
    world.calm(hours=8)
    assert len(world.captured()) == 6
    assert {row["failures"] for row in world.rows("SELECT failures FROM invoice")} == {0}


def test_a_renewal_that_fails_technically_for_days_waits_for_a_person_and_no_step_is_counted(sqlite_world):
    world = sqlite_world
    settlement = world.engine.rules.settlement
    world.with_rules(settlement=replace(settlement, dunning=replace(settlement.dunning, technical_tries=3)))
    world.subscribe()
    world.wallet(KIM, default="20096")
    world.live_through("2027-03-02 00:00")
    assert world.subscription()["parked_reason"] is not None
    assert world.state() == "active"
    assert len(_attempts(world)) == 4


def test_a_retry_by_a_person_is_no_step_of_the_ladder(world):
    world.subscribe()
    world.wallet(KIM, script=["20051", "20051", "ok"])
    world.live_through("2027-02-28 14:00")
    retry_charge(world.engine, _charge_id(world), now=world.now)
    with pytest.raises(Refusal, match="under way"):
        retry_charge(world.engine, _charge_id(world), now=world.now)
    world.wait(minutes=5)
    assert _invoice(world)["failures"] == 1
    world.live_through("2027-03-01 12:00")
    assert _attempts(world) == ["02-28 10", "02-28 14", "03-01 10"]
    assert world.state() == "active"


def test_a_retry_by_a_person_is_refused_while_banks_are_closed(world):
    world.subscribe()
    world.wallet(KIM, script=["20051"])
    world.live_through("2027-02-28 14:00")
    with pytest.raises(Refusal, match="maintenance"):
        retry_charge(world.engine, _charge_id(world), now=kst("2027-02-28 23:30"))


def test_a_retry_by_a_person_pays_and_the_planned_retry_is_dropped(world):
    world.subscribe()
    world.wallet(KIM, script=["20051", "ok"])
    world.live_through("2027-02-28 14:00")
    retry_charge(world.engine, _charge_id(world), now=world.now)
    world.live_through("2027-03-10 00:00")
    assert len(_attempts(world)) == 2
    assert world.state() == "active"


def test_what_waited_for_a_new_agreement_is_tried_again_when_a_later_period_was_paid(sqlite_world):
    world = sqlite_world
    world.with_rules(catch_up=CatchUp.ALL)
    world.subscribe(plan="weekly")
    world.wallet(KIM, script=["20059"])  # blocked once: no retry, the subscriber is asked
    world.live_through("2027-02-07 00:00")
    for _ in range(2):
        world.sweep_at("2027-02-15 11:00")  # two periods are due, an invoice each
    world.live_through("2027-02-17 00:00")
    waiting = world.rows("SELECT * FROM invoice WHERE kind = 'renewal' ORDER BY period_start")[0]
    assert (waiting["state"], waiting["next_attempt_at"]) == ("open", None)
    assert world.state() == "active", "the second week was paid"
    world.live_through("2027-03-04 00:00")
    assert world.scalar("SELECT state FROM invoice WHERE id = :id", id=waiting["id"]) == "paid"
