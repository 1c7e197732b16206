"""What a wanted catalog would change in the present one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from plans.catalog import Plan, Price


@dataclass(frozen=True, slots=True)
class NewPlan:
    plan: Plan

    def describe(self) -> str:
        return f"{self.plan.code}: new plan “{self.plan.name}”, {self.plan.price}"


@dataclass(frozen=True, slots=True)
class NewPrice:
    """A price never changes: another version is made for enrolments to come, and subscribers keep theirs."""

    code: str
    old: Price
    new: Price

    def describe(self) -> str:
        return f"{self.code}: new price {self.new} for new enrolments; present subscribers keep {self.old}"


@dataclass(frozen=True, slots=True)
class Renamed:
    code: str
    old: str
    new: str

    def describe(self) -> str:
        return f"{self.code}: renamed from “{self.old}” to “{self.new}”"


@dataclass(frozen=True, slots=True)
class Unchanged:
    code: str

    def describe(self) -> str:
        return f"{self.code}: unchanged"


@dataclass(frozen=True, slots=True)
class NotInFile:
    """A plan is archived by a command of its own: a line lost from a file must not stop sales."""

    code: str

    def describe(self) -> str:
        return f"{self.code}: not in the file; left as it is (archive it if it should no longer be sold)"


@dataclass(frozen=True, slots=True)
class StillArchived:
    """A refusal: what was archived on purpose does not come back because an old file names it."""

    code: str

    def describe(self) -> str:
        return f"{self.code}: is archived and stays so; remove it from the file, or give the plan a new code"


Change: TypeAlias = NewPlan | NewPrice | Renamed | Unchanged | NotInFile | StillArchived


def compare_catalogs(
    current: Mapping[str, Plan],
    wanted: Sequence[Plan],
    archived: frozenset[str],
) -> list[Change]:
    """List what `wanted` would change: the file's plans in its order, then by code those it does not name.

    `current` holds the plans by code with their newest price, archived ones or not; `archived` the codes of
    those no longer sold. A plan with another name and another price gives two changes.
    """
    changes = [change for plan in wanted for change in _changes_of(plan, current.get(plan.code), archived)]
    missing = current.keys() - archived - {plan.code for plan in wanted}
    return [*changes, *(NotInFile(code) for code in sorted(missing))]


def _changes_of(plan: Plan, present: Plan | None, archived: frozenset[str]) -> list[Change]:
    if plan.code in archived:
        return [StillArchived(plan.code)]
    if present is None:
        return [NewPlan(plan)]
    changes: list[Change] = []
    if plan.name != present.name:
        changes.append(Renamed(plan.code, present.name, plan.name))
    if plan.price != present.price:
        changes.append(NewPrice(plan.code, present.price, plan.price))
    return changes or [Unchanged(plan.code)]
