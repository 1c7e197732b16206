"""Stories of cancelling, undoing, pausing and resuming, also while a charge is under way."""

from datetime import date
from uuid import UUID

import pytest
from harness import WEB, email, kst

from billing.operations import ending
from billing.operations.engine import BadInput, Refusal
from billing.operations.manage import (
    MOST_AHEAD,
    cancel_at,
    cancel_at_period_end,
    cancel_now,
    pause,
    pause_at_period_end,
    resume,
    undo_cancel,
)
from billing.operations.re_enrol import re_enrol
from billing.operations.revoke_source import revoke_source

KIM = email("kim")


def _starts(world):
    return [str(row["period_start"]) for row in world.rows("SELECT period_start FROM invoice ORDER BY period_start")]


def _send_the_renewal(world):
    """Live to the sweep that sends the renewal of 28 February; its outcome is still to come."""
    world.live_through("2027-02-28 09:59")
    world.sweep_at(world.next_due())
    assert world.states("charge")[-1] == "pending"


def _fail_the_renewal_for_nobodys_fault(world):
    world.wallet(KIM, script=["20068", "ok"])
    _send_the_renewal(world)
    world.wait(minutes=5)
    assert (world.states("charge")[-1], world.state()) == ("declined", "active")


def test_cancelling_at_23_00_on_the_day_before_sends_nothing_on_the_billing_day(world):
    subscription = world.subscribe()
    world.live_through("2027-02-27 23:00")
    managed = cancel_at_period_end(world.engine, subscription, reason="too dear", now=world.now)
    assert managed.cancel_at == kst("2027-02-28 00:00")
    assert world.state() == "active"
    world.sweep_at("2027-02-28 00:00")
    assert world.state() == "canceled"
    world.live_through("2027-03-05 00:00")
    assert len(world.sent()) == 1
    assert _starts(world) == ["2027-01-31"]


def test_a_daemon_that_wakes_up_late_still_ends_what_was_to_end_before_it_would_be_billed(world):
    subscription = world.subscribe()
    cancel_at_period_end(world.engine, subscription, reason="too dear", now=world.now)
    world.sweep_at("2027-03-02 12:00")
    assert world.state() == "canceled"
    assert len(world.sent()) == 1


def test_a_cancellation_at_period_end_can_be_undone(world):
    subscription = world.subscribe()
    cancel_at_period_end(world.engine, subscription, reason="too dear", now=world.now)
    undo_cancel(world.engine, subscription, now=world.now)
    with pytest.raises(Refusal):
        undo_cancel(world.engine, subscription, now=world.now)
    world.live_through("2027-03-01 00:00")
    assert world.state() == "active"
    assert len(world.captured()) == 2


def test_a_cancellation_that_is_undone_while_the_sweep_is_at_it_is_undone(world, monkeypatch):
    subscription = world.subscribe()
    cancel_at_period_end(world.engine, subscription, reason="too dear", now=world.now)
    world.go_to("2027-02-28 00:00")
    pages_of = ending.pages_of

    def and_a_person_undoes_it(*args, **more):
        for page in pages_of(*args, **more):
            if subscription in page:
                undo_cancel(world.engine, subscription, now=world.now)
            yield page

    monkeypatch.setattr(ending, "pages_of", and_a_person_undoes_it)
    world.sweep()
    assert world.state() == "active"


def test_cancelling_now_voids_what_is_open_and_ends_the_retries(world):
    subscription = world.subscribe()
    world.wallet(KIM, default="20051")
    world.live_through("2027-02-28 12:00")
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    assert world.states("invoice") == ["paid", "void"]
    world.live_through("2027-04-05 00:00")
    assert len(world.sent()) == 2
    with pytest.raises(Refusal):
        cancel_now(world.engine, subscription, reason="again", now=world.now)
    assert len(world.events("subscription.canceled")) == 1


def test_a_charge_that_was_under_way_when_the_subscription_was_canceled_is_refunded_when_it_is_captured(world):
    subscription = world.subscribe()
    _send_the_renewal(world)
    managed = cancel_now(world.engine, subscription, reason="enough", now=world.now)
    assert managed.charge_under_way
    assert world.states("invoice") == ["paid", "open"]
    world.calm(hours=6)
    assert world.states("charge") == ["captured", "captured"]
    assert world.states("invoice") == ["paid", "void"]
    assert world.states("refund") == ["refunded"]
    assert [payment["refunded"] for payment in world.payments()] == [0, 9900]


def test_a_charge_that_was_under_way_when_the_subscription_was_canceled_and_is_declined_ends_it_all(world):
    subscription = world.subscribe()
    world.wallet(KIM, script=["20051"])
    _send_the_renewal(world)
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    world.calm(hours=6)
    assert world.states("invoice") == ["paid", "void"]
    assert world.events("subscription.fell_past_due") == []


def test_a_charge_whose_answer_was_lost_is_not_sent_again_for_a_canceled_subscription(world):
    subscription = world.subscribe()
    world.faults(unprocessed_502=1)
    world.live_through("2027-02-28 09:59")
    world.sweep_at(world.next_due())
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    world.calm(hours=6)
    assert world.states("charge") == ["captured", "refused"]
    assert world.states("invoice") == ["paid", "void"]
    assert len(world.sent()) == 2


def test_a_renewal_that_is_under_way_at_the_moment_of_a_cancellation_at_period_end_is_given_back(world):
    subscription = world.subscribe()
    _send_the_renewal(world)
    managed = cancel_at_period_end(world.engine, subscription, reason="enough", now=world.now)
    assert (managed.state.value, managed.cancel_at, managed.charge_under_way) == ("canceled", None, True)
    world.calm(hours=6)
    assert world.state() == "canceled"
    assert len(world.captured()) == 1
    assert world.states("refund") == ["refunded"]


def test_who_leaves_at_period_end_on_the_day_of_the_renewal_before_it_is_charged_ends_at_once_and_pays_nothing(world):
    subscription = world.subscribe()
    world.go_to("2027-02-28 09:00")
    managed = cancel_at_period_end(world.engine, subscription, reason="enough", now=world.now)
    assert (managed.state.value, world.state()) == ("canceled", "canceled")
    world.live_through("2027-03-03 00:00")
    assert len(world.sent()) == 1


def test_a_pause_inside_the_paid_period_changes_nothing_when_it_ends_inside_it(world):
    subscription = world.subscribe()
    world.go_to("2027-02-05 12:00")
    pause(world.engine, subscription, resume_at=None, now=world.now)
    with pytest.raises(Refusal):
        pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-02-20 12:00")
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-04-01 00:00")
    assert _starts(world) == ["2027-01-31", "2027-02-28", "2027-03-31"]


def test_a_pause_beyond_the_paid_period_starts_a_new_one_on_the_day_it_ends_and_bills_no_paused_day(world):
    subscription = world.subscribe()
    world.go_to("2027-02-05 12:00")
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-05-10 15:00")
    assert len(world.sent()) == 1
    resume(world.engine, subscription, now=world.now)
    world.wait(minutes=1)
    world.live_through("2027-06-11 00:00")
    assert _starts(world) == ["2027-01-31", "2027-05-10", "2027-06-10"]
    assert len(world.captured()) == 3


def test_a_pause_that_ends_on_the_billing_day_itself_keeps_the_anchor(world):
    subscription = world.subscribe()
    world.go_to("2027-02-05 12:00")
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.go_to("2027-02-28 08:00")
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-04-01 00:00")
    assert _starts(world) == ["2027-01-31", "2027-02-28", "2027-03-31"]


def test_a_pause_ends_by_itself_at_its_date(world):
    subscription = world.subscribe()
    world.go_to("2027-02-05 12:00")
    with pytest.raises(Refusal):
        pause(world.engine, subscription, resume_at=world.now, now=world.now)
    pause(world.engine, subscription, resume_at=kst("2027-03-15 09:00"), now=world.now)
    world.live_through("2027-03-15 08:59")
    assert world.state() == "paused"
    world.live_through("2027-03-15 12:00")
    assert world.state() == "active"
    assert _starts(world) == ["2027-01-31", "2027-03-15"]
    assert len(world.captured()) == 2


def test_a_pause_in_arrears_stops_the_retries_and_its_end_tries_the_open_invoice_at_once(world):
    subscription = world.subscribe()
    world.wallet(KIM, script=["20051", "ok"])
    world.live_through("2027-02-28 12:00")
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-03-10 12:00")
    assert len(world.sent()) == 2
    resume(world.engine, subscription, now=world.now)
    assert world.state() == "past_due"
    world.sweep()
    world.wait(minutes=2)
    assert world.state() == "active"
    assert str(world.subscription()["paid_through"]) == "2027-03-31"


def test_a_charge_that_was_under_way_when_the_subscription_was_paused_pays_its_period(world):
    subscription = world.subscribe()
    _send_the_renewal(world)
    assert pause(world.engine, subscription, resume_at=None, now=world.now).charge_under_way
    world.wait(minutes=5)
    assert world.state() == "paused"
    assert world.states("invoice") == ["paid", "paid"]
    world.live_through("2027-03-10 12:00")
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-04-01 00:00")
    assert _starts(world) == ["2027-01-31", "2027-02-28", "2027-03-31"]


def test_a_charge_that_was_under_way_when_the_subscription_was_paused_and_is_declined_waits_for_the_end_of_the_pause(
    world,
):
    subscription = world.subscribe()
    world.wallet(KIM, script=["20051", "ok"])
    _send_the_renewal(world)
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-03-10 12:00")
    assert len(world.sent()) == 2
    resume(world.engine, subscription, now=world.now)
    world.sweep()
    world.wait(minutes=2)
    assert world.state() == "active"


def _shown_next_attempts(world):
    return [row["next_attempt_at"] for row in world.rows("SELECT next_attempt_at FROM invoice")]


def test_a_pause_and_its_end_during_a_renewal_leave_a_subscription_that_pays_active(world):
    subscription = world.subscribe()
    _send_the_renewal(world)
    pause(world.engine, subscription, resume_at=None, now=world.now)
    resumed = resume(world.engine, subscription, now=world.now)
    assert (resumed.state.value, resumed.charge_under_way, world.state()) == ("active", True, "active")
    world.wait(minutes=5)
    assert (world.state(), str(world.subscription()["paid_through"])) == ("active", "2027-03-31")
    assert [each["to_state"] for each in world.events("subscription.resumed")] == ["active"]
    assert world.events("subscription.resumed_in_arrears") == world.events("subscription.recovered") == []
    assert len(world.sent()) == 2


def test_a_pause_and_its_end_after_a_technical_failure_leave_a_subscription_active_and_it_is_charged(world):
    subscription = world.subscribe()
    _fail_the_renewal_for_nobodys_fault(world)
    pause(world.engine, subscription, resume_at=None, now=world.now)
    assert resume(world.engine, subscription, now=world.now).state.value == "active"
    world.calm(hours=1)
    assert (world.state(), world.states("invoice")) == ("active", ["paid", "paid"])


def test_a_renewal_that_is_declined_after_a_pause_and_its_end_is_past_due_as_ever(world):
    subscription = world.subscribe()
    world.wallet(KIM, script=["20051", "ok"])
    _send_the_renewal(world)
    pause(world.engine, subscription, resume_at=None, now=world.now)
    resume(world.engine, subscription, now=world.now)
    world.wait(minutes=5)
    assert world.state() == "past_due"
    world.live_through("2027-03-01 12:00")
    assert (world.state(), len(world.sent())) == ("active", 3)


def test_what_was_declined_in_a_pause_is_in_arrears_when_it_ends(world):
    subscription = world.subscribe()
    world.wallet(KIM, script=["20051", "ok"])
    _send_the_renewal(world)
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.wait(minutes=5)
    assert resume(world.engine, subscription, now=world.now).state.value == "past_due"


def test_what_waits_for_a_new_agreement_is_in_arrears_when_a_pause_ends(world):
    subscription = world.subscribe()
    source = UUID(str(world.subscription()["source_id"]))
    revoke_source(world.engine, source, reason="asked to", now=world.now)
    world.live_through("2027-02-28 12:00")
    assert world.state() == "past_due"
    pause(world.engine, subscription, resume_at=None, now=world.now)
    assert resume(world.engine, subscription, now=world.now).state.value == "past_due"


def test_a_renewal_whose_period_passed_in_a_pause_is_in_arrears_when_it_ends(world):
    subscription = world.subscribe()
    _fail_the_renewal_for_nobodys_fault(world)
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-03-31 12:00")
    assert resume(world.engine, subscription, now=world.now).state.value == "past_due"


def test_what_is_canceled_while_its_charge_is_under_way_is_shown_with_no_further_attempt(world):
    subscription = world.subscribe()
    _send_the_renewal(world)
    pause(world.engine, subscription, resume_at=None, now=world.now)
    resume(world.engine, subscription, now=world.now)
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    assert world.states("invoice") == ["paid", "open"]
    assert _shown_next_attempts(world) == [None, None]


def test_a_canceled_pause_ends_with_the_period_that_is_paid(world):
    subscription = world.subscribe()
    world.go_to("2027-02-05 12:00")
    pause(world.engine, subscription, resume_at=kst("2027-03-15 09:00"), now=world.now)
    cancel_at(world.engine, subscription, on=date(2027, 4, 20), reason="later", now=world.now)
    managed = cancel_at_period_end(world.engine, subscription, reason="enough", now=world.now)
    assert (managed.state.value, managed.cancel_at) == ("paused", kst("2027-02-28 00:00"))
    world.live_through("2027-02-27 23:00")
    assert world.state() == "paused"
    world.live_through("2027-04-05 00:00")
    assert (world.state(), world.subscription()["cancel_reason"]) == ("canceled", "enough")
    assert len(world.sent()) == 1


def test_a_canceled_pause_can_be_undone_and_resumed_in_time(world):
    subscription = world.subscribe()
    world.go_to("2027-02-05 12:00")
    pause(world.engine, subscription, resume_at=None, now=world.now)
    cancel_at_period_end(world.engine, subscription, reason="enough", now=world.now)
    undo_cancel(world.engine, subscription, now=world.now)
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-03-01 00:00")
    assert (world.state(), len(world.captured())) == ("active", 2)


def test_a_pause_whose_paid_period_is_over_ends_at_once_when_it_is_canceled(world):
    subscription = world.subscribe()
    world.go_to("2027-02-05 12:00")
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-02-28 00:00")
    assert cancel_at_period_end(world.engine, subscription, reason="x", now=world.now).state.value == "canceled"


@pytest.mark.parametrize("act", [pause, pause_at_period_end])
def test_a_pause_that_would_end_in_the_next_century_is_refused(world, act):
    subscription = world.subscribe()
    for day in ("2100-01-01 00:00", "2032-02-05 00:00"):
        with pytest.raises(BadInput, match=r"resume_at must be later than .* and no later than 2032-02-04"):
            act(world.engine, subscription, resume_at=kst(day), now=world.now)
    assert world.state() == "active"
    act(world.engine, subscription, resume_at=world.now + MOST_AHEAD, now=world.now)


def test_a_new_agreement_that_was_begun_and_left_is_no_arrears_when_a_pause_ends(world):
    subscription = world.subscribe()
    world.go_to("2027-02-05 12:00")
    re_enrol(world.engine, subscription, WEB, now=world.now)
    world.live_through("2027-02-05 14:00")  # the link expired
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-02-20 12:00")
    resume(world.engine, subscription, now=world.now)
    assert world.state() == "active"
    world.live_through("2027-03-01 00:00")
    assert [payment["amount"] for payment in world.captured()] == [9900, 9900]


def test_ending_a_trial_or_a_ladder_leaves_no_invoice_open_that_a_left_agreement_had_opened(world):
    trial = world.subscribe("lee", plan="trial")
    subscription = world.subscribe()
    world.go_to("2027-02-05 12:00")
    for each in (trial, subscription):
        re_enrol(world.engine, each, WEB, now=world.now)
    world.wallet(KIM, default="20051")
    world.live_through("2027-03-20 00:00")
    assert {row["state"] for row in world.rows("SELECT state FROM subscription")} == {"canceled"}
