from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.calendar import Interval, IntervalUnit, nth_period
from plans.catalog import Price
from plans.money import AmountError, Money
from plans.pricing import QuantityError, price_of_period

MONTHLY = Interval(IntervalUnit.MONTH, 1)
PERIOD = nth_period(date(2027, 1, 31), MONTHLY, 0)


@given(st.integers(0, 2_000_000), st.integers(1, 10_000), st.integers(0, 100))
def test_a_period_costs_amount_times_quantity_however_long_it_is(amount, quantity, index):
    period = nth_period(date(2027, 1, 31), MONTHLY, index)
    price = Price(Money(amount, "KRW"), MONTHLY)
    assert price_of_period(price, quantity, period) == Money(amount * quantity, "KRW")


def test_the_currency_of_the_price_is_kept():
    assert price_of_period(Price(Money(1050, "SGD"), MONTHLY), 3, PERIOD) == Money(3150, "SGD")


@pytest.mark.parametrize("quantity", [0, -1, 10_001, 10**30, True, 1.0, 1.5, "1", None, float("nan")])
def test_a_quantity_within_bounds_is_wanted(quantity):
    with pytest.raises(QuantityError, match="within 1 and 10,000"):
        price_of_period(Price(Money(9900, "KRW"), MONTHLY), quantity, PERIOD)


def test_a_product_beyond_the_bounds_of_money_is_refused():
    price = Price(Money(10**8 + 1, "KRW"), MONTHLY)
    assert price_of_period(price, 9_999, PERIOD).minor < 10**12
    with pytest.raises(AmountError):
        price_of_period(price, 10_000, PERIOD)
