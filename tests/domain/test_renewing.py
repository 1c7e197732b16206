"""Which period is billed, and when: a function of the schedule, what is owed, and today."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from a_case import is_in_slot, kst
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.days.records import DayKind, DayRecord, UnbilledReason
from billing.domain.days.renewing import (
    CatchUp,
    CatchUpPolicy,
    HoldForDecision,
    OpenInvoice,
    Renewal,
    WaitForTheDebt,
    owed_on,
    plan_renewal,
)
from billing.domain.days.schedule import BillingSchedule, due_at
from billing.domain.polling import poll_again_at
from billing.domain.quiet_hours import ChargeWindow
from plans.calendar import Interval, IntervalUnit, Period, billing_day

WINDOW = ChargeWindow()
WHO = UUID(int=11)
MONTHLY = Interval(IntervalUnit.MONTH, 1)
FEBRUARY = Period(date(2027, 1, 31), date(2027, 2, 28))
MARCH = Period(date(2027, 2, 28), date(2027, 3, 31))
APRIL = Period(date(2027, 3, 31), date(2027, 4, 30))
MAY = Period(date(2027, 4, 30), date(2027, 5, 31))
TENTH_OF_MAY = date(2027, 5, 10)


def schedule(billed=0, anchor=date(2027, 1, 31), interval=MONTHLY, zone="Asia/Seoul"):
    return BillingSchedule(WHO, anchor, interval, zone, billed)


def plan(told, today, catch_up=CatchUp.LATEST, owed=(), most=3):
    return plan_renewal(told, today=today, owed=owed, policy=CatchUpPolicy(catch_up, most), window=WINDOW)


def owes(period, *, untried=False, ident=1):
    return OpenInvoice(UUID(int=ident), period, untried)


def outage(start, end, kind=DayKind.FORGIVEN):
    return DayRecord(start, end, kind, UnbilledReason.OUTAGE)


def test_nothing_is_billed_before_the_next_period_begins():
    assert plan(schedule(), date(2027, 2, 27)) is None
    assert plan(schedule(), date(2027, 2, 28)) is not None
    assert plan(schedule(billed=1), date(2027, 3, 30)) is None


def test_nothing_is_billed_before_the_anchor():
    assert plan(schedule(billed=-1), date(2027, 1, 30)) is None
    assert plan(schedule(billed=-1), date(2027, 1, 31)).index == 0


@pytest.mark.parametrize("catch_up", CatchUp)
def test_the_next_period_is_billed_on_its_first_day_under_every_policy(catch_up):
    renewal = plan(schedule(), date(2027, 2, 28), catch_up)
    assert (renewal.index, renewal.period) == (1, MARCH)
    assert (renewal.late, renewal.records, renewal.forgiven_invoices) == ((), (), ())
    assert is_in_slot(renewal.next_due_at, "2027-03-31 10:00")


def test_after_an_outage_the_latest_period_is_billed_and_the_days_before_it_are_forgiven():
    renewal = plan(schedule(), TENTH_OF_MAY)
    assert (renewal.index, renewal.period, renewal.late) == (3, MAY, ())
    assert renewal.records == (outage(MARCH.start, MAY.start),)
    assert is_in_slot(renewal.next_due_at, "2027-05-31 10:00")


@pytest.mark.parametrize(("most", "late"), [(3, (MARCH, APRIL)), (2, (MARCH, APRIL)), (1, (APRIL,))])
def test_after_an_outage_all_bills_the_last_missed_periods_and_forgives_those_before(most, late):
    renewal = plan(schedule(), TENTH_OF_MAY, CatchUp.ALL, most=most)
    assert (renewal.index, renewal.period, renewal.late) == (3, MAY, late)
    forgiven = () if late[0] == MARCH else (outage(MARCH.start, MARCH.end),)
    assert renewal.records == (*forgiven, outage(late[0].start, MAY.start, DayKind.OWED))


@pytest.mark.parametrize("catch_up", [CatchUp.LATEST, CatchUp.ALL])
def test_a_daily_plan_goes_on_at_the_present_day_whatever_the_policy(catch_up):
    daily = schedule(0, interval=Interval(IntervalUnit.DAY, 1))
    renewal = plan(daily, TENTH_OF_MAY, catch_up)
    assert renewal.period == Period(TENTH_OF_MAY, date(2027, 5, 11))
    assert (renewal.late, renewal.records) == ((), (outage(date(2027, 2, 1), TENTH_OF_MAY),))


def test_after_an_outage_a_person_may_decide_and_nothing_is_billed():
    assert plan(schedule(), TENTH_OF_MAY, CatchUp.HOLD) == HoldForDecision((MARCH, APRIL))


@pytest.mark.parametrize("catch_up", CatchUp)
def test_nothing_is_billed_behind_a_period_that_is_still_being_charged_for(catch_up):
    assert plan(schedule(1), date(2027, 3, 30), catch_up, [owes(MARCH)]) is None
    assert plan(schedule(1), date(2027, 3, 31), catch_up, [owes(MARCH)]) == WaitForTheDebt()
    assert plan(schedule(1), TENTH_OF_MAY, catch_up, [owes(MARCH)]) == WaitForTheDebt()


def test_an_older_debt_is_in_nobodys_way_once_a_later_period_was_billed():
    assert isinstance(plan(schedule(2), date(2027, 4, 30), owed=[owes(MARCH)]), Renewal)


def test_an_invoice_that_nobody_ever_tried_to_charge_is_part_of_the_outage():
    untried = owes(MARCH, untried=True)
    latest = plan(schedule(1), date(2027, 4, 2), owed=[untried])
    assert (latest.period, latest.forgiven_invoices) == (APRIL, (untried.id,))
    assert latest.records == (outage(MARCH.start, MARCH.end),)
    all_ = plan(schedule(1), date(2027, 4, 2), CatchUp.ALL, [untried])
    assert (all_.period, all_.forgiven_invoices, all_.late) == (APRIL, (), ())
    assert all_.records == (outage(MARCH.start, MARCH.end, DayKind.OWED),)
    assert plan(schedule(1), date(2027, 4, 2), CatchUp.HOLD, [untried]) == HoldForDecision((MARCH,))


@pytest.mark.parametrize("catch_up", [CatchUp.LATEST, CatchUp.ALL])
def test_what_is_owed_before_the_sweep_is_what_the_sweep_bills(catch_up):
    policy = CatchUpPolicy(catch_up)
    assert owed_on(schedule(), date(2027, 2, 27), policy=policy) is None
    for today in (date(2027, 2, 28), TENTH_OF_MAY):
        assert owed_on(schedule(), today, policy=policy) == plan(schedule(), today, catch_up).period
    assert owed_on(schedule(1), TENTH_OF_MAY, owed=[owes(MARCH)], policy=policy) is None
    assert owed_on(schedule(1), TENTH_OF_MAY, owed=[owes(MARCH, untried=True)], policy=policy) == MAY


@pytest.mark.parametrize("set_aside", [True, False])
def test_what_waits_for_a_decision_owes_the_first_unbilled_period_only(set_aside):
    policy = CatchUpPolicy(CatchUp.LATEST if set_aside else CatchUp.HOLD)
    assert owed_on(schedule(), date(2027, 3, 30), policy=policy, is_set_aside=set_aside) == MARCH
    assert owed_on(schedule(), date(2027, 3, 31), policy=policy, is_set_aside=set_aside) is None


def test_the_day_counts_in_the_subscriptions_zone_and_not_in_utc():
    midnight = datetime(2027, 2, 28, 5, 0, tzinfo=UTC)
    assert billing_day(midnight - timedelta(seconds=1), "America/New_York") == date(2027, 2, 27)
    assert billing_day(midnight, "America/New_York") == date(2027, 2, 28)


@pytest.mark.parametrize(("index", "slot"), [(0, "2027-01-31 10:00"), (1, "2027-02-28 10:00"), (2, "2027-03-31 10:00")])
def test_a_period_is_due_on_its_first_day_when_the_window_opens(index, slot):
    assert is_in_slot(due_at(schedule(), index, WINDOW), slot)


def test_a_window_that_opens_in_the_quiet_hours_opens_after_them():
    at_night = ChargeWindow(opens=time(0, 0), jitter=timedelta(0))
    assert due_at(schedule(), 0, at_night) == kst("2027-01-31 00:40")


# --- any sequence of sweeps -----------------------------------------------------------------------

BEGINS = date(2027, 1, 1)
intervals = st.one_of(
    st.builds(Interval, st.sampled_from([IntervalUnit.MONTH, IntervalUnit.YEAR]), st.integers(1, 13)),
    st.builds(Interval, st.sampled_from([IntervalUnit.DAY, IntervalUnit.WEEK]), st.integers(1, 60)),
)
anchors = st.dates(BEGINS, date(2028, 12, 31))
sweeps = st.lists(st.integers(0, 10 * 365), min_size=1, max_size=60).map(
    lambda days: [BEGINS + timedelta(days=day) for day in sorted(set(days))]
)


def lived_through(told, days, catch_up):
    """Sweep on each day as the engine does, everything being paid at once; return the day and what was billed."""
    billed = []
    for today in days:
        renewal = plan(told, today, catch_up)
        if renewal is None:
            continue
        assert isinstance(renewal, Renewal)
        assert renewal.next_due_at == due_at(told, renewal.index + 1, WINDOW), "no sweep moves the next date"
        billed.append((today, renewal))
        told = BillingSchedule(told.subscription_id, told.anchor, told.interval, told.zone, renewal.index)
    return billed


@given(anchor=anchors, interval=intervals, days=sweeps, catch_up=st.sampled_from([CatchUp.LATEST, CatchUp.ALL]))
def test_any_sweeps_over_ten_years_bill_or_forgive_each_day_exactly_once(anchor, interval, days, catch_up):
    spans = []
    for _, renewal in lived_through(schedule(-1, anchor, interval), days, catch_up):
        forgiven = [(each.start, each.end) for each in renewal.records if each.kind is DayKind.FORGIVEN]
        spans += [*forgiven, *((each.start, each.end) for each in (*renewal.late, renewal.period))]
        assert len(renewal.late) <= 3
    assert all(before[1] == after[0] for before, after in pairwise(spans)), "no gap, and nothing twice"
    assert not spans or spans[0][0] == anchor


@given(anchor=anchors, interval=intervals, days=sweeps, catch_up=st.sampled_from([CatchUp.LATEST, CatchUp.ALL]))
def test_the_present_period_is_billed_last_whatever_was_missed(anchor, interval, days, catch_up):
    for today, renewal in lived_through(schedule(-1, anchor, interval), days, catch_up):
        assert today in renewal.period


@given(anchor=anchors, interval=intervals, index=st.integers(0, 500), billed=st.integers(-1, 500))
def test_the_next_date_is_a_function_of_anchor_and_index_only(anchor, interval, index, billed):
    assert due_at(schedule(billed, anchor, interval), index, WINDOW) == due_at(
        schedule(-1, anchor, interval), index, WINDOW
    )


def test_a_week_of_looks_at_an_open_payment_is_dense_first_and_never_ends():
    now = kst("2027-03-01 10:00")
    waits = [int((poll_again_at(now, checks) - now).total_seconds()) for checks in range(60)]
    assert waits[:6] == [60, 120, 300, 1800, 7200, 21600]
    assert waits[6:28] == [21600] * 22
    assert waits[28:] == [86400] * 32


def test_days_between_two_forgiven_periods_that_are_somebody_elses_are_not_recorded_with_them():
    untried = [owes(FEBRUARY, untried=True, ident=1), owes(APRIL, untried=True, ident=2)]
    told = plan(schedule(billed=2), TENTH_OF_MAY, owed=untried)
    assert told.forgiven_invoices == (UUID(int=1), UUID(int=2))
    assert told.records == (outage(FEBRUARY.start, FEBRUARY.end), outage(APRIL.start, APRIL.end))
