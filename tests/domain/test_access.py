"""Whether a subscriber may use what they subscribed to, on a day, and why."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.access import NO_ACCESS, Access, Standing, Why, access_on
from billing.domain.states import SubscriptionState

PAID_THROUGH = date(2027, 4, 1)
LAST_DAY = PAID_THROUGH - timedelta(days=1)
_S = SubscriptionState


def on(day, state, **more):
    grace = more.pop("grace_days", None)
    return access_on(day, Standing(state, more.pop("paid_through", PAID_THROUGH), **more), grace_days=grace)


@pytest.mark.parametrize("state", _S)
def test_what_was_paid_for_is_kept_to_its_last_day_whatever_became_of_the_subscription(state):
    assert on(LAST_DAY, state) == Access(allowed=True, until=PAID_THROUGH, why=Why.PAID)
    assert on(LAST_DAY, state, in_trial=True).why is Why.TRIAL
    assert on(LAST_DAY, state, ends_on=LAST_DAY, grace_days=0).allowed


@pytest.mark.parametrize("state", [_S.INCOMPLETE, _S.INCOMPLETE_EXPIRED, _S.PAUSED, _S.UNPAID, _S.CANCELED])
@pytest.mark.parametrize("paid_through", [None, PAID_THROUGH])
def test_after_the_paid_days_nothing_is_left_of_a_subscription_that_is_not_running(state, paid_through):
    assert on(PAID_THROUGH, state, paid_through=paid_through, charge_under_way=True) == NO_ACCESS


def test_an_active_subscriber_loses_nothing_while_the_renewal_is_on_its_way():
    assert on(PAID_THROUGH, _S.ACTIVE) == Access(allowed=True, until=None, why=Why.PENDING)
    assert on(PAID_THROUGH, _S.ACTIVE, paid_through=None).allowed


def test_an_active_subscription_that_was_canceled_for_the_end_of_its_period_ends_with_it():
    assert on(PAID_THROUGH, _S.ACTIVE, ends_on=PAID_THROUGH) == NO_ACCESS


@pytest.mark.parametrize("state", [_S.ACTIVE, _S.PAST_DUE])
def test_a_subscription_that_was_canceled_for_a_later_day_loses_nothing_before_it_and_all_on_it(state):
    ends_on = PAID_THROUGH + timedelta(days=3)
    assert on(ends_on - timedelta(days=1), state, ends_on=ends_on).allowed
    assert on(ends_on, state, ends_on=ends_on, charge_under_way=True) == NO_ACCESS
    assert on(PAID_THROUGH, _S.PAST_DUE, ends_on=ends_on, grace_days=14).until == ends_on


@pytest.mark.parametrize(
    ("consented", "ends_on", "allowed"), [(True, None, True), (False, None, False), (True, PAID_THROUGH, False)]
)
def test_a_trial_goes_over_into_a_paid_period_only_with_consent(consented, ends_on, allowed):
    assert on(PAID_THROUGH, _S.TRIALING, in_trial=True, consented=consented, ends_on=ends_on).allowed is allowed


def test_a_failed_renewal_is_forgiven_for_as_long_as_it_is_tried_again():
    assert on(PAID_THROUGH + timedelta(days=400), _S.PAST_DUE) == Access(True, None, Why.GRACE)
    assert on(PAID_THROUGH, _S.PAST_DUE, paid_through=None, grace_days=3).why is Why.GRACE


def test_a_grace_of_three_days_ends_after_three_days():
    until = PAID_THROUGH + timedelta(days=3)
    third = on(until - timedelta(days=1), _S.PAST_DUE, grace_days=3)
    assert (third.allowed, third.until, third.why) == (True, until, Why.GRACE)
    assert on(until, _S.PAST_DUE, grace_days=3) == NO_ACCESS
    assert on(PAID_THROUGH, _S.PAST_DUE, grace_days=0) == NO_ACCESS


def test_a_grace_that_ends_while_a_charge_is_on_its_way_waits_for_its_outcome():
    pending = on(PAID_THROUGH + timedelta(days=3), _S.PAST_DUE, grace_days=3, charge_under_way=True)
    assert (pending.allowed, pending.why) == (True, Why.PENDING)


FORGIVEN_THROUGH = date(2027, 5, 1)


@pytest.mark.parametrize("state", [_S.ACTIVE, _S.PAST_DUE])
def test_a_period_that_is_forgiven_may_be_used_to_its_last_day_while_the_subscription_goes_on(state):
    right = on(PAID_THROUGH, state, forgiven_through=FORGIVEN_THROUGH, grace_days=0)
    assert right == Access(allowed=True, until=FORGIVEN_THROUGH, why=Why.FORGIVEN)
    assert on(LAST_DAY, state, forgiven_through=FORGIVEN_THROUGH).why is Why.PAID
    assert on(FORGIVEN_THROUGH, state, forgiven_through=FORGIVEN_THROUGH).why is not Why.FORGIVEN


def test_a_forgiven_period_ends_with_its_subscription():
    ends_on = PAID_THROUGH + timedelta(days=3)
    assert on(PAID_THROUGH, _S.ACTIVE, forgiven_through=FORGIVEN_THROUGH, ends_on=ends_on).until == ends_on
    assert on(ends_on, _S.ACTIVE, forgiven_through=FORGIVEN_THROUGH, ends_on=ends_on) == NO_ACCESS


@pytest.mark.parametrize("state", [each for each in _S if each not in (_S.ACTIVE, _S.PAST_DUE)])
def test_what_was_voided_with_its_subscription_was_not_forgiven(state):
    assert on(PAID_THROUGH, state, forgiven_through=FORGIVEN_THROUGH) == NO_ACCESS


def test_the_grace_is_counted_from_what_was_forgiven_if_that_is_later():
    third = on(FORGIVEN_THROUGH, _S.PAST_DUE, forgiven_through=FORGIVEN_THROUGH, grace_days=3)
    assert third == Access(allowed=True, until=FORGIVEN_THROUGH + timedelta(days=3), why=Why.GRACE)


@given(
    state=st.sampled_from(_S),
    paid_through=st.one_of(st.none(), st.dates(date(2027, 1, 1), date(2027, 12, 31))),
    today=st.dates(date(2027, 1, 1), date(2027, 12, 31)),
    flags=st.fixed_dictionaries({name: st.booleans() for name in ("in_trial", "consented", "charge_under_way")}),
    ends_on=st.one_of(st.none(), st.dates(date(2027, 1, 1), date(2027, 12, 31))),
    forgiven=st.one_of(st.none(), st.dates(date(2027, 1, 1), date(2027, 12, 31))),
    grace_days=st.one_of(st.none(), st.integers(0, 60)),
)
def test_a_right_once_lost_does_not_come_back_by_waiting_and_a_named_day_is_kept(
    state, paid_through, today, flags, ends_on, forgiven, grace_days
):
    standing = Standing(state, paid_through, ends_on=ends_on, forgiven_through=forgiven, **flags)
    right = access_on(today, standing, grace_days=grace_days)
    tomorrow = access_on(today + timedelta(days=1), standing, grace_days=grace_days)
    assert right.allowed or not tomorrow.allowed
    assert right.allowed is (right.why is not Why.NONE)
    if right.until is not None:
        assert right.until > today
        assert access_on(right.until - timedelta(days=1), standing, grace_days=grace_days).allowed


def test_a_trial_that_nobody_said_anything_more_of_ends_with_its_last_day():
    standing = Standing(SubscriptionState.TRIALING, date(2027, 3, 1))
    assert access_on(date(2027, 3, 1), standing) == NO_ACCESS
