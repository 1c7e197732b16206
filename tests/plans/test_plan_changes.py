import pytest

from plans.calendar import Interval, IntervalUnit
from plans.catalog import Plan, Price
from plans.changes import NewPlan, NewPrice, NotInFile, Renamed, StillArchived, Unchanged, compare_catalogs
from plans.money import Money

MONTHLY = Interval(IntervalUnit.MONTH, 1)
OLD = Price(Money(9900, "KRW"), MONTHLY)
NEW = Price(Money(12900, "KRW"), MONTHLY)


def plan(code, name="Name", price=OLD):
    return Plan(code, name, price)


def by_code(*plans):
    return {each.code: each for each in plans}


def test_a_plan_not_seen_before_is_new():
    assert compare_catalogs({}, [plan("a")], frozenset()) == [NewPlan(plan("a"))]


def test_a_plan_seen_before_is_unchanged():
    assert compare_catalogs(by_code(plan("a")), [plan("a")], frozenset()) == [Unchanged("a")]


@pytest.mark.parametrize(
    "price",
    [
        NEW,
        Price(Money(9900, "HKD"), MONTHLY),
        Price(OLD.amount, Interval(IntervalUnit.YEAR, 1)),
        Price(OLD.amount, Interval(IntervalUnit.MONTH, 2)),
        Price(OLD.amount, MONTHLY, trial_days=7),
    ],
    ids=str,
)
def test_whatever_differs_in_a_price_makes_a_new_version(price):
    changes = compare_catalogs(by_code(plan("a")), [plan("a", price=price)], frozenset())
    assert changes == [NewPrice("a", OLD, price)]


def test_a_new_name_makes_no_new_price():
    changes = compare_catalogs(by_code(plan("a")), [plan("a", name="Other")], frozenset())
    assert changes == [Renamed("a", "Name", "Other")]


def test_a_new_name_and_a_new_price_are_two_changes():
    changes = compare_catalogs(by_code(plan("a")), [plan("a", name="Other", price=NEW)], frozenset())
    assert changes == [Renamed("a", "Name", "Other"), NewPrice("a", OLD, NEW)]


def test_a_plan_the_file_does_not_name_is_left_alone():
    assert compare_catalogs(by_code(*map(plan, "hbfadgec")), [], frozenset()) == [*map(NotInFile, "abcdefgh")]


@pytest.mark.parametrize("current", [{}, by_code(plan("a")), by_code(plan("a", price=NEW))])
def test_an_archived_plan_is_not_brought_back_by_the_file(current):
    assert compare_catalogs(current, [plan("a")], frozenset({"a"})) == [StillArchived("a")]


def test_an_archived_plan_the_file_does_not_name_is_no_news():
    assert compare_catalogs(by_code(plan("a")), [], frozenset({"a"})) == []


def test_changes_come_in_the_order_of_the_file_and_then_of_the_codes():
    current = by_code(plan("z"), plan("old"), plan("kept"), plan("gone"))
    wanted = [plan("new"), plan("kept"), plan("old"), plan("first", price=NEW)]
    assert compare_catalogs(current, wanted, frozenset({"old", "gone"})) == [
        NewPlan(plan("new")),
        Unchanged("kept"),
        StillArchived("old"),
        NewPlan(plan("first", price=NEW)),
        NotInFile("z"),
    ]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (NewPlan(plan("a")), "a: new plan “Name”, ₩9,900 every month"),
        (NewPrice("a", OLD, NEW), f"a: new price {NEW} for new enrolments; present subscribers keep {OLD}"),
        (Renamed("a", "Name", "Other"), "a: renamed from “Name” to “Other”"),
        (Unchanged("a"), "a: unchanged"),
        (NotInFile("a"), "a: not in the file; left as it is (archive it if it should no longer be sold)"),
        (
            StillArchived("a"),
            "a: is archived and stays so; remove it from the file, or give the plan a new code",
        ),
    ],
)
def test_a_change_is_told_in_one_line(change, text):
    assert change.describe() == text
