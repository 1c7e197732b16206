"""Stories of what keeps charges from being sent: stop switch, paused plan, ceiling, brake, quiet hours, parked rows."""

from datetime import timedelta
from uuid import UUID

import pytest
from harness import WEB, email, kst, utc
from sqlalchemy import text

from billing.operations import charge_due as charge_due_module
from billing.operations.first_charges import ChargingStopped
from billing.operations.parking import release_refund, release_subscription
from billing.operations.plans import pause_plan, resume_plan
from billing.operations.re_enrol import re_enrol
from billing.operations.request_refund import request_refund
from billing.operations.set_up import go, stop

KIM = email("kim")


def test_nothing_is_sent_while_charging_is_stopped_and_everything_when_it_is_allowed_again(world):
    subscription = world.subscribe()
    world.go_to("2027-02-28 08:00")
    stop(world.engine, "an incident", now=world.now)
    world.live_through("2027-03-03 12:00")
    assert len(world.sent()) == 1
    assert world.states("invoice") == ["paid", "open"]
    with pytest.raises(ChargingStopped, match="an incident"):
        re_enrol(world.engine, subscription, WEB, now=world.now)
    with pytest.raises(ChargingStopped):
        world.enrol("lee")
    go(world.engine, now=world.now)
    world.wait(minutes=1)
    world.live_through("2027-03-03 14:00")
    assert world.states("invoice")[:2] == ["paid", "paid"]


def test_what_is_known_is_still_settled_while_charging_is_stopped(world):
    world.subscribe()
    world.wallet(KIM, script=["pending:3"])
    world.live_through("2027-02-28 12:00")
    stop(world.engine, "an incident", now=world.now)
    world.live_through("2027-02-28 20:00")
    assert world.states("invoice") == ["paid", "paid"]


def test_the_stop_switch_thrown_in_the_middle_of_a_run_stops_the_rest_of_the_run(world, monkeypatch):
    monkeypatch.setattr(charge_due_module, "FIRST_BATCH", 2)
    world.with_rules(batch=2)
    for who in ("kim", "lee", "park", "choi", "jung"):
        world.subscribe(who)
    world.engine.gateway.after_create = lambda: stop(world.engine, "a person saw it", now=world.now)
    world.sweep_at("2027-02-28 11:00")
    world.engine.gateway.after_create = lambda: None
    assert len(world.sent()) == 5 + 2
    world.live_through("2027-02-28 13:00")
    assert len(world.sent()) == 5 + 2
    go(world.engine, now=world.now)
    world.wait(minutes=1)
    world.live_through("2027-02-28 15:00")
    assert len(world.captured()) == 10


def test_a_paused_plan_renews_and_charges_nobody_and_is_billed_when_it_is_resumed(world):
    world.subscribe()
    world.subscribe("lee", plan="weekly")
    world.go_to("2027-02-05 12:00")
    pause_plan(world.engine, "weekly", now=world.now)
    world.live_through("2027-02-28 09:00")
    world.live_through("2027-02-28 12:00")
    assert [payment["captured"] for payment in world.captured()] == [9900, 3000, 9900]
    resume_plan(world.engine, "weekly", now=world.now)
    world.wait(minutes=1)
    world.live_through("2027-02-28 14:00")
    assert [payment["captured"] for payment in world.captured()] == [9900, 3000, 9900, 3000]
    assert len(world.events("subscription.not_billed")) == 1


def test_an_open_invoice_of_a_paused_plan_is_not_retried(world):
    world.subscribe()
    world.wallet(KIM, script=["20051", "ok"])
    world.live_through("2027-02-28 12:00")
    pause_plan(world.engine, "basic", now=world.now)
    world.live_through("2027-03-04 00:00")
    assert len(world.sent()) == 2
    resume_plan(world.engine, "basic", now=world.now)
    world.wait(minutes=1)
    world.live_through("2027-03-04 12:00")
    assert world.state() == "active"


def test_a_subscription_is_charged_at_most_once_a_day(world):
    world.subscribe(plan="daily")
    world.wallet(KIM, script=["20051"])
    world.live_through("2027-02-09 00:00")
    assert [row["failures"] for row in world.rows("SELECT failures FROM invoice ORDER BY period_start")][:3] == [
        0,
        1,
        0,
    ]
    days = [str(row["sent_at"])[:10] for row in world.rows("SELECT sent_at FROM charge WHERE state = 'captured'")]
    assert len(days) == len(set(days)) >= 7


def test_the_brake_stops_a_run_that_is_far_larger_than_expected_and_a_person_can_let_it_go_on(world):
    for who in ("kim", "lee", "park", "choi"):
        world.subscribe(who)
    world.with_rules(brake_floor=2, brake_factor=1.0)
    world.live_through("2027-02-28 09:00")
    world.sweep_at("2027-02-28 11:00")
    assert len(world.sent()) == 4
    assert "more than 2 charges are due" in str(world.events("installation.charging_stopped")[0]["data"])
    world.live_through("2027-02-28 12:00")
    assert len(world.sent()) == 4
    go(world.engine, now=world.now)
    world.wait(minutes=1)
    world.live_through("2027-02-28 14:00")
    assert len(world.captured()) == 8
    assert len(world.events("installation.charging_stopped")) == 1
    world.live_through("2027-03-31 09:00")
    world.sweep_at("2027-03-31 11:00")
    assert len(world.events("installation.charging_stopped")) == 2  # the word of a person does not last for ever


def test_nothing_is_charged_while_banks_are_closed_around_midnight(world):
    world.subscribe()
    world.live_through("2027-02-28 09:00")
    world.sweep_at("2027-02-28 23:25")  # the worker was down since the morning
    assert len(world.sent()) == 1
    world.sweep_at("2027-03-01 00:39")
    assert len(world.sent()) == 1
    world.live_through("2027-03-01 01:00", step=timedelta(minutes=1))
    charge = world.rows("SELECT * FROM charge WHERE kind = 'renewal'")[0]
    assert utc(charge["sent_at"]) >= kst("2027-03-01 00:40")
    assert charge["attempt_no"] == 1


def test_a_row_that_cannot_be_renewed_is_set_aside_and_stops_nobody_else(world):
    for who in ("kim", "lee", "park"):
        world.subscribe(who)
    bad = world.subscription()["id"]
    _corrupt(world, "UPDATE subscription SET zone = 'Nowhere/Land' WHERE id = :id", id=bad)
    world.live_through("2027-02-28 12:00")
    assert len(world.captured()) == 5
    assert world.subscription()["parked_reason"].startswith("UnknownZoneError")
    assert len(world.events("subscription.parked")) == 1
    _corrupt(world, "UPDATE subscription SET zone = 'Asia/Seoul' WHERE id = :id", id=bad)
    release_subscription(world.engine, _uuid(bad), "mended", world.now)
    world.wait(minutes=1)
    world.live_through("2027-02-28 14:00")
    assert len(world.captured()) == 6


def test_a_row_that_cannot_be_charged_is_set_aside_and_stops_nobody_else(world):
    for who in ("kim", "lee", "park"):
        world.subscribe(who)
    world.sweep_at("2027-02-28 00:10")
    bad = world.subscription()["id"]
    world.with_rules()
    stop(world.engine, "to look", now=world.now)
    world.sweep_at("2027-02-28 11:00")
    _corrupt(world, "UPDATE subscription SET zone = 'Nowhere/Land' WHERE id = :id", id=bad)
    go(world.engine, now=world.now)
    world.wait(minutes=1)
    world.live_through("2027-02-28 13:00")
    assert len(world.captured()) == 5
    assert world.subscription()["parked_reason"] is not None


def test_a_row_whose_outcome_cannot_be_settled_is_parked_and_stops_nobody_else(world):
    for who in ("kim", "lee", "park"):
        world.subscribe(who)
    for who in ("kim", "lee", "park"):
        world.wallet(email(who), script=["20051"])
    world.sweep_at("2027-02-28 11:00")
    bad = world.subscription()["id"]
    _corrupt(world, "UPDATE subscription SET zone = 'Nowhere/Land' WHERE id = :id", id=bad)
    world.wait(minutes=5)
    assert sorted(world.states("charge")[-3:]) == ["declined", "declined", "parked"]


@pytest.mark.parametrize("fault", ["unprocessed_502", "processed_500"])
def test_a_refund_that_cannot_be_worked_on_is_set_aside_and_stops_no_other(world, fault):
    for who in ("kim", "lee"):
        world.subscribe(who)
    charges = world.rows("SELECT id FROM charge ORDER BY created_at")
    world.faults(**{fault: 1})
    for charge in charges:
        request_refund(world.engine, _uuid(charge["id"]), 1000, reason="sorry", now=world.now)
    world.faults(**{fault: 0})
    _corrupt(world, "UPDATE refund SET currency = '???' WHERE charge_id = :id", id=charges[0]["id"])
    world.live_through("2027-02-01 12:00")
    refunds = {str(row["charge_id"]): row for row in world.rows("SELECT * FROM refund")}
    assert refunds[str(charges[1]["id"])]["state"] == "refunded"
    bad = refunds[str(charges[0]["id"])]
    assert bad["state"] == ("parked" if fault == "unprocessed_502" else "refunded")
    _corrupt(world, "UPDATE refund SET currency = 'KRW' WHERE charge_id = :id", id=charges[0]["id"])
    if bad["state"] == "parked":
        release_refund(world.engine, _uuid(bad["id"]), "mended", world.now)
        world.wait(minutes=1)
        world.live_through("2027-02-02 12:00")
    assert world.states("refund") == ["refunded"] * 2


def _uuid(value):
    return UUID(str(value))


def _corrupt(world, statement, **values):
    with world.engine.database.transaction() as tx:
        tx.execute(text(statement), values)
