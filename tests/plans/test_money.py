import copy
import operator
import pickle
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.money import (
    EXPONENTS,
    AmountError,
    CurrencyMismatch,
    Money,
    MoneyError,
    UnknownCurrencyError,
    divide_half_up,
    vat_included,
)

minors = st.integers(-(10**11), 10**11)
weight_lists = st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any)


def won(minor):
    return Money(minor, "KRW")


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (9900, "KRW", "₩9,900"),
        (0, "KRW", "₩0"),
        (-9900, "KRW", "-₩9,900"),
        (2_000_000, "KRW", "₩2,000,000"),
        (8800, "HKD", "HK$88.00"),
        (1050, "SGD", "S$10.50"),
        (5, "SGD", "S$0.05"),
        (-5, "SGD", "-S$0.05"),
        (123456, "USD", "US$1,234.56"),
        (1, "JPY", "¥1"),
        (100, "AUD", "A$1.00"),
        (100, "CNY", "CN¥1.00"),
        (100, "EUR", "€1.00"),
        (100, "GBP", "£1.00"),
        (12345, "KWD", "KWD 12.345"),
        (-12345, "CHF", "-CHF 123.45"),
    ],
)
def test_an_amount_is_shown_with_its_symbol_and_its_decimals(minor, currency, text):
    assert str(Money(minor, currency)) == text


def test_currencies_have_as_many_decimals_as_the_gateway_counts():
    assert {code for code, exponent in EXPONENTS.items() if exponent == 0} == {
        *("BIF", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
        *("RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"),
    }
    assert {code for code, exponent in EXPONENTS.items() if exponent == 3} == {
        *("BHD", "JOD", "KWD", "LYD", "OMR", "TND"),
    }
    assert {code for code, exponent in EXPONENTS.items() if exponent == 2} == {
        *("AED", "ARS", "AUD", "BDT", "BGN", "BND", "BRL", "CAD", "CHF", "CNY", "COP", "CRC", "CZK", "DKK", "DOP"),
        *("EGP", "EUR", "GBP", "GEL", "GHS", "HKD", "HUF", "IDR", "ILS", "INR", "KES", "KHR", "KZT", "LAK", "LKR"),
        *("MAD", "MMK", "MNT", "MOP", "MUR", "MXN", "MYR", "NGN", "NOK", "NPR", "NZD", "PEN", "PHP", "PKR", "PLN"),
        *("QAR", "RON", "RSD", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "TZS", "UAH", "USD", "UYU", "UZS", "ZAR"),
        "ZMW",
    }
    assert set(EXPONENTS.values()) == {0, 2, 3}
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in EXPONENTS)


def test_the_table_of_exponents_cannot_be_changed():
    with pytest.raises(TypeError):
        EXPONENTS["KRW"] = 2


@pytest.mark.parametrize(
    "minor",
    [
        True,
        False,
        1.0,
        -0.0,
        9900.0,
        float("nan"),
        float("inf"),
        "1",
        "1_000",
        " 5 ",
        "\uff19",
        None,
        [],
        Decimal(1),
    ],
)
def test_an_amount_that_is_no_whole_number_is_refused(minor):
    with pytest.raises(AmountError, match="an amount is a whole number"):
        Money(minor, "KRW")


@pytest.mark.parametrize("minor", [10**12 + 1, -(10**12) - 1, 2**53 + 1, 2**63, 10**30, -(10**4000)])
def test_an_amount_beyond_a_trillion_units_is_refused(minor):
    with pytest.raises(AmountError, match="within"):
        Money(minor, "KRW")


@pytest.mark.parametrize("minor", [10**12, -(10**12)])
def test_an_amount_of_a_trillion_units_is_the_largest(minor):
    assert won(minor).minor == minor


@pytest.mark.parametrize("currency", ["krw", "Krw", "", "KR", "KRWW", "XXX", "\uff2bRW", "KRW ", "CLP", None, 410])
def test_an_unknown_currency_is_refused(currency):
    with pytest.raises(UnknownCurrencyError, match="not a known currency"):
        Money(1, currency)


def test_negative_zero_is_zero():
    assert won(-0) == won(0) == -won(0)
    assert str(-won(0)) == "₩0"


def test_only_zero_is_zero():
    assert won(0).is_zero
    assert not won(1).is_zero
    assert not won(-1).is_zero


def test_all_errors_of_money_are_value_errors():
    assert issubclass(MoneyError, ValueError)
    assert all(issubclass(error, MoneyError) for error in (AmountError, UnknownCurrencyError, CurrencyMismatch))


@given(minors, minors)
def test_what_is_added_can_be_taken_away(left, right):
    assert won(left) + won(right) == won(left + right)
    assert won(left) + won(right) - won(right) == won(left)
    assert won(left) - won(right) == -(won(right) - won(left))


@given(minors, minors)
def test_amounts_of_one_currency_are_ordered_like_their_numbers(left, right):
    for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        assert compare(won(left), won(right)) == compare(left, right)


@pytest.mark.parametrize("act", [operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize("amount", [0, 1])
def test_currencies_do_not_mix(act, amount):
    with pytest.raises(CurrencyMismatch, match=r"₩1 and HK\$0\.0\d are of different currencies"):
        act(won(1), Money(amount, "HKD"))


def test_equal_numbers_of_two_currencies_are_not_equal():
    assert won(0) != Money(0, "HKD")
    assert len({won(1), Money(1, "HKD"), won(1)}) == 2


def test_a_sum_that_leaves_the_bounds_is_refused():
    with pytest.raises(AmountError):
        won(10**12) + won(1)
    with pytest.raises(AmountError):
        won(-(10**12)) - won(1)


def test_money_does_not_change_and_survives_a_copy():
    money = won(9900)
    with pytest.raises(AttributeError):
        money.minor = 1
    assert copy.deepcopy(money) == pickle.loads(pickle.dumps(money)) == money  # noqa: S301  our own bytes


@given(minors, weight_lists)
def test_the_parts_of_an_allocation_add_up_to_the_whole(minor, weights):
    parts = won(minor).allocate(weights)
    assert len(parts) == len(weights)
    assert sum(part.minor for part in parts) == minor


@given(minors, weight_lists)
def test_each_part_of_an_allocation_is_less_than_one_unit_from_its_exact_share(minor, weights):
    for part, weight in zip(won(minor).allocate(weights), weights, strict=True):
        assert abs(part.minor - Fraction(minor * weight, sum(weights))) < 1


@given(minors, weight_lists)
def test_a_part_without_weight_gets_nothing(minor, weights):
    parts = won(minor).allocate([0, *weights, 0])
    assert parts[0].is_zero
    assert parts[-1].is_zero


@given(minors, weight_lists)
def test_a_refund_is_allocated_like_the_payment(minor, weights):
    assert won(-minor).allocate(weights) == [-part for part in won(minor).allocate(weights)]


@given(minors, weight_lists)
def test_units_left_over_go_to_the_largest_remainders(minor, weights):
    exact = [Fraction(abs(minor) * weight, sum(weights)) for weight in weights]
    parts = won(abs(minor)).allocate(weights)
    lost = [share - int(share) for share in exact]
    raised = [part.minor > int(share) for part, share in zip(parts, exact, strict=True)]
    assert min([loss for loss, up in zip(lost, raised, strict=True) if up], default=1) >= max(
        [loss for loss, up in zip(lost, raised, strict=True) if not up],
        default=0,
    )


@pytest.mark.parametrize(
    ("minor", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (101, [1, 1, 1], [34, 34, 33]),
        (10, [1, 2, 4], [1, 3, 6]),  # 1.43, 2.86, 5.71: the largest remainders are the last two
        (5, [0, 1], [0, 5]),
        (0, [3, 4], [0, 0]),
        (1_000_000_000_000, [1], [1_000_000_000_000]),
    ],
)
def test_an_allocation_by_example(minor, weights, parts):
    assert won(minor).allocate(weights) == [won(part) for part in parts]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([], "1 to 10,000 parts, not 0"),
        ([1] * 10_001, "1 to 10,000 parts, not 10001"),
        ([0, 0], "above 0"),
        ([2, -1], "0 or more"),
        ([True], "a weight is a whole number"),
        ([0.5, 0.5], "a weight is a whole number"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weights, message):
    with pytest.raises(AmountError, match=message):
        won(100).allocate(weights)


@given(minors, st.integers(1, 200))
def test_a_split_loses_nothing_and_its_parts_differ_by_one_at_most(minor, parts):
    split = [part.minor for part in won(minor).split(parts)]
    assert len(split) == parts
    assert sum(split) == minor
    assert max(split) - min(split) <= 1
    assert sorted(split, key=abs, reverse=True) == split


def test_ten_thousand_parts_are_the_most():
    assert won(10_000).split(10_000) == won(10_000).allocate([7] * 10_000) == [won(1)] * 10_000


@pytest.mark.parametrize("parts", [0, -1, 10_001, 10**30, True, 2.0, "2"])
def test_a_split_into_a_senseless_number_of_parts_is_refused(parts):
    with pytest.raises(AmountError):
        won(100).split(parts)


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**12))
def test_a_division_is_never_more_than_half_a_unit_away(numerator, denominator):
    off = abs(divide_half_up(numerator, denominator) - Fraction(numerator, denominator))
    assert off <= Fraction(1, 2)


@given(st.integers(-(10**9), 10**9), st.sampled_from([1, 2, 4, 5, 8, 10, 16, 20]))
def test_a_division_rounds_like_decimal_half_up(numerator, denominator):
    exact = Decimal(numerator) / Decimal(denominator)
    assert divide_half_up(numerator, denominator) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [(5, 2, 3), (-5, 2, -3), (1, 2, 1), (-1, 2, -1), (3, 2, 2), (1, 3, 0), (-1, 3, 0), (0, 7, 0), (2, 3, 1)],
)
def test_a_half_goes_away_from_zero(numerator, denominator, quotient):
    assert divide_half_up(numerator, denominator) == quotient


@pytest.mark.parametrize(("numerator", "denominator"), [(1, 0), (1, -2), (1.0, 2), (1, 2.0), (True, 2)])
def test_a_division_that_makes_no_sense_is_refused(numerator, denominator):
    with pytest.raises(AmountError):
        divide_half_up(numerator, denominator)


@pytest.mark.parametrize(
    ("gross", "tax_free", "vat"),
    [
        (29_900, 0, 2_718),
        (14_300, 0, 1_300),
        (19_900, 0, 1_809),
        (9_950, 0, 905),
        (9_900, 9_900, 0),
        (11_000, 5_500, 500),
        (0, 0, 0),
        (5, 0, 0),
        (6, 0, 1),
    ],
)
def test_the_vat_inside_a_price_follows_the_wallet(gross, tax_free, vat):
    assert vat_included(won(gross), tax_free) == won(vat)


def test_nothing_is_tax_free_unless_said():
    assert vat_included(won(6)) == won(1)


@pytest.mark.parametrize(("gross", "tax_free"), [(100, 101), (100, -1), (-100, 0), (100, 1.0), (100, True)])
def test_a_tax_free_amount_beyond_the_price_is_refused(gross, tax_free):
    with pytest.raises(AmountError, match="tax-free"):
        vat_included(won(gross), tax_free)


@pytest.mark.parametrize(
    ("act", "what"),
    [
        (lambda: won(100).split(2.0), "a number of parts"),
        (lambda: divide_half_up(1.0, 2), "a numerator"),
        (lambda: divide_half_up(1, 2.0), "a denominator"),
        (lambda: vat_included(won(100), 1.0), "a tax-free amount"),
    ],
)
def test_the_refusal_names_what_should_have_been_a_whole_number(act, what):
    with pytest.raises(AmountError, match=rf"^{what} is a whole number \(int\), not float$"):
        act()
