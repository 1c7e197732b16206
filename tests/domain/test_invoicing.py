"""Which period is billed, and when: a function of the anchor and an index, whatever the sweeps did."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from a_case import is_in_slot, kst
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.invoicing import (
    BillingSchedule,
    CatchUp,
    HoldForDecision,
    Renewal,
    due_at,
    plan_renewal,
    poll_again_at,
)
from billing.domain.quiet_hours import ChargeWindow
from plans.calendar import Interval, IntervalUnit, Period

WINDOW = ChargeWindow()
WHO = UUID(int=11)
MONTHLY = Interval(IntervalUnit.MONTH, 1)


def schedule(billed=0, anchor=date(2027, 1, 31), interval=MONTHLY, zone="Asia/Seoul"):
    return BillingSchedule(WHO, anchor, interval, zone, billed)


def plan(told, now, catch_up=CatchUp.LATEST):
    return plan_renewal(told, now=kst(now) if isinstance(now, str) else now, catch_up=catch_up, window=WINDOW)


def march_to_may():
    return (
        Period(date(2027, 2, 28), date(2027, 3, 31)),
        Period(date(2027, 3, 31), date(2027, 4, 30)),
    )


def test_nothing_is_billed_before_the_next_period_begins_in_the_subscriptions_zone():
    assert plan(schedule(), "2027-02-27 23:59") is None
    assert plan(schedule(), "2027-02-28 00:00") is not None


def test_nothing_is_billed_before_the_anchor():
    assert plan(schedule(billed=-1), "2027-01-30 23:59") is None
    assert plan(schedule(billed=-1), "2027-01-31 00:00").index == 0


def test_a_period_that_was_billed_is_not_billed_again():
    assert plan(schedule(billed=1), "2027-02-28 10:05") is None
    assert plan(schedule(billed=1), "2027-03-30 23:59") is None


@pytest.mark.parametrize("catch_up", CatchUp)
def test_the_next_period_is_billed_on_its_first_day_under_every_policy(catch_up):
    renewal = plan(schedule(), "2027-02-28 10:05", catch_up)
    assert (renewal.index, renewal.missed) == (1, ())
    assert renewal.period == Period(date(2027, 2, 28), date(2027, 3, 31))
    assert is_in_slot(renewal.next_due_at, "2027-03-31 10:00")


def test_after_downtime_the_latest_period_is_billed_and_the_earlier_ones_are_named():
    renewal = plan(schedule(), "2027-05-10 11:00", CatchUp.LATEST)
    assert renewal.index == 3
    assert renewal.period == Period(date(2027, 4, 30), date(2027, 5, 31))
    assert renewal.missed == march_to_may()
    assert is_in_slot(renewal.next_due_at, "2027-05-31 10:00")


def test_after_downtime_all_periods_are_billed_one_by_one_oldest_first():
    renewal = plan(schedule(), "2027-05-10 11:00", CatchUp.ALL)
    assert (renewal.index, renewal.period, renewal.missed) == (1, march_to_may()[0], ())
    assert is_in_slot(renewal.next_due_at, "2027-03-31 10:00")
    assert plan(schedule(billed=1), "2027-05-10 11:00", CatchUp.ALL).index == 2
    assert plan(schedule(billed=2), "2027-05-10 11:00", CatchUp.ALL).index == 3
    assert plan(schedule(billed=3), "2027-05-10 11:00", CatchUp.ALL) is None


def test_after_downtime_a_person_may_decide_and_nothing_is_billed():
    assert plan(schedule(), "2027-05-10 11:00", CatchUp.HOLD) == HoldForDecision(march_to_may())


def test_the_day_counts_in_the_subscriptions_zone_and_not_in_utc():
    new_york = schedule(zone="America/New_York")
    assert plan(new_york, datetime(2027, 2, 28, 4, 59, tzinfo=UTC)) is None
    assert plan(new_york, datetime(2027, 2, 28, 5, 0, tzinfo=UTC)) is not None


@pytest.mark.parametrize(("index", "slot"), [(0, "2027-01-31 10:00"), (1, "2027-02-28 10:00"), (2, "2027-03-31 10:00")])
def test_a_period_is_due_on_its_first_day_when_the_window_opens(index, slot):
    assert is_in_slot(due_at(schedule(), index, WINDOW), slot)


def test_a_window_that_opens_in_the_quiet_hours_opens_after_them():
    at_night = ChargeWindow(opens=time(0, 0), jitter=timedelta(0))
    assert due_at(schedule(), 0, at_night) == kst("2027-01-31 00:40")


# --- any sequence of sweeps -----------------------------------------------------------------------

BEGINS = datetime(2027, 1, 1, tzinfo=UTC)
intervals = st.one_of(
    st.builds(Interval, st.sampled_from([IntervalUnit.MONTH, IntervalUnit.YEAR]), st.integers(1, 13)),
    st.builds(Interval, st.sampled_from([IntervalUnit.DAY, IntervalUnit.WEEK]), st.integers(21, 60)),
)
anchors = st.dates(date(2027, 1, 1), date(2028, 12, 31))
zones = st.sampled_from(["Asia/Seoul", "America/New_York", "Pacific/Apia", "Europe/Berlin"])
sweeps = st.lists(st.integers(0, 10 * 365 * 24), min_size=1, max_size=60).map(
    lambda hours: [BEGINS + timedelta(hours=hour) for hour in sorted(hours)]
)


def lived_through(told, instants, catch_up):
    """Sweep at each instant as the engine does: only what is due, once a sweep; return what was billed."""
    billed, due = [], due_at(told, told.billed_index + 1, WINDOW)
    for now in instants:
        if due > now:
            continue
        renewal = plan(told, now, catch_up)
        assert isinstance(renewal, Renewal), "what is due has begun"
        assert renewal.next_due_at == due_at(told, renewal.index + 1, WINDOW), "no sweep moves the next date"
        billed.append((now, renewal))
        told = BillingSchedule(told.subscription_id, told.anchor, told.interval, told.zone, renewal.index)
        due = renewal.next_due_at
    return billed


def tiles(periods):
    return all(before.end == after.start for before, after in pairwise(periods))


@given(anchor=anchors, interval=intervals, zone=zones, instants=sweeps)
def test_any_sweeps_over_ten_years_bill_each_period_at_most_once_and_name_the_missed_ones(
    anchor, interval, zone, instants
):
    billed = lived_through(schedule(-1, anchor, interval, zone), instants, CatchUp.LATEST)
    indexes = [renewal.index for _, renewal in billed]
    assert indexes == sorted(set(indexes))
    periods = [period for _, renewal in billed for period in (*renewal.missed, renewal.period)]
    assert tiles(periods), "billed and missed periods leave no gap and do not overlap"
    assert not periods or periods[0].start == anchor
    for _, renewal in billed:
        assert len(renewal.missed) == renewal.index - max([i for i in indexes if i < renewal.index], default=-1) - 1


@given(anchor=anchors, interval=intervals, zone=zones, instants=sweeps)
def test_the_latest_policy_bills_the_period_that_contains_today(anchor, interval, zone, instants):
    told = schedule(-1, anchor, interval, zone)
    for now, renewal in lived_through(told, instants, CatchUp.LATEST):
        assert due_at(told, renewal.index, WINDOW) - timedelta(hours=12) < now
        assert now < due_at(told, renewal.index + 1, WINDOW)


@given(anchor=anchors, interval=intervals, zone=zones, instants=sweeps)
def test_the_all_policy_bills_every_period_exactly_once_and_in_order(anchor, interval, zone, instants):
    told = schedule(-1, anchor, interval, zone)
    end = instants[-1]
    begun = 0
    while due_at(told, begun, WINDOW) <= end:
        begun += 1
    patient = [*instants, *[end] * begun]  # the daemon goes on sweeping
    billed = lived_through(told, patient, CatchUp.ALL)
    assert [renewal.index for _, renewal in billed] == list(range(begun))
    assert tiles([renewal.period for _, renewal in billed])
    assert all(renewal.missed == () for _, renewal in billed)


@given(anchor=anchors, interval=intervals, index=st.integers(0, 500), billed=st.integers(-1, 500), zone=zones)
def test_the_next_date_is_a_function_of_anchor_and_index_only(anchor, interval, index, billed, zone):
    assert due_at(schedule(billed, anchor, interval, zone), index, WINDOW) == due_at(
        schedule(-1, anchor, interval, zone), index, WINDOW
    )


def test_a_week_of_looks_at_an_open_payment_is_dense_first_and_never_ends():
    now = kst("2027-03-01 10:00")
    waits = [int((poll_again_at(now, checks) - now).total_seconds()) for checks in range(60)]
    assert waits[:6] == [60, 120, 300, 1800, 7200, 21600]
    assert waits[6:28] == [21600] * 22
    assert waits[28:] == [86400] * 32
