import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.catalog import DEFAULT_LIMITS, CatalogError, Plan, read_catalog

FIELDS = {
    "code": '"basic"',
    "name": '"베이직"',
    "amount": "9900",
    "currency": '"KRW"',
    "interval": '"month"',
    "interval_count": "1",
    "trial_days": "0",
}


def catalog(**fields):
    lines = [f"{key} = {value}" for key, value in (FIELDS | fields).items() if value is not None]
    return "\n".join(["[[plans]]", *lines, ""])


def problems_of(text):
    with pytest.raises(CatalogError) as refusal:
        read_catalog(text, DEFAULT_LIMITS)
    return refusal.value.problems


NO_NUMBERS = [
    ("1.5", "1.5 is a decimal number"),
    ("9900.0", "9900.0 is a decimal number"),
    ("-0.0", "-0.0 is a decimal number"),
    ("1e3", "1000.0 is a decimal number"),
    ("1e999", "inf is a decimal number"),
    ("nan", "nan is a decimal number"),
    ("inf", "inf is a decimal number"),
    ("-inf", "-inf is a decimal number"),
    ("true", "true is true or false"),
    ("false", "false is true or false"),
    ('"9900"', "'9900' is text"),
    ('"1e30"', "'1e30' is text"),
    ('"1_000"', "'1_000' is text"),
    ('" 5 "', "' 5 ' is text"),
    ('"\uff19\uff19"', "'\uff19\uff19' is text"),
    ('"٩٩٠٠"', "'٩٩٠٠' is text"),
    ('""', "'' is text"),
    ("[]", "[] is a list"),
    ("[[9900]]", "[[9900]] is a list"),
    ("{}", "{} is a table"),
    ("{minor = 9900}", "{'minor': 9900} is a table"),
    ("2027-01-31", "datetime.date(2027, 1, 31) is a date"),
    ("2027-01-31T00:00:00Z", "is a date and time"),
    ("10:00:00", "datetime.time(10, 0) is a time"),
]
NO_PLANS = "there are no plans; add a block that starts with [[plans]]"
NO_LIST = "is not a list of plans; start each with [[plans]], in double brackets"
NO_TEXTS = [
    ("1", "1 is a number"),
    ("1.0", "1.0 is a decimal number"),
    ("true", "true is true or false"),
    ("nan", "nan is a decimal number"),
    ('["KRW"]', "['KRW'] is a list"),
    ("{}", "{} is a table"),
    ("2027-01-31", "is a date"),
]
BAD_VALUES = [
    *(("amount", value, f"{message}; write") for value, message in NO_NUMBERS),
    *(("interval_count", value, f"{message}; write") for value, message in NO_NUMBERS),
    *(("trial_days", value, f"{message}; write") for value, message in NO_NUMBERS),
    *(
        (field, value, f"{message}; write")
        for field in ("code", "name", "currency", "interval")
        for value, message in NO_TEXTS
    ),
    ("amount", "-1", "-1 is under the KakaoPay minimum of ₩50; use 50 to 2000000 (whole won)"),
    ("amount", "0", "0 is under the KakaoPay minimum of ₩50"),
    ("amount", "-0", "0 is under the KakaoPay minimum of ₩50"),
    ("amount", "1", "1 is under the KakaoPay minimum of ₩50"),
    ("amount", "49", "49 is under the KakaoPay minimum of ₩50"),
    ("amount", "2000001", "2000001 is over the KakaoPay limit of ₩2,000,000; use 50 to 2000000 (whole won)"),
    ("amount", str(2**31), "2147483648 is over the KakaoPay limit"),
    ("amount", str(2**53 + 1), "9007199254740993 is over the KakaoPay limit"),
    ("amount", str(2**63), "9223372036854775808 is over the KakaoPay limit"),
    ("amount", str(10**30), "is over the KakaoPay limit"),
    ("interval_count", "0", "0 is out of bounds; use 1 to 366"),
    ("interval_count", "-1", "-1 is out of bounds; use 1 to 366"),
    ("interval_count", "367", "367 is out of bounds; use 1 to 366"),
    ("trial_days", "-1", "-1 is out of bounds; use 0 to 730"),
    ("trial_days", "731", "731 is out of bounds; use 0 to 730"),
    (
        "trial_days",
        str(10**300),
        "00000000… is out of bounds; use 0 to 730",
    ),
    ("currency", '"krw"', "'krw' is not charged here; use HKD, KRW, SGD; did you mean 'KRW'?"),
    ("currency", '"USD"', "'USD' is not charged here; use HKD, KRW, SGD"),
    ("currency", '"JPY"', "'JPY' is not charged here"),
    ("currency", '"KWD"', "'KWD' is not charged here"),
    ("currency", '"XXX"', "'XXX' is not charged here"),
    ("currency", '""', "'' is not charged here"),
    ("currency", '"KRW "', "'KRW ' is not charged here"),
    ("currency", '"\uff2bRW"', "is not charged here"),
    ("currency", '"\u041aRW"', "is not charged here"),
    ("interval", '"monthly"', "did you mean 'month'?"),
    ("interval", '"Month"', "did you mean 'month'?"),
    ("interval", '"MONTH"', "did you mean 'month'?"),
    ("interval", '"years"', "did you mean 'year'?"),
    ("interval", '"fortnight"', "'fortnight' is not an interval; use day, week, month, year"),
    ("interval", '"월"', "'월' is not an interval"),
    ("code", '""', "'' is not a code"),
    ("code", '"Basic"', "'Basic' is not a code"),
    ("code", '"1basic"', "'1basic' is not a code"),
    ("code", '"-basic"', "'-basic' is not a code"),
    ("code", '"basic_1"', "'basic_1' is not a code"),
    ("code", '"basic "', "'basic ' is not a code"),
    ("code", '"basic\\n"', "'basic\\n' is not a code"),
    ("code", '"b\u0430sic"', "is not a code"),
    ("code", '"베이직"', "'베이직' is not a code"),
    ("code", '"../basic"', "'../basic' is not a code"),
    ("code", f'"{"a" * 51}"', "is not a code; use 1 to 50"),
    ("code", f'"{"a" * 900}"', "a… is not a code"),
    ("code", '"basic\\u0000"', "'basic\\x00' is not a code"),
    ("name", '""', "has 0 characters; use 1 to 100"),
    ("name", f'"{"a" * 101}"', "has 101 characters; use 1 to 100"),
    ("name", '" "', "' ' has spaces around it"),
    ("name", '"프로 "', "'프로 ' has spaces around it; remove them"),
    ("name", '"프로\\u3000"', "has spaces around it"),
    ("name", '"a\\u0000b"', "'a\\x00b' holds the character"),
    ("name", '"a\\nb"', "'a\\nb' holds the character"),
    ("name", '"a\\r\\nSet-Cookie: x"', "'a\\r\\nSet-Cookie: x' holds the character"),
    ("name", '"\\u001b[31m"', "'\\x1b[31m' holds the character"),
    ("name", '"a\\u202eb"', "'a\\u202eb' holds the character"),
    ("name", '"a\\u200bb"', "'a\\u200bb' holds the character"),
    ("name", '"a\\ufeffb"', "'a\\ufeffb' holds the character"),
    ("name", '"a\\u2028b"', "'a\\u2028b' holds the character"),
    ("name", '"a\\u2029b"', "'a\\u2029b' holds the character"),
    ("name", '"a\ud800b"', "'a\\ud800b' holds the character"),
]


@pytest.mark.parametrize(("field", "value", "message"), BAD_VALUES)
def test_a_bad_value_is_refused_at_its_line_in_words(field, value, message):
    [problem] = problems_of(catalog(**{field: value}))
    assert problem.line == list(FIELDS).index(field) + 2
    assert problem.where == f"plans[0].{field}"
    assert message in problem.message
    assert "use" in problem.message or "write" in problem.message or "remove" in problem.message


@pytest.mark.parametrize("field", ["code", "name", "amount", "currency", "interval"])
def test_a_missing_field_is_named_at_the_header_with_an_example(field):
    [problem] = problems_of("\n" + catalog(**{field: None}))
    assert (problem.line, problem.where) == (2, f"plans[0].{field}")
    assert problem.message == f"is missing; add a line such as {field} = {FIELDS[field]}"


@pytest.mark.parametrize("field", ["code", "name", "amount", "currency", "interval", "interval_count", "trial_days"])
def test_a_value_of_another_kind_is_told_an_example_that_is_right(field):
    [problem] = problems_of(catalog(**{field: "2027-01-31"}))
    assert problem.message.endswith(f", such as {field} = {FIELDS[field]}")


def test_a_value_of_sixty_characters_is_shown_whole_and_a_longer_one_is_cut():
    [problem] = problems_of(catalog(currency=f'"{"x" * 58}"'))
    assert problem.message.startswith(f"'{'x' * 58}' is not charged here")
    [problem] = problems_of(catalog(currency=f'"{"x" * 59}"'))
    assert problem.message.startswith(f"'{'x' * 56}… is not charged here")


def test_a_good_amount_is_not_blamed_for_its_currency():
    [problem] = problems_of(catalog(amount="1", currency='"XXX"'))
    assert problem.where == "plans[0].currency"


@pytest.mark.parametrize("currency", [None, '"XXX"', "{}"])
@pytest.mark.parametrize("amount", ["0", "-1", str(10**12 + 1)])
def test_an_amount_is_checked_even_when_its_currency_is_bad(amount, currency):
    fields = {problem.where for problem in problems_of(catalog(amount=amount, currency=currency))}
    assert fields == {"plans[0].amount", "plans[0].currency"}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "is empty; add a block that starts with [[plans]]"),
        (" \n\t\n", 1, "is empty"),
        ("\ufeff" + catalog(), 1, "starts with a byte order mark; save it as UTF-8 without BOM"),
        (catalog() + "# \0", 9, "holds a NUL character"),
        (catalog(name='"a\0b"'), 3, "holds a NUL character"),
        ("# " + "a" * 1_000, 1, "the line is longer than 1,000 characters"),
        ("\n" + "x = " + "1" * 5_000, 2, "the line is longer than 1,000 characters"),
        ("# 가\n" * 200_000, 1, "is larger than 1,000,000 bytes"),
        ("a" * 1_000_001, 1, "is larger than 1,000,000 bytes"),
        ("x = " + "[\n" * 100_000, 1, "nested too deeply"),
        ("x = " + "{a = " * 190, 1, "is not valid TOML"),
        ("[[plans]]\ncode = basic\n", 2, "is not valid TOML: Invalid value"),
        ("[[plans]]\ncode\n", 2, "is not valid TOML"),
        ("[[plans]]\n\ncode = '''a\n", 3, "is not valid TOML: Expected \"'''\""),
        ("[[plans]]\r\n\r\ncode = \r\n", 3, "is not valid TOML"),
        (catalog() + "amount = 1\n", 9, "is not valid TOML: Cannot overwrite a value"),
        (catalog(amount="null"), 4, "is not valid TOML"),
        (catalog(amount="1,000"), 4, "is not valid TOML"),
        (catalog(amount="09900"), 4, "is not valid TOML"),
        (catalog(amount="\uff19"), 4, "is not valid TOML"),
        (catalog(amount="2027-02-30"), 4, "is not valid TOML: Invalid date"),
        (catalog(amount="0000-01-01"), 4, "is not valid TOML: Invalid date"),
        (catalog(amount="2027-01-01T24:00:00Z"), 4, "is not valid TOML"),
        (catalog(amount="2027-01-01T23:59:60Z"), 4, "is not valid TOML"),
        (catalog(name='"a\rb"'), 3, "is not valid TOML"),
        (catalog(name='"\\ud800"'), 3, "is not valid TOML"),
        (catalog() + "}", 9, "is not valid TOML"),
        ('{"plans": []}', 1, "is not valid TOML"),
    ],
)
def test_a_text_that_is_no_toml_is_refused_at_its_line(text, line, message):
    [problem] = problems_of(text)
    assert (problem.line, problem.where) == (line, "file")
    assert message in problem.message


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("# nothing\n", 1, NO_PLANS),
        ("\nplans = []\n", 2, NO_PLANS),
        ("\n\n[plans]\ncode = 1\n", 3, NO_LIST),
        ("\n[plans.basic]\ncode = 1\n", 2, NO_LIST),
        ("\nplans.basic.code = 1\n", 2, NO_LIST),
        ("plans = 3", 1, NO_LIST),
        ("plans = [1]", 1, NO_LIST),
        ("plans = [{}, 1]", 1, NO_LIST),
    ],
)
def test_a_file_without_a_list_of_plans_is_refused(text, line, message):
    [problem] = problems_of(text)
    assert (problem.line, problem.where, problem.message) == (line, "plans", message)


@pytest.mark.parametrize(
    ("key", "where", "suggestion"),
    [
        ("amout", "amout", "; did you mean 'amount'?"),
        ("Code", "Code", "; did you mean 'code'?"),
        ("trial-days", "trial-days", "; did you mean 'trial_days'?"),
        ("intervalCount", "intervalCount", "; did you mean 'interval_count'?"),
        ("__proto__", "__proto__", "trial_days"),
        ('""', "''", "trial_days"),
        ('"\\u202e"', "'\\u202e'", "trial_days"),
        ('"a b"', "'a b'", "trial_days"),
        ("x" * 200, "'" + "x" * 56 + "…", "trial_days"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_name(key, where, suggestion):
    [problem] = problems_of(catalog() + f"{key} = 1\n")
    assert problem.where == f"plans[0].{where}"
    assert problem.line == (1 if key == '""' else 9)
    assert problem.message.startswith("is not a known key; use code, name, amount, ")
    assert problem.message.endswith(suggestion)


def test_every_copy_of_a_code_points_at_the_first():
    problems = problems_of(catalog() + catalog(code='"pro"') + catalog() + catalog())
    assert [(problem.line, problem.where) for problem in problems] == [
        (18, "plans[2].code"),
        (26, "plans[3].code"),
    ]
    assert {problem.message for problem in problems} == {
        "'basic' is taken by the plan of line 2; choose another code",
    }


def test_codes_that_are_no_codes_are_not_compared():
    problems = problems_of(catalog(code="1") + catalog(code="1") + catalog(code='"A"') + catalog(code='"A"'))
    assert [problem.line for problem in problems] == [2, 10, 18, 26]
    assert not any("taken" in problem.message for problem in problems)


def test_a_large_file_of_problems_is_read():
    assert len(problems_of(catalog(amount="0") * 2_000)) == 3_999


@given(st.binary(max_size=200))
def test_no_text_makes_the_reader_fail_in_another_way(text):
    assert problems_of(text.decode(errors="surrogateescape"))
    assert problems_of(text.decode("utf-16", errors="replace"))


marks = st.sampled_from("[]{}=.,#'\"\\\n\r\t 1-_:")
words = st.sampled_from(
    ["[[plans]]", "[plans]", "'''", '"""', *FIELDS, *FIELDS.values(), "plans", "nan", "2027-01-01"],
)
fragments = marks | words


@given(st.lists(fragments, max_size=40).map("".join))
def test_no_mixture_of_toml_makes_the_reader_fail_in_another_way(text):
    assert problems_of(text)


broken_values = st.sampled_from(
    [
        '"""\n[[plans]]\n#"""',
        "'''\n'\n]'''",
        "[\n'[',\n#]\n]",
        "[\n[1],\n[2]\n]",
        '["]", {a = "}"}]',
        '"\\"#"',
        "'#'",
        '"""a\\"""""',
    ],
)


@given(st.lists(st.tuples(broken_values, st.booleans()), min_size=1, max_size=6))
def test_a_problem_is_found_behind_values_that_look_like_something_else(values):
    text = ""
    expected = []
    for index, (value, header_only) in enumerate(values):
        text += "[[plans]]\n" + ("" if header_only else f"MAX = {value} # [[plans]]\n")
        expected.append((text.count("\n") + 1, f"plans[{index}].amount"))
        text += 'amount = 1.5 # """\n'
    found = [(problem.line, problem.where) for problem in problems_of(text) if problem.where.endswith("amount")]
    assert found == expected


@given(st.dictionaries(st.sampled_from(list(FIELDS)), st.sampled_from(list(FIELDS.values())), max_size=3))
def test_a_catalog_is_either_read_or_refused(fields):
    try:
        plans = read_catalog(catalog(**fields), DEFAULT_LIMITS)
    except CatalogError as error:
        assert error.problems  # noqa: PT017  either end is right
    else:
        assert [type(plan) for plan in plans] == [Plan]
