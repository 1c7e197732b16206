"""Plans and their prices, and the file they are read from."""

from dataclasses import dataclass
from typing import Any

from plans.calendar import Interval, IntervalUnit
from plans.catalog_fields import (
    LARGEST_TRIAL_DAYS,
    TableProblem,
    code_refusal,
    composed,
    name_refusal,
    plan_problems,
    plan_tables,
    root_problems,
    spelled,
)
from plans.catalog_lines import Lines, TomlError, parse_toml
from plans.limits import DEFAULT_LIMITS, Limits
from plans.money import Money

__all__ = [
    "DEFAULT_LIMITS",
    "CatalogError",
    "Limits",
    "Plan",
    "PlanError",
    "Price",
    "Problem",
    "read_catalog",
]


class PlanError(ValueError):
    """A plan or a price that cannot be sold."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit of a plan costs each interval, tax included, after `trial_days` free days.

    :raises PlanError: when the amount is negative, or `trial_days` is not an `int` within 0 and 730.
    """

    amount: Money
    interval: Interval
    trial_days: int = 0

    def __post_init__(self) -> None:
        if self.amount.minor < 0:
            raise PlanError(f"a price is not negative; {self.amount} is")
        if type(self.trial_days) is not int or not 0 <= self.trial_days <= LARGEST_TRIAL_DAYS:
            raise PlanError(f"a trial lasts 0 to {LARGEST_TRIAL_DAYS} days, not {self.trial_days!r}")

    def __str__(self) -> str:
        trial = f" after {self.trial_days} free days" if self.trial_days else ""
        return f"{self.amount} {self.interval}{trial}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Something to subscribe to: a code for programs, a name for people, and the price of today.

    :raises PlanError: when the code or the name breaks its rule; the message says the rule.
    """

    code: str
    name: str
    price: Price

    def __post_init__(self) -> None:
        for field, refusal in (("code", code_refusal(self.code)), ("name", name_refusal(self.name))):
            if refusal:
                raise PlanError(f"{field}: {refusal}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a catalog file, and what would be right.

    Lines are counted from 1, plans from 0: `plans[2].amount` is the amount of the third plan.
    """

    line: int
    where: str
    message: str

    def at(self, file: str) -> str:
        return f"{file}:{self.line}: {self.where}: {self.message}"


class CatalogError(ValueError):
    """The catalog file has problems; all of them are in `problems`, in the order of their lines."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.line)
        super().__init__(self.describe("plans.toml"))

    def describe(self, file: str) -> str:
        """Put each problem on a line of its own, in the form editors and terminals can jump to."""
        return "\n".join(problem.at(file) for problem in self.problems)


def read_catalog(text: str, limits: Limits) -> list[Plan]:
    """Read the plans of a TOML text, in the order of the file.

    :raises CatalogError: when anything in it is wrong; it names every problem at once.
    """
    try:
        root, lines = parse_toml(text)
    except TomlError as error:
        raise CatalogError([Problem(error.line, "file", str(error))]) from None
    tables = plan_tables(root)
    problems = [Problem(lines.of_root(key), spelled(key), message) for key, message in root_problems(root)]
    for index, table in enumerate(tables):
        problems += _located(plan_problems(table, limits), index, lines)
    problems += _repeated_codes(tables, lines)
    if problems:
        raise CatalogError(problems)
    return [_plan(table) for table in tables]


def _located(found: list[TableProblem], index: int, lines: Lines) -> list[Problem]:
    return [Problem(lines.of(index, key), f"plans[{index}].{spelled(key)}", message) for key, message in found]


def _repeated_codes(tables: list[dict[str, Any]], lines: Lines) -> list[Problem]:
    first: dict[str, int] = {}
    found = []
    for index, table in enumerate(tables):
        code = table.get("code")
        if not isinstance(code, str) or code_refusal(code):
            continue
        earlier = first.setdefault(code, index)
        if earlier != index:
            taken = f"{code!r} is taken by the plan of line {lines.of(earlier, 'code')}; choose another code"
            found.append(Problem(lines.of(index, "code"), f"plans[{index}].code", taken))
    return found


def _plan(table: dict[str, Any]) -> Plan:
    interval = Interval(IntervalUnit(table["interval"]), table.get("interval_count", 1))
    price = Price(Money(table["amount"], table["currency"]), interval, table.get("trial_days", 0))
    return Plan(table["code"], composed(table["name"]), price)
