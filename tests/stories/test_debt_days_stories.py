"""Stories of what the days of a debt were: paused in between, written off, paid by a link over midnight."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from books import rows_of
from harness import WEB, email, utc

from billing.domain.days.releasing import Bill
from billing.domain.dunning import EndOfLadder
from billing.operations.forgive_invoice import mark_uncollectible
from billing.operations.manage import cancel_at, cancel_now, pause, resume
from billing.operations.parking import park_subscription, release_subscription
from billing.operations.re_enrol import re_enrol
from billing.operations.retry_charge import retry_invoice
from billing.store.invariants import check_all
from billing.store.tables import DayRecord
from plans.calendar import billing_day

KIM = email("kim")


@pytest.fixture(autouse=True)
def verified(world):
    """`billing verify` finds nothing when a story has been told."""
    yield
    assert _breaches(world) == []


def _ends_by(world, end):
    rules = world.engine.rules.settlement
    world.with_rules(settlement=replace(rules, dunning=replace(rules.dunning, end=end)))


def _breaches(world):
    with world.engine.database.snapshot() as tx:
        return check_all(tx, world.now)


def _open_invoice(world):
    return UUID(str(world.rows("SELECT id FROM invoice WHERE state = 'open' ORDER BY period_start")[0]["id"]))


def _records(world):
    rows = sorted(rows_of(world, DayRecord), key=lambda row: row.starts_on)
    return [(str(row.starts_on), str(row.ends_on), row.kind.value, row.reason.value) for row in rows]


def _pay_anew(world):
    world.wallet(KIM, default="ok")
    retry_invoice(world.engine, _open_invoice(world), now=world.now, subscriber_confirmed=True)
    world.wait(minutes=5)


def test_paused_days_of_a_yearly_debt_are_not_recorded_as_forgiven(world):
    _ends_by(world, EndOfLadder.PAST_DUE)
    subscription = world.subscribe(plan="yearly")
    world.wallet(KIM, default="20051")
    world.live_through("2028-02-05 12:00")
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2028-02-20 12:00")
    resume(world.engine, subscription, now=world.now)
    world.live_through("2028-03-20 12:00")
    _pay_anew(world)
    assert _records(world) == [
        ("2028-01-31", "2028-02-05", "forgiven", "no_access"),
        ("2028-02-05", "2028-02-20", "none", "paused"),
        ("2028-02-20", "2028-02-21", "forgiven", "no_access"),
        ("2028-02-21", "2028-03-20", "none", "no_access"),
    ]


def test_days_without_access_before_a_late_retry_are_not_recorded_as_forgiven(world):
    _ends_by(world, EndOfLadder.PAST_DUE)
    world.subscribe(plan="yearly")
    world.wallet(KIM, default="20051")
    world.live_through("2028-02-09 12:00")
    world.go_to("2028-03-01 12:00")  # no daemon ran: grace was over on 15 February, and the next retry was late
    world.live_through("2028-04-20 12:00")
    _pay_anew(world)
    assert _records(world) == [
        ("2028-01-31", "2028-02-15", "forgiven", "no_access"),
        ("2028-02-15", "2028-03-01", "none", "no_access"),
        ("2028-03-01", "2028-03-02", "forgiven", "no_access"),
        ("2028-03-02", "2028-04-20", "none", "no_access"),
    ]


def test_weeks_behind_a_week_that_was_written_off_and_captured_late_gave_access(world):
    world.subscribe(plan="weekly")
    world.wallet(KIM, script=["late:900:20051"])
    world.live_through("2027-02-07 12:00")
    mark_uncollectible(world.engine, _open_invoice(world), reason="a gift", now=world.now)
    world.live_through("2027-03-29 12:00")
    assert world.states("invoice") == ["paid"] * 9
    assert _breaches(world) == []
    assert {payment["captured"] for payment in world.payments()} == {3000}


@pytest.mark.parametrize("end", [EndOfLadder.PAUSE, EndOfLadder.PAST_DUE])
def test_a_resume_after_the_ladder_is_tried_once_and_is_no_step_of_it(world, end):
    _ends_by(world, end)
    subscription = world.subscribe()
    world.wallet(KIM, default="20051")
    world.live_through("2027-03-17 12:00")
    if end is EndOfLadder.PAST_DUE:
        pause(world.engine, subscription, resume_at=None, now=world.now)
    tried = len(world.sent())
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-03-20 12:00")
    assert len(world.sent()) == tried + 1
    assert world.state(subscription) == ("paused" if end is EndOfLadder.PAUSE else "past_due")
    assert _breaches(world) == []


def test_a_resume_between_two_retries_is_tried_at_once_and_leaves_the_later_retries(world):
    subscription = world.subscribe()
    world.wallet(KIM, default="20051")
    world.live_through("2027-03-04 12:00")
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-03-06 12:00")
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-03-20 12:00")
    days = ["02-28", "03-01", "03-03", "03-06", "03-10", "03-14"]
    rows = world.rows("SELECT sent_at FROM charge WHERE kind = 'renewal' ORDER BY sent_at")
    assert [str(billing_day(utc(row["sent_at"]), "Asia/Seoul"))[5:] for row in rows] == days


@pytest.mark.usefixtures("inbox")
@pytest.mark.parametrize(
    ("written_off", "reached"), [("2028-03-16 12:00", "paid"), ("2028-04-10 12:00", "uncollectible")]
)
def test_a_yearly_debt_is_captured_after_it_was_written_off(world, written_off, reached):
    """Grace is over on 15 February: by 16 March 30 days gave no access, by 10 April 55."""
    _ends_by(world, EndOfLadder.UNPAID)
    world.subscribe(plan="yearly")
    world.wallet(KIM, script=["late:2400:20051"], default="20051")
    world.live_through(written_off)
    mark_uncollectible(world.engine, _open_invoice(world), reason="a gift", now=world.now)
    world.live_through("2028-05-20 12:00")
    (renewal,) = world.rows("SELECT state FROM invoice WHERE kind = 'renewal'")
    assert renewal["state"] == reached
    kept = [payment["captured"] - payment["refunded"] for payment in world.payments() if payment["captured"]]
    assert kept == [99_000, 99_000 if reached == "paid" else 0]


@pytest.mark.usefixtures("inbox")
def test_a_charge_that_the_subscriber_confirmed_pays_a_debt_that_was_written_off(world):
    _ends_by(world, EndOfLadder.UNPAID)
    world.subscribe(plan="yearly")
    world.wallet(KIM, default="20051")
    world.live_through("2028-03-25 12:00")
    world.wallet(KIM, script=["late:900:20051"])
    retry_invoice(world.engine, _open_invoice(world), now=world.now, subscriber_confirmed=True)
    world.live_through("2028-04-10 12:00")
    mark_uncollectible(world.engine, _open_invoice(world), reason="a gift", now=world.now)
    world.live_through("2028-05-20 12:00")
    (renewal,) = world.rows("SELECT state FROM invoice WHERE kind = 'renewal'")
    assert renewal["state"] == "paid"
    assert world.states("refund_obligation") == []


def _leaves_on_a_day(world, subscription):
    cancel_at(world.engine, subscription, on=date(2027, 2, 18), reason=None, now=world.now)


def _leaves_at_once(world, subscription):
    world.live_through("2027-02-18 09:00")
    cancel_now(world.engine, subscription, reason=None, now=world.now)


@pytest.mark.parametrize("leave", [_leaves_on_a_day, _leaves_at_once], ids=["planned", "at_once"])
def test_the_day_of_a_return_that_was_not_due_yet_is_no_outage(world, leave):
    subscription = world.subscribe(plan="weekly")
    world.wallet(KIM, default="20051")
    world.live_through("2027-02-17 12:00")
    world.wallet(KIM, default="ok")
    retry_invoice(world.engine, _open_invoice(world), now=world.now)
    leave(world, subscription)
    world.live_through("2027-02-20 12:00")
    assert world.state(subscription) == "canceled"
    assert _records(world) == [
        ("2027-02-14", "2027-02-17", "none", "no_access"),
        ("2027-02-17", "2027-02-18", "forgiven", "not_due"),
    ]


def test_a_day_whose_charge_was_due_and_not_made_is_an_outage(world):
    subscription = world.subscribe(plan="weekly")
    world.go_to("2027-02-09 12:00")
    cancel_now(world.engine, subscription, reason=None, now=world.now)
    assert _records(world) == [("2027-02-07", "2027-02-09", "forgiven", "outage")]


def _renewals(world):
    """Return on which day each renewal was captured, and the first day that it is for."""
    rows = world.rows(
        "SELECT i.period_start, c.captured_at FROM charge c JOIN invoice i ON i.id = c.invoice_id"
        " WHERE c.state = 'captured' AND i.kind = 'renewal' ORDER BY c.captured_at"
    )
    return [(str(billing_day(utc(row["captured_at"]), "Asia/Seoul")), str(row["period_start"])) for row in rows]


def _agrees(world, link, at):
    world.live_through(at)
    world.wallet(KIM, default="ok")
    world.agree(str(link.redirect_url))


@pytest.mark.usefixtures("inbox")
def test_a_debt_paid_by_a_link_of_the_day_before_leaves_the_next_week_for_the_next_day(world):
    subscription = world.subscribe(plan="weekly")
    world.wallet(KIM, default="20051")
    world.live_through("2027-02-13 23:40")
    world.faults(first_payment_expiry_seconds=7200)
    link = re_enrol(world.engine, subscription, WEB, now=world.now)
    _agrees(world, link, "2027-02-14 00:20")
    world.live_through("2027-02-16 12:00")
    assert _renewals(world) == [("2027-02-14", "2027-02-07"), ("2027-02-15", "2027-02-14")]


@pytest.mark.usefixtures("inbox")
def test_a_pause_that_ends_on_the_day_of_such_a_payment_is_charged_the_next_day(world):
    subscription = world.subscribe(plan="weekly")
    world.wallet(KIM, default="20051")
    world.live_through("2027-02-13 23:40")
    world.faults(first_payment_expiry_seconds=7200)
    link = re_enrol(world.engine, subscription, WEB, now=world.now)
    pause(world.engine, subscription, resume_at=None, now=world.now)
    _agrees(world, link, "2027-02-14 00:20")
    world.live_through("2027-02-14 09:00")
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-02-16 12:00")
    assert _renewals(world) == [("2027-02-14", "2027-02-07"), ("2027-02-15", "2027-02-14")]


@pytest.mark.parametrize("planned", [True, False])
def test_days_that_were_forgiven_ahead_end_with_the_subscription_and_verify_is_quiet(world, planned):
    subscription = world.subscribe(plan="basic")
    if planned:
        cancel_at(world.engine, subscription, on=date(2027, 3, 10), reason="asked", now=world.now)
    park_subscription(world.engine, subscription, "a person must look", world.now)
    world.live_through("2027-03-03 12:00")
    release_subscription(world.engine, subscription, "seen", world.now, bill=Bill.NONE)
    world.go_to("2027-03-08 12:00")
    if not planned:
        cancel_now(world.engine, subscription, reason="asked", now=world.now)
    world.live_through("2027-03-12 12:00")
    assert world.state() == "canceled"
    with world.engine.database.snapshot() as tx:
        assert check_all(tx, world.now) == []
