from pathlib import Path

import pytest

from plans.calendar import Interval, IntervalUnit
from plans.catalog import DEFAULT_LIMITS, CatalogError, Limits, Plan, PlanError, Price, Problem, read_catalog
from plans.limits import LimitsError
from plans.money import Money

MONTHLY = Interval(IntervalUnit.MONTH, 1)
BASIC = Price(Money(9900, "KRW"), MONTHLY)
HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "plans.toml"

GOOD = """\
[[plans]]
code = "basic"
name = "베이직"
amount = 9900
currency = "KRW"
interval = "month"
"""


def refused(text):
    with pytest.raises(CatalogError) as refusal:
        read_catalog(text, DEFAULT_LIMITS)
    return refusal.value


def test_the_example_file_is_a_good_catalog():
    plans = read_catalog(EXAMPLE.read_text(encoding="utf-8"), DEFAULT_LIMITS)
    assert [(plan.code, plan.name, str(plan.price)) for plan in plans] == [
        ("basic", "베이직", "₩9,900 every month"),
        ("pro", "프로", "₩29,000 every month"),
        ("basic-yearly", "베이직 연간", "₩99,000 every year"),
    ]


def test_what_is_left_out_has_its_default():
    assert read_catalog(GOOD, DEFAULT_LIMITS) == [Plan("basic", "베이직", BASIC)]


def test_every_field_is_read():
    text = GOOD.replace('"month"', '"week"').replace('9900\ncurrency = "KRW"', '1050\ncurrency = "SGD"')
    [plan] = read_catalog(text + "interval_count = 2\ntrial_days = 14\n", DEFAULT_LIMITS)
    assert plan.price == Price(Money(1050, "SGD"), Interval(IntervalUnit.WEEK, 2), 14)
    assert str(plan.price) == "S$10.50 every 2 weeks after 14 free days"


def test_counts_and_trials_may_be_as_long_as_their_bounds():
    [plan] = read_catalog(GOOD + "interval_count = 366\ntrial_days = 730\n", DEFAULT_LIMITS)
    assert (plan.price.interval.count, plan.price.trial_days) == (366, 730)


def test_a_file_and_its_lines_may_be_as_long_as_their_bounds():
    line = "#" + "x" * 999
    filled = (GOOD + f"{line}\n" * 1_000)[: 1_000_000 - len("베이직".encode()) + len("베이직")]
    assert len(filled.encode()) == 1_000_000
    assert len(read_catalog(filled, DEFAULT_LIMITS)) == 1
    with pytest.raises(CatalogError, match="larger than 1,000,000 bytes"):
        read_catalog(filled + "\n", DEFAULT_LIMITS)


def test_plans_may_be_written_as_one_inline_list():
    inline = 'plans = [{code="a", name="A", amount=50, currency="KRW", interval="day"}]'
    assert [plan.code for plan in read_catalog(inline, DEFAULT_LIMITS)] == ["a"]


def test_windows_line_ends_are_read():
    assert read_catalog(GOOD.replace("\n", "\r\n"), DEFAULT_LIMITS) == read_catalog(GOOD, DEFAULT_LIMITS)


def test_a_name_typed_in_pieces_is_composed():
    decomposed = GOOD.replace("베이직", "\u1107\u1166\u110b\u1175\u110c\u1175\u11a8")
    assert read_catalog(decomposed, DEFAULT_LIMITS)[0].name == "베이직"


@pytest.mark.parametrize("name", ["a", "가" * 100, "Pro 🚀 ❤️", "<b>{{7*7}}</b>", "=1+1", "a' OR 1=1 --", "\uff57ide"])
def test_a_name_may_hold_whatever_can_be_seen(name):
    assert read_catalog(GOOD.replace('"베이직"', f'"{name}"'), DEFAULT_LIMITS)[0].name == name


@pytest.mark.parametrize("written", ["9_900", "0x26ac", "+9900"])
def test_a_whole_number_may_be_written_in_any_way_of_toml(written):
    assert read_catalog(GOOD.replace("9900", written), DEFAULT_LIMITS)[0].price == BASIC


@pytest.mark.parametrize(
    ("currency", "amount"),
    [("KRW", 50), ("KRW", 2_000_000), ("HKD", 1), ("HKD", 999_999_999), ("SGD", 1), ("SGD", 999_999_999)],
)
def test_the_limits_themselves_are_allowed(currency, amount):
    text = GOOD.replace("KRW", currency).replace("9900", str(amount))
    assert read_catalog(text, DEFAULT_LIMITS)[0].price.amount == Money(amount, currency)


def test_all_problems_are_named_at_once_in_the_order_of_their_lines():
    error = refused((HERE / "bad_plans.toml").read_text(encoding="utf-8"))
    expected = (HERE / "bad_plans.txt").read_text(encoding="utf-8").splitlines()
    assert error.describe("bad_plans.toml").split("\n") == expected


def test_a_problem_in_an_inline_list_points_at_the_list():
    error = refused('\nplans = [{code = "a"}, {code = "a", amount = 1}]\n')
    assert {problem.line for problem in error.problems} == {2}
    assert "plans.toml:2: plans[1].code: 'a' is taken by the plan of line 2" in str(error)


def test_the_error_names_the_file_it_is_told():
    error = refused(GOOD.replace("9900", "0"))
    [problem] = error.problems
    right = "0 is under the KakaoPay minimum of ₩50; use 50 to 2000000 (whole won)"
    assert problem == Problem(4, "plans[0].amount", right)
    assert error.describe("/etc/plans.toml") == f"/etc/plans.toml:4: plans[0].amount: {right}"
    assert str(error) == error.describe("plans.toml")


def test_a_plan_made_in_code_keeps_the_rules_of_the_file():
    for code in ("", "Basic", "-a", "1a", "a_b", "a\n", "베이직", "a" * 51, None):
        with pytest.raises(PlanError, match="code: "):
            Plan(code, "Basic", BASIC)
    for name in (
        "",
        " ",
        "a ",
        "a\0",
        "a\n",
        "\u202ea",
        "a\u200bb",
        "\ud800",
        "\u1107\u1166",
        "a" * 101,
        None,
    ):
        with pytest.raises(PlanError, match="name: "):
            Plan("basic", name, BASIC)


def test_a_price_is_not_negative():
    assert Price(Money(0, "KRW"), MONTHLY).amount.is_zero
    with pytest.raises(PlanError, match="not negative; -₩1 is"):
        Price(Money(-1, "KRW"), MONTHLY)


@pytest.mark.parametrize("days", [-1, 731, True, 1.0, "1", None])
def test_a_trial_lasts_up_to_two_years(days):
    assert Price(Money(1, "KRW"), MONTHLY, 730).trial_days == 730
    with pytest.raises(PlanError, match="0 to 730 days"):
        Price(Money(1, "KRW"), MONTHLY, days)


def test_limits_tell_a_good_payment_from_a_bad_one():
    assert DEFAULT_LIMITS.refusal(Money(50, "KRW")) is None
    assert DEFAULT_LIMITS.refusal(Money(2_000_000, "KRW")) is None
    assert DEFAULT_LIMITS.refusal(Money(2_000_001, "KRW")) == (
        "2000001 is over the KakaoPay limit of ₩2,000,000; use 50 to 2000000 (whole won)"
    )
    assert DEFAULT_LIMITS.refusal(Money(49, "KRW")) == (
        "49 is under the KakaoPay minimum of ₩50; use 50 to 2000000 (whole won)"
    )
    assert DEFAULT_LIMITS.refusal(Money(0, "SGD")) == (
        "0 is under the KakaoPay minimum of S$0.01; use 1 to 999999999 (minor units)"
    )
    assert DEFAULT_LIMITS.refusal(Money(100, "USD")) == "USD is not charged here; use HKD, KRW, SGD"


@pytest.mark.parametrize("currency", ["HKD", "SGD"])
def test_a_dollar_amount_has_nine_digits_at_most(currency):
    assert DEFAULT_LIMITS.refusal(Money(999_999_999, currency)) is None
    refusal = DEFAULT_LIMITS.refusal(Money(1_000_000_000, currency))
    assert refusal is not None
    assert refusal.startswith("1000000000 is over the KakaoPay limit of ")


def test_a_single_amount_may_be_the_only_one_allowed():
    limits = Limits(frozenset({"KRW"}), {"KRW": 100}, {"KRW": 100})
    assert limits.refusal(Money(100, "KRW")) is None


def test_the_default_limits_cannot_be_changed():
    with pytest.raises(TypeError):
        DEFAULT_LIMITS.maximum["KRW"] = 10**9


@pytest.mark.parametrize(
    ("currency", "minimum", "maximum", "message"),
    [
        ("XXX", {"XXX": 1}, {"XXX": 2}, "not a known currency"),
        ("KRW", {}, {"KRW": 2}, "both a minimum and a maximum"),
        ("KRW", {"KRW": 1}, {}, "both a minimum and a maximum"),
        ("KRW", {"KRW": 0}, {"KRW": 2}, "at least 1"),
        ("KRW", {"KRW": 3}, {"KRW": 2}, "not over its maximum"),
    ],
)
def test_limits_that_do_not_hold_together_are_refused(currency, minimum, maximum, message):
    with pytest.raises(LimitsError, match=message):
        Limits(frozenset({currency}), minimum, maximum)


def test_of_several_bad_currencies_the_first_by_name_is_told():
    with pytest.raises(LimitsError, match="'AAA' is not a known currency"):
        Limits(frozenset({"HHH", "BBB", "FFF", "AAA", "DDD", "GGG", "EEE", "CCC"}), {}, {})


def test_other_limits_are_obeyed():
    limits = Limits(frozenset({"USD"}), {"USD": 100}, {"USD": 500})
    text = GOOD.replace("KRW", "USD")
    assert read_catalog(text.replace("9900", "500"), limits)[0].price.amount == Money(500, "USD")
    with pytest.raises(CatalogError, match=r"9900 is over the KakaoPay limit of US\$5\.00"):
        read_catalog(text, limits)
    with pytest.raises(CatalogError, match="'KRW' is not charged here; use USD"):
        read_catalog(GOOD, limits)
