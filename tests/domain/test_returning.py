"""Where the next period begins when a subscriber comes back, and how long an unpaid period gives access."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from a_case import is_in_slot
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.days.grace import days_without_access, given_until, grace_until, needs_confirmation, outlasts
from billing.domain.days.records import DayKind, DayRecord, UnbilledReason
from billing.domain.days.releasing import Bill, first_unbilled, release
from billing.domain.days.renewing import OpenInvoice
from billing.domain.days.returning import Return, bought_on, return_on
from billing.domain.days.schedule import BillingSchedule
from billing.domain.quiet_hours import ChargeWindow
from plans.calendar import Interval, IntervalUnit, Period

WINDOW = ChargeWindow()
WHO = UUID(int=11)
WEEKLY, DAILY, MONTHLY, YEARLY = (
    Interval(unit, 1) for unit in (IntervalUnit.WEEK, IntervalUnit.DAY, IntervalUnit.MONTH, IntervalUnit.YEAR)
)
NO_ACCESS = UnbilledReason.NO_ACCESS


def schedule(interval=WEEKLY, anchor=date(2027, 2, 4), billed=1):
    return BillingSchedule(WHO, anchor, interval, "Asia/Seoul", billed)


def back_on(today, *, charged=False, told=None, at=time(12), window=WINDOW):
    now = datetime.combine(today, at, tzinfo=ZoneInfo("Asia/Seoul"))
    return return_on(told or schedule(), now, reason=NO_ACCESS, charged=charged, window=window)


def test_who_comes_back_while_days_are_left_changes_nothing():
    assert back_on(date(2027, 2, 17)) == Return()
    assert back_on(date(2027, 2, 17), charged=True) == Return()


def test_who_comes_back_on_the_day_of_the_next_period_keeps_the_calendar():
    came_back = back_on(date(2027, 2, 18))
    assert came_back.records == ()
    assert set(came_back.columns) == {"next_due_at"}
    assert is_in_slot(came_back.columns["next_due_at"], "2027-02-18 10:00")


@pytest.mark.parametrize(("charged", "slot"), [(False, "2027-02-25 10:00"), (True, "2027-02-26 10:00")])
def test_who_comes_back_later_begins_a_period_on_that_day_and_is_charged_at_most_once_on_it(charged, slot):
    came_back = back_on(date(2027, 2, 25), charged=charged)
    assert (came_back.columns["anchor"], came_back.columns["billed_index"]) == (date(2027, 2, 25), -1)
    assert is_in_slot(came_back.columns["next_due_at"], slot)
    assert came_back.records == (DayRecord(date(2027, 2, 18), date(2027, 2, 25), DayKind.NONE, NO_ACCESS),)


def test_a_daily_plan_that_was_charged_today_goes_on_tomorrow():
    daily = schedule(DAILY, billed=0)  # the fourth is billed
    came_back = back_on(date(2027, 2, 7), charged=True, told=daily)
    assert came_back.columns["anchor"] == date(2027, 2, 8)
    assert is_in_slot(came_back.columns["next_due_at"], "2027-02-08 10:00")
    assert came_back.records == (DayRecord(date(2027, 2, 5), date(2027, 2, 8), DayKind.NONE, NO_ACCESS),)
    assert back_on(date(2027, 2, 5), told=daily).records == ()


@pytest.mark.parametrize("plan", [WEEKLY, DAILY, MONTHLY, YEARLY])
def test_who_comes_back_when_nothing_can_be_charged_any_more_begins_on_the_next_day(plan):
    told = schedule(plan, billed=-1)
    for at in (time(23, 19, 30), time(23, 20), time(23, 59, 59)):
        came_back = back_on(date(2027, 2, 25), told=told, at=at)
        assert came_back.columns["anchor"] == date(2027, 2, 26)
        assert is_in_slot(came_back.columns["next_due_at"], "2027-02-26 10:00")
        assert came_back.records == (DayRecord(date(2027, 2, 4), date(2027, 2, 26), DayKind.NONE, NO_ACCESS),)
    for at in (time(0, 10), time(23, 18)):
        assert back_on(date(2027, 2, 25), told=told, at=at).columns["anchor"] == date(2027, 2, 25)


def test_without_quiet_hours_only_the_last_minute_of_a_day_is_too_late():
    never = replace(WINDOW, quiet_until=WINDOW.quiet_from)
    begins = [back_on(date(2027, 2, 25), at=at, window=never).columns["anchor"] for at in (time(23, 58), time(23, 59))]
    assert begins == [date(2027, 2, 25), date(2027, 2, 26)]


def test_who_was_charged_today_keeps_the_day_however_late_it_is():
    came_back = back_on(date(2027, 2, 25), charged=True, at=time(23, 30))
    assert came_back.columns["anchor"] == date(2027, 2, 25)


def test_a_period_that_is_bought_today_begins_today():
    columns = bought_on(schedule(YEARLY), date(2027, 5, 20), WINDOW).columns
    assert (columns["anchor"], columns["billed_index"]) == (date(2027, 5, 20), 0)
    assert is_in_slot(columns["next_due_at"], "2028-05-20 10:00")


@given(
    interval=st.builds(Interval, st.sampled_from(IntervalUnit), st.integers(1, 5)),
    days=st.integers(0, 800),
    charged=st.booleans(),
    billed=st.integers(-1, 5),
)
def test_no_day_is_billed_twice_and_no_day_between_is_left_without_a_record(interval, days, charged, billed):
    told = schedule(interval, billed=billed)
    today = told.next_start + timedelta(days=days)
    came_back = back_on(today, charged=charged, told=told)
    start = came_back.columns.get("anchor", told.next_start)
    assert start >= told.next_start
    assert today <= start <= today + timedelta(days=1)
    assert sum((each.end - each.start).days for each in came_back.records) == (start - told.next_start).days


MARCH = Period(date(2027, 3, 1), date(2027, 4, 1))
YEAR = Period(date(2027, 3, 1), date(2028, 3, 1))


def test_grace_ends_the_day_after_the_last_retry_or_with_the_period():
    assert grace_until(MARCH, failed_on=date(2027, 3, 1), ladder_days=14) == date(2027, 3, 16)
    assert grace_until(MARCH, failed_on=date(2027, 3, 20), ladder_days=14) == date(2027, 4, 1)
    put_off = grace_until(MARCH, failed_on=date(2027, 3, 1), ladder_days=14, tried_on=date(2027, 3, 20))
    assert put_off == date(2027, 3, 21)


@pytest.mark.parametrize(
    ("interval", "days", "longer"),
    [
        (WEEKLY, 14, True),
        (DAILY, 14, True),
        (MONTHLY, 14, False),
        (MONTHLY, 28, True),
        (Interval(IntervalUnit.WEEK, 3), 14, False),
        (YEARLY, 60, False),
    ],
)
def test_retries_may_outlast_a_period(interval, days, longer):
    assert outlasts(interval, days) is longer


def test_grace_that_comes_back_counts_the_days_it_was_gone():
    again = given_until(date(2027, 6, 20), before=date(2027, 3, 2), lost_days=3, today=date(2027, 6, 1))
    gone = (DayRecord(date(2027, 3, 2), date(2027, 6, 1), DayKind.NONE, NO_ACCESS),)
    assert again == {"grace_until": date(2027, 6, 20), "lost_days": 3 + 91, "lost_spans": gone}
    longer = given_until(date(2027, 6, 20), before=date(2027, 6, 10), lost_days=3, today=date(2027, 6, 1))
    assert longer == {"grace_until": date(2027, 6, 20), "lost_days": 3}


def test_grace_that_ends_is_not_prolonged_by_ending_it():
    ended = given_until(date(2027, 6, 1), before=date(2027, 3, 2), lost_days=0, today=date(2027, 6, 1))
    assert ended == {"grace_until": date(2027, 3, 2)}
    assert given_until(date(2027, 6, 1), before=None, lost_days=0, today=date(2027, 6, 1)) == {}


@pytest.mark.parametrize(("today", "asked"), [(date(2027, 4, 16), False), (date(2027, 4, 17), True)])
def test_a_debt_with_more_than_31_days_without_access_needs_the_subscriber(today, asked):
    assert needs_confirmation(YEAR, grace_ended_on=date(2027, 3, 16), lost_days=0, today=today) is asked


def test_days_behind_the_period_are_not_days_of_it():
    gone = days_without_access(MARCH, grace_ended_on=date(2027, 3, 16), lost_days=2, today=date(2027, 9, 1))
    assert gone == 2 + 16


def test_a_record_of_days_has_at_least_one():
    with pytest.raises(ValueError, match="ends after it starts"):
        DayRecord(date(2027, 3, 1), date(2027, 3, 1), DayKind.NONE, NO_ACCESS)


MONTH = schedule(MONTHLY, date(2027, 1, 31), 0)
FIRST = Period(date(2027, 2, 28), date(2027, 3, 31))
TODAY = date(2027, 4, 12)
UNTRIED = OpenInvoice(UUID(int=1), FIRST, is_untried=True)
INVOICED = schedule(MONTHLY, date(2027, 1, 31), 1)


def test_what_waits_for_a_decision_is_the_first_period_that_was_not_charged_for():
    assert first_unbilled(MONTH, TODAY, ()) == FIRST
    assert first_unbilled(MONTH, date(2027, 2, 27), ()) is None
    assert first_unbilled(INVOICED, TODAY, [UNTRIED]) == FIRST
    assert first_unbilled(INVOICED, TODAY, [OpenInvoice(UUID(int=1), FIRST, is_untried=False)]) is None


def test_a_release_with_nothing_unbilled_changes_nothing():
    for bill in Bill:
        assert release(MONTH, date(2027, 2, 27), (), bill, WINDOW).columns == {}


def test_a_release_bills_the_running_period_and_forgives_one_that_is_over():
    assert release(MONTH, date(2027, 3, 30), (), Bill.LATEST, WINDOW).columns == {}
    told = release(MONTH, TODAY, (), Bill.LATEST, WINDOW)
    assert (told.columns["anchor"], told.columns["billed_index"], told.issued) == (TODAY, -1, None)
    assert told.records == (
        DayRecord(FIRST.start, FIRST.end, DayKind.FORGIVEN, UnbilledReason.OUTAGE),
        DayRecord(FIRST.end, TODAY, DayKind.NONE, NO_ACCESS),
    )
    invoiced = release(INVOICED, TODAY, [UNTRIED], Bill.LATEST, WINDOW)
    assert (invoiced.columns["anchor"], invoiced.forgiven_invoices) == (TODAY, (UNTRIED.id,))


def test_a_release_on_the_day_after_the_first_unbilled_period_keeps_the_calendar():
    told = release(MONTH, FIRST.end, (), Bill.LATEST, WINDOW)
    assert "anchor" not in told.columns
    assert told.columns["billed_index"] == 1
    assert len(told.records) == 1


def test_a_release_may_bill_the_period_that_gave_access_though_it_is_over():
    told = release(MONTH, TODAY, (), Bill.FIRST, WINDOW)
    assert (told.issued, told.columns["billed_index"]) == (FIRST, 1)
    assert told.records == (DayRecord(FIRST.start, FIRST.end, DayKind.OWED, UnbilledReason.OUTAGE),)
    later = OpenInvoice(UUID(int=2), Period(FIRST.end, date(2027, 4, 30)), is_untried=True)
    kept = release(schedule(MONTHLY, date(2027, 1, 31), 2), TODAY, [later, UNTRIED], Bill.FIRST, WINDOW)
    assert (kept.columns, kept.issued, kept.forgiven_invoices) == ({}, None, (later.id,))


def test_a_release_may_bill_nothing_before_the_next_period():
    told = release(MONTH, TODAY, (), Bill.NONE, WINDOW)
    assert told.columns["billed_index"] == 2
    assert is_in_slot(told.columns["next_due_at"], "2027-04-30 10:00")
    assert [(each.start, each.end, each.kind) for each in told.records] == [
        (FIRST.start, FIRST.end, DayKind.FORGIVEN),
        (FIRST.end, TODAY, DayKind.NONE),
        (TODAY, date(2027, 4, 30), DayKind.FORGIVEN),
    ]
    running = release(MONTH, date(2027, 3, 10), (), Bill.NONE, WINDOW)
    assert [(each.start, each.end, each.kind) for each in running.records] == [
        (FIRST.start, FIRST.end, DayKind.FORGIVEN)
    ]
    assert release(INVOICED, TODAY, [UNTRIED], Bill.NONE, WINDOW).forgiven_invoices == (UNTRIED.id,)
