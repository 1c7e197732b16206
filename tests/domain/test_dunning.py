"""The plan of retries: which day, which hour, how often, and when it is over."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest
from a_case import KST, NOW, SUBSCRIPTION, a_case, carry_out, declined, is_in_slot, kst
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.cases import Policy
from billing.domain.decline_classes import DeclineClass
from billing.domain.dunning import (
    AskTheSubscriber,
    DunningPolicy,
    Failures,
    GiveUp,
    HoldForPerson,
    RetryAt,
    next_step,
)
from billing.domain.quiet_hours import ChargeWindow, outside_quiet_hours
from billing.domain.settlement import settle
from billing.domain.states import ChargeState, InvoiceState, SubscriptionState

POLICY = DunningPolicy()
FIRST = date(2027, 3, 1)
HARD = (DeclineClass.AGREEMENT_GONE, DeclineClass.AGREEMENT_SUSPECT, DeclineClass.STOP)
NOBODYS_FAULT = (DeclineClass.TECHNICAL, DeclineClass.SET_UP)
COUNTED = (DeclineClass.RETRY_LATER, DeclineClass.LIMIT_DAY, DeclineClass.LIMIT_MONTH)


def step(decline, counted=1, technical=0, *, now=NOW, first=FIRST, zone="Asia/Seoul", who=SUBSCRIPTION, policy=POLICY):
    failures = Failures(counted, technical, first)
    return next_step(decline, failures, now=now, zone=zone, spread_by=who, policy=policy)


@pytest.mark.parametrize("failure", [1, 2])
def test_a_decline_without_a_reason_follows_the_ladder_at_first(failure):
    assert step(DeclineClass.UNKNOWN, failure) == step(DeclineClass.RETRY_LATER, failure)


@pytest.mark.parametrize("failure", [3, 4, 5, 6])
def test_after_three_failures_one_without_a_reason_is_for_the_subscriber_to_mend(failure):
    assert step(DeclineClass.UNKNOWN, failure) == AskTheSubscriber()


def after_retry(told):
    """Return a case that is being charged again, as the engine would after its retry came due."""
    return replace(told, charge_state=ChargeState.PENDING)


@pytest.mark.parametrize(
    ("failure", "failed_at", "slot"),
    [
        (1, "2027-03-01 10:05", "2027-03-02 10:00"),
        (2, "2027-03-02 10:05", "2027-03-04 17:00"),
        (3, "2027-03-04 17:05", "2027-03-06 10:00"),
        (4, "2027-03-06 10:05", "2027-03-11 17:00"),
        (5, "2027-03-11 17:05", "2027-03-15 10:00"),
    ],
)
def test_retries_follow_on_days_1_3_5_10_and_14_after_the_first_failure_at_10_and_17_in_turn(failure, failed_at, slot):
    retry = step(DeclineClass.RETRY_LATER, failure, now=kst(failed_at))
    assert isinstance(retry, RetryAt)
    assert retry.counted
    assert is_in_slot(retry.at, slot)


def test_there_are_exactly_five_retries_and_the_sixth_failure_gives_up():
    case, attempts = a_case(charge_state=ChargeState.PENDING), [kst("2027-03-01 10:05")]
    while True:
        decision = settle(case, declined(), now=attempts[-1] + timedelta(minutes=2), policy=Policy())
        case = after_retry(carry_out(case, decision))
        if decision.invoice["next_attempt_at"] is None:
            break
        attempts.append(decision.invoice["next_attempt_at"])
    assert [at.astimezone(KST).strftime("%m-%d %H") for at in attempts] == [
        "03-01 10",
        "03-02 10",
        "03-04 17",
        "03-06 10",
        "03-11 17",
        "03-15 10",
    ]
    assert case.failures == 6
    assert case.subscription_state is SubscriptionState.CANCELED
    assert case.invoice_state is InvoiceState.UNCOLLECTIBLE


@pytest.mark.parametrize("decline", COUNTED)
def test_no_counted_failure_beyond_the_ladder_plans_a_retry(decline):
    assert isinstance(step(decline, 5), RetryAt)
    assert step(decline, 6) == GiveUp()
    assert step(decline, 7) == GiveUp()


@given(
    delays=st.lists(st.integers(0, 40 * 24 * 60), min_size=6, max_size=6),
    answered=st.lists(st.integers(0, 3 * 24 * 60), min_size=6, max_size=6),
    who=st.uuids(),
    begins=st.integers(0, 1439),
)
def test_a_ladder_interrupted_by_downtime_never_tries_twice_on_one_day(delays, answered, who, begins):
    now = outside_quiet_hours(kst("2027-03-01 00:00") + timedelta(minutes=begins), POLICY.window)
    first, days = None, []
    for failure, (down, late) in enumerate(zip(delays, answered, strict=True), start=1):
        days.append(now.astimezone(KST).date())
        told_at = now + timedelta(minutes=late)
        first = first or told_at.astimezone(KST).date()
        retry = step(DeclineClass.RETRY_LATER, failure, now=told_at, first=first, who=who)
        if failure == 6:
            assert retry == GiveUp()
            break
        now = outside_quiet_hours(retry.at + timedelta(minutes=down), POLICY.window)
    assert days == sorted(set(days))


@given(
    decline=st.sampled_from(COUNTED),
    failure=st.integers(1, 5),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    failed_for=st.integers(0, 60),
    who=st.uuids(),
    zone=st.sampled_from(["Asia/Seoul", "America/New_York", "Pacific/Kiritimati", "Europe/Berlin"]),
)
def test_a_counted_retry_is_always_on_a_later_day_outside_the_quiet_hours(decline, failure, now, failed_for, who, zone):
    first = now.astimezone(UTC).date() - timedelta(days=failed_for)
    retry = step(decline, failure, now=now, first=first, who=who, zone=zone)
    assert retry == step(decline, failure, now=now, first=first, who=who, zone=zone), "the same every time"
    assert retry.at > now
    assert outside_quiet_hours(retry.at, POLICY.window) == retry.at
    spread = {step(decline, failure, now=now, first=first, who=UUID(int=n), zone=zone).at for n in range(50)}
    # Half an hour, and the quiet hours of the wallets where they come into it.
    assert max(spread) - min(spread) < timedelta(minutes=30 + 80)
    assert len(spread) > 1


def test_a_step_whose_day_has_passed_moves_to_the_next_day_at_its_own_hour():
    assert is_in_slot(step(DeclineClass.RETRY_LATER, 2, now=kst("2027-03-20 09:00")).at, "2027-03-21 17:00")
    assert is_in_slot(step(DeclineClass.RETRY_LATER, 3, now=kst("2027-03-06 09:59")).at, "2027-03-07 10:00")


def test_a_decline_told_after_midnight_counts_for_the_day_it_is_told():
    assert is_in_slot(step(DeclineClass.RETRY_LATER, 1, now=kst("2027-03-02 00:10")).at, "2027-03-03 10:00")


@pytest.mark.parametrize("failure", [1, 3, 5])
def test_a_daily_limit_is_tried_again_on_the_next_day(failure):
    assert is_in_slot(step(DeclineClass.LIMIT_DAY, failure, now=kst("2027-03-11 17:05")).at, "2027-03-12 10:00")


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        ("2027-03-01 10:05", "2027-04-01 10:00"),
        ("2027-03-31 23:59", "2027-04-01 10:00"),
        ("2027-12-15 10:05", "2028-01-01 10:00"),
        ("2028-01-31 10:05", "2028-02-01 10:00"),
        ("2028-02-01 10:05", "2028-03-01 10:00"),
    ],
)
def test_a_monthly_limit_is_tried_again_on_the_first_of_next_month(now, slot):
    assert is_in_slot(step(DeclineClass.LIMIT_MONTH, now=kst(now)).at, slot)


@pytest.mark.parametrize("decline", HARD)
@pytest.mark.parametrize("failure", [1, 5, 9])
def test_what_no_retry_can_help_is_for_the_subscriber(decline, failure):
    assert step(decline, failure) == AskTheSubscriber()


@pytest.mark.parametrize(
    ("technical", "minutes"), [(1, 10), (2, 30), (3, 120), (4, 360), (5, 360), (39, 360), (40, 360)]
)
@pytest.mark.parametrize("decline", NOBODYS_FAULT)
def test_what_is_nobodys_fault_is_tried_again_soon_and_not_counted(decline, technical, minutes):
    retry = step(decline, 0, technical)
    assert retry == RetryAt(NOW + timedelta(minutes=minutes), counted=False)


@pytest.mark.parametrize("decline", NOBODYS_FAULT)
def test_what_is_nobodys_fault_41_times_is_for_a_person(decline):
    assert step(decline, 0, 41) == HoldForPerson("41 technical failures in a row")


@pytest.mark.parametrize("decline", NOBODYS_FAULT)
def test_a_technical_retry_waits_for_the_end_of_the_quiet_hours(decline):
    assert step(decline, 0, 1, now=kst("2027-03-01 23:15")).at == kst("2027-03-02 00:40")
    assert step(decline, 0, 1, now=kst("2027-03-01 23:05")).at == kst("2027-03-01 23:15")


def test_a_step_late_in_the_evening_is_tried_before_the_quiet_hours_of_its_day():
    late = DunningPolicy(ladder=((1, time(23, 30)),))
    at = step(DeclineClass.RETRY_LATER, policy=late).at
    assert kst("2027-03-02 22:49") <= at < kst("2027-03-02 23:20")


def test_a_policy_of_ones_own_is_followed_step_by_step():
    daily = DunningPolicy(
        ladder=tuple((day, time(9)) for day in (1, 2)),
        technical_delays=(timedelta(minutes=1),),
        technical_tries=1,
        window=ChargeWindow(opens=time(8), jitter=timedelta(0)),
    )
    assert step(DeclineClass.RETRY_LATER, 1, policy=daily) == RetryAt(kst("2027-03-02 09:00"), counted=True)
    assert step(DeclineClass.RETRY_LATER, 2, policy=daily) == RetryAt(kst("2027-03-03 09:00"), counted=True)
    assert step(DeclineClass.RETRY_LATER, 3, policy=daily) == GiveUp()
    assert step(DeclineClass.LIMIT_DAY, 1, policy=daily) == RetryAt(kst("2027-03-02 08:00"), counted=True)
    assert step(DeclineClass.TECHNICAL, 0, 1, policy=daily) == RetryAt(NOW + timedelta(minutes=1), counted=False)
    assert step(DeclineClass.TECHNICAL, 0, 2, policy=daily) == HoldForPerson("2 technical failures in a row")


def test_a_plan_of_retries_says_how_many_days_it_lasts():
    assert DunningPolicy().days == 14
    assert DunningPolicy(ladder=((2, time(10)), (6, time(17)))).days == 6
