"""What a look-up by reference proves."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.charging import GatewayPayment, PaymentStatus
from billing.domain.finding import Absent, Chosen, LookAgain, choose, read_look_up

NOW = datetime(2027, 3, 1, 1, 0, tzinfo=UTC)
SPACING = timedelta(minutes=10)


def payment(identity, status=PaymentStatus.OPEN, minutes=0):
    requested = None if minutes is None else NOW + timedelta(minutes=minutes)
    return GatewayPayment(identity, status, status.value, requested_on=requested)


def look(*payments, absent=0, last=None):
    return read_look_up(payments, absent_looks=absent, last_absent_at=last, now=NOW, spacing=SPACING)


def test_absent_for_the_first_time_proves_nothing():
    assert look() == LookAgain(NOW + SPACING)


@pytest.mark.parametrize("since", [timedelta(0), timedelta(minutes=1), SPACING - timedelta(microseconds=1)])
def test_absent_twice_but_too_close_together_proves_nothing(since):
    assert look(absent=1, last=NOW - since) == LookAgain(NOW + SPACING)
    assert look(absent=9, last=NOW - since) == LookAgain(NOW + SPACING)


@pytest.mark.parametrize("since", [SPACING, timedelta(days=3)])
def test_absent_twice_and_far_enough_apart_is_absent(since):
    assert look(absent=1, last=NOW - since) == Absent()


def test_a_count_without_its_instant_or_an_instant_without_its_count_proves_nothing():
    assert look(absent=5, last=None) == LookAgain(NOW + SPACING)
    assert look(absent=0, last=NOW - timedelta(days=1)) == LookAgain(NOW + SPACING)


def test_a_clock_that_went_back_proves_nothing():
    assert look(absent=1, last=NOW + timedelta(hours=1)) == LookAgain(NOW + SPACING)


def test_one_payment_is_the_one_that_counts_however_often_it_was_absent():
    one = payment("pay_1", PaymentStatus.DECLINED)
    assert look(one, absent=3, last=NOW - timedelta(days=1)) == Chosen(one, ())


def test_a_captured_payment_counts_before_an_open_one_and_an_open_one_before_a_closed_one():
    counts = ("open", "captured", "unclear")
    closed = [payment(status.value, status, -9) for status in PaymentStatus if status.value not in counts]
    opened, captured = payment("open", PaymentStatus.OPEN, -5), payment("captured", PaymentStatus.CAPTURED, 0)
    assert choose((*closed, opened, captured)).payment is captured
    assert choose((*closed, opened)).payment is opened
    assert len(choose((*closed, opened, captured)).others) == len(closed) + 1


def test_a_payment_that_took_an_unclear_amount_counts_before_an_open_one_and_after_a_captured_one():
    opened, unclear = payment("open", PaymentStatus.OPEN, -5), payment("unclear", PaymentStatus.UNCLEAR, 0)
    captured = payment("captured", PaymentStatus.CAPTURED, 1)
    assert choose((opened, unclear)).payment is unclear
    assert choose((unclear, captured)).payment is captured


def test_of_two_payments_of_a_kind_the_earlier_one_counts_and_one_without_an_instant_comes_last():
    early, late, untold = payment("z", minutes=-2), payment("a", minutes=-1), payment("0", minutes=None)
    assert choose((untold, late, early)) == Chosen(early, (late, untold))


@given(
    st.lists(
        st.tuples(st.sampled_from(PaymentStatus), st.one_of(st.none(), st.integers(-5, 5))), min_size=1, max_size=6
    ),
    st.randoms(use_true_random=False),
)
def test_the_choice_does_not_depend_on_the_order_of_the_list_and_loses_no_payment(told, dice):
    payments = [payment(f"pay_{number}", status, minutes) for number, (status, minutes) in enumerate(told)]
    chosen = choose(tuple(payments))
    assert sorted([chosen.payment.id, *(other.id for other in chosen.others)]) == sorted(p.id for p in payments)
    shuffled = payments[:]
    dice.shuffle(shuffled)
    assert choose(tuple(shuffled)) == chosen
