"""Whether a subscriber may use what they subscribed to, on a day, and why."""

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.access import DAY_KINDS, NO_ACCESS, Access, Debt, Standing, Why, access_on
from billing.domain.days.records import DayKind
from billing.domain.days.renewing import CatchUp, CatchUpPolicy, OpenInvoice
from billing.domain.days.schedule import BillingSchedule
from billing.domain.states import SubscriptionState
from plans.calendar import Interval, IntervalUnit, Period

PAID_THROUGH = date(2027, 4, 1)
LAST_DAY = PAID_THROUGH - timedelta(days=1)
APRIL = Period(PAID_THROUGH, date(2027, 5, 1))
BOUND = date(2027, 4, 16)
_S = SubscriptionState


def owed(grace_until=BOUND, charged_on=None, period=APRIL, *, untried=False):
    return Debt(OpenInvoice(UUID(int=period.start.toordinal()), period, untried), grace_until, charged_on)


TRIED = owed()
SCHEDULE = BillingSchedule(UUID(int=1), date(2027, 3, 1), Interval(IntervalUnit.MONTH, 1), "Asia/Seoul", 0)
INVOICED = replace(SCHEDULE, billed_index=1)


def on(day, state, **more):
    grace, policy = more.pop("grace_days", None), CatchUpPolicy(more.pop("catch_up", CatchUp.LATEST))
    debts = more.get("debts", ())
    more.setdefault("schedule", INVOICED if debts else SCHEDULE)
    standing = Standing(state, more.pop("paid_through", PAID_THROUGH), **more)
    return access_on(day, standing, policy=policy, grace_days=grace)


def after(days):
    return PAID_THROUGH + timedelta(days=days)


@pytest.mark.parametrize("state", _S)
def test_what_was_paid_for_is_kept_to_its_last_day_whatever_became_of_the_subscription(state):
    assert on(LAST_DAY, state) == Access(allowed=True, until=PAID_THROUGH, why=Why.PAID)
    assert on(LAST_DAY, state, in_trial=True).why is Why.TRIAL
    assert on(LAST_DAY, state, ends_on=LAST_DAY, grace_days=0).allowed


@pytest.mark.parametrize("state", [_S.INCOMPLETE, _S.INCOMPLETE_EXPIRED, _S.PAUSED, _S.UNPAID, _S.CANCELED])
@pytest.mark.parametrize("paid_through", [None, PAID_THROUGH])
@pytest.mark.parametrize("debts", [(), (owed(charged_on=PAID_THROUGH),)])
def test_after_the_paid_days_nothing_is_left_of_a_subscription_that_is_not_running(state, paid_through, debts):
    assert on(PAID_THROUGH, state, paid_through=paid_through, debts=debts) == NO_ACCESS


@pytest.mark.parametrize(
    "debts",
    [
        (),  # parked, on a paused plan, or not invoiced yet
        (owed(APRIL.end, untried=True),),
        (owed(APRIL.end),),  # it fails technically, again and again
        (owed(APRIL.end, charged_on=PAID_THROUGH),),
    ],
)
@pytest.mark.parametrize("parked", [True, False])
def test_a_renewal_without_an_outcome_takes_nothing_away_before_its_period_is_over(debts, parked):
    assert on(PAID_THROUGH, _S.ACTIVE, debts=debts, is_parked=parked) == Access(True, APRIL.end, Why.PENDING)
    assert on(APRIL.end - timedelta(days=1), _S.ACTIVE, debts=debts, is_parked=parked).allowed


@pytest.mark.parametrize("debts", [(owed(APRIL.end),), (owed(APRIL.end, charged_on=date(2027, 4, 30)),)])
def test_nobody_gets_a_period_more_while_one_is_owed(debts):
    assert on(APRIL.end, _S.ACTIVE, debts=debts) == NO_ACCESS
    assert on(APRIL.end, _S.PAST_DUE, debts=debts) == NO_ACCESS


@pytest.mark.parametrize("debts", [(), (owed(APRIL.end, untried=True),)])
def test_what_an_outage_left_unbilled_goes_on_with_the_period_that_the_next_sweep_bills(debts):
    may = Access(True, date(2027, 6, 1), Why.PENDING)
    assert on(date(2027, 5, 20), _S.ACTIVE, debts=debts) == may
    assert on(date(2027, 5, 20), _S.ACTIVE, debts=debts, catch_up=CatchUp.ALL) == may


@pytest.mark.parametrize("debts", [(), (owed(APRIL.end, untried=True),)])
def test_what_waits_for_a_persons_decision_ends_with_the_first_unbilled_period(debts):
    for more in ({"catch_up": CatchUp.HOLD}, {"is_parked": True}):
        assert on(date(2027, 4, 30), _S.ACTIVE, debts=debts, **more).until == APRIL.end
        assert on(APRIL.end, _S.ACTIVE, debts=debts, **more) == NO_ACCESS


def test_a_grace_shortens_the_wait_for_a_renewal_without_an_outcome_but_leaves_it_its_day():
    assert on(PAID_THROUGH, _S.ACTIVE, grace_days=0) == Access(allowed=True, until=after(1), why=Why.PENDING)
    assert on(after(1), _S.ACTIVE, grace_days=0) == NO_ACCESS
    assert on(after(2), _S.ACTIVE, grace_days=3).until == after(3)
    assert on(PAID_THROUGH, _S.ACTIVE, grace_days=60).until == APRIL.end


def test_an_active_subscription_that_was_canceled_for_the_end_of_its_period_ends_with_it():
    assert on(PAID_THROUGH, _S.ACTIVE, ends_on=PAID_THROUGH) == NO_ACCESS


@pytest.mark.parametrize("state", [_S.ACTIVE, _S.PAST_DUE])
def test_a_subscription_that_was_canceled_for_a_later_day_loses_nothing_before_it_and_all_on_it(state):
    ends_on = PAID_THROUGH + timedelta(days=3)
    charged = owed(charged_on=after(2))
    assert on(ends_on - timedelta(days=1), state, ends_on=ends_on, debts=[TRIED]).allowed
    assert on(ends_on, state, ends_on=ends_on, debts=[charged]) == NO_ACCESS
    assert on(PAID_THROUGH, _S.PAST_DUE, ends_on=ends_on, grace_days=14, debts=[TRIED]).until == ends_on


@pytest.mark.parametrize(
    ("consented", "ends_on", "allowed"), [(True, None, True), (False, None, False), (True, PAID_THROUGH, False)]
)
def test_a_trial_goes_over_into_a_paid_period_only_with_consent(consented, ends_on, allowed):
    assert on(PAID_THROUGH, _S.TRIALING, in_trial=True, consented=consented, ends_on=ends_on).allowed is allowed


def test_a_failed_renewal_has_a_grace_to_the_day_of_its_last_retry():
    assert on(PAID_THROUGH, _S.PAST_DUE, debts=[TRIED]) == Access(True, BOUND, Why.GRACE)
    assert on(BOUND - timedelta(days=1), _S.PAST_DUE, debts=[TRIED]).allowed
    assert on(BOUND, _S.PAST_DUE, debts=[TRIED]) == NO_ACCESS


@pytest.mark.parametrize("debts", [(), (owed(PAID_THROUGH),)])
def test_the_grace_is_over_when_nothing_is_tried_any_more(debts):
    assert on(PAID_THROUGH, _S.PAST_DUE, debts=debts) == NO_ACCESS


def test_of_several_debts_the_one_that_gives_access_longest_counts():
    assert on(PAID_THROUGH, _S.PAST_DUE, debts=[TRIED, owed(after(18)), TRIED]).until == after(18)


def test_a_grace_of_three_days_ends_after_three_days():
    until = PAID_THROUGH + timedelta(days=3)
    third = on(until - timedelta(days=1), _S.PAST_DUE, grace_days=3, debts=[TRIED])
    assert (third.allowed, third.until, third.why) == (True, until, Why.GRACE)
    assert on(until, _S.PAST_DUE, grace_days=3, debts=[TRIED]) == NO_ACCESS
    assert on(PAID_THROUGH, _S.PAST_DUE, grace_days=0, debts=[TRIED]) == NO_ACCESS
    assert on(PAID_THROUGH, _S.PAST_DUE, grace_days=60, debts=[TRIED]).until == BOUND


@pytest.mark.parametrize("grace_days", [None, 0, 3])
def test_a_grace_that_ends_while_a_charge_is_on_its_way_waits_for_its_outcome_one_day_more(grace_days):
    last_retry = owed(charged_on=after(20))
    pending = on(after(20), _S.PAST_DUE, grace_days=grace_days, debts=[last_retry])
    assert pending == Access(True, after(22), Why.PENDING)
    assert on(after(22), _S.PAST_DUE, grace_days=grace_days, debts=[last_retry]) == NO_ACCESS


def test_a_retry_under_way_ends_no_grace_before_its_day():
    assert on(after(1), _S.PAST_DUE, debts=[owed(charged_on=after(1))]) == Access(True, BOUND, Why.GRACE)


def test_every_reason_is_one_kind_of_day():
    assert set(DAY_KINDS) == set(Why)
    assert set(DAY_KINDS.values()) == set(DayKind)


FORGIVEN_THROUGH = date(2027, 5, 1)


@pytest.mark.parametrize("state", [_S.ACTIVE, _S.PAST_DUE, _S.PAUSED])
def test_a_period_that_is_forgiven_may_be_used_to_its_last_day_while_the_subscription_goes_on(state):
    right = on(PAID_THROUGH, state, forgiven_through=FORGIVEN_THROUGH, grace_days=0)
    assert right == Access(allowed=True, until=FORGIVEN_THROUGH, why=Why.FORGIVEN)
    assert on(LAST_DAY, state, forgiven_through=FORGIVEN_THROUGH).why is Why.PAID
    assert on(FORGIVEN_THROUGH, state, forgiven_through=FORGIVEN_THROUGH).why is not Why.FORGIVEN


def test_a_forgiven_period_ends_with_its_subscription():
    ends_on = PAID_THROUGH + timedelta(days=3)
    assert on(PAID_THROUGH, _S.ACTIVE, forgiven_through=FORGIVEN_THROUGH, ends_on=ends_on).until == ends_on
    assert on(ends_on, _S.ACTIVE, forgiven_through=FORGIVEN_THROUGH, ends_on=ends_on) == NO_ACCESS


@pytest.mark.parametrize("state", [each for each in _S if each not in (_S.ACTIVE, _S.PAST_DUE, _S.PAUSED)])
def test_what_was_voided_with_its_subscription_was_not_forgiven(state):
    assert on(PAID_THROUGH, state, forgiven_through=FORGIVEN_THROUGH) == NO_ACCESS


DAYS = st.dates(date(2027, 1, 1), date(2027, 12, 31))


@st.composite
def some_debts(draw):
    """Return open invoices for the last periods of a schedule, and the schedule."""
    number = draw(st.integers(0, 3))
    billed = draw(st.integers(number - 1, 8))
    schedule = replace(SCHEDULE, billed_index=billed)
    debts = []
    for index in range(billed - number + 1, billed + 1):
        period = schedule.period(index)
        grace = draw(st.dates(period.start, period.end))
        charged = draw(st.none() | DAYS)
        debts.append(owed(grace, charged, period, untried=charged is None and draw(st.booleans())))
    return debts, schedule


@given(
    state=st.sampled_from(_S),
    paid_through=st.one_of(st.none(), st.dates(date(2027, 1, 1), date(2027, 12, 31))),
    today=st.dates(date(2027, 1, 1), date(2027, 12, 31)),
    flags=st.fixed_dictionaries({name: st.booleans() for name in ("in_trial", "consented")}),
    ends_on=st.one_of(st.none(), st.dates(date(2027, 1, 1), date(2027, 12, 31))),
    forgiven=st.one_of(st.none(), st.dates(date(2027, 1, 1), date(2027, 12, 31))),
    grace_days=st.one_of(st.none(), st.integers(0, 60)),
    owing=some_debts(),
    parked=st.booleans(),
    catch_up=st.sampled_from(CatchUp),
)
def test_every_right_has_a_reason_and_a_last_day_that_is_kept(
    state, paid_through, today, flags, ends_on, forgiven, grace_days, owing, parked, catch_up
):
    debts, schedule = owing
    standing = Standing(
        state,
        paid_through,
        ends_on=ends_on,
        forgiven_through=forgiven,
        debts=debts,
        schedule=schedule,
        is_parked=parked,
        **flags,
    )

    def on_day(day):
        return access_on(day, standing, policy=CatchUpPolicy(catch_up), grace_days=grace_days)

    right = on_day(today)
    assert right.allowed is (right.why is not Why.NONE)
    assert right.allowed is (right.until is not None)  # nobody is let in for ever
    if right.until is not None:
        assert right.until > today
        assert on_day(right.until - timedelta(days=1)).allowed


def test_a_trial_that_nobody_said_anything_more_of_ends_with_its_last_day():
    standing = Standing(SubscriptionState.TRIALING, date(2027, 3, 1))
    assert access_on(date(2027, 3, 1), standing) == NO_ACCESS


EXAMPLE = (
    (LAST_DAY, _S.ACTIVE, PAID_THROUGH, ()),
    (PAID_THROUGH, _S.ACTIVE, PAID_THROUGH, ()),
    (PAID_THROUGH, _S.PAST_DUE, PAID_THROUGH, (TRIED,)),
    (date(2027, 4, 4), _S.PAST_DUE, PAID_THROUGH, (TRIED,)),
    (date(2027, 4, 16), _S.UNPAID, PAID_THROUGH, (TRIED,)),
    (date(2027, 4, 6), _S.ACTIVE, date(2027, 5, 1), ()),
)


def as_the_page_writes_it(access):
    return f"`{access.why}`" + (f" until {access.until.day} {access.until:%B}" if access.until else "")


def test_the_example_of_the_page_of_concepts_is_what_is_decided():
    page = (Path(__file__).resolve().parents[2] / "docs" / "concepts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+ \w+).*? \| (`.+?) \| (`.+?) \|$", page, re.MULTILINE)
    decided = [
        (
            f"{day.day} {day:%B}",
            as_the_page_writes_it(on(day, state, paid_through=paid_through, debts=debts)),
            as_the_page_writes_it(on(day, state, paid_through=paid_through, debts=debts, grace_days=3)),
        )
        for day, state, paid_through, debts in EXAMPLE
    ]
    assert rows == decided


def test_of_a_subscription_to_which_no_period_is_to_come_nothing_is_owed():
    assert on(PAID_THROUGH, _S.ACTIVE, schedule=None) == NO_ACCESS
    assert on(PAID_THROUGH, _S.ACTIVE).allowed
