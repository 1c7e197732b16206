"""What depends on a closed set says something of each of its members: mypy or one of these tests names what is missing.

mypy checks each ``match`` that has no default but ``assert_never``. A table by member is checked here.
"""

import ast
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path

import billing
import plans
from billing.domain.event_types import EventType
from billing.store.fixed_sentences import OF_NO_SUBSCRIPTION, PLAIN
from billing.store.sentences import TELLERS

ROOT = Path(__file__).resolve().parents[2]
OF_OTHERS = ("billing/sandbox/", "billing/client/")
OPEN_VALUES = {
    "billing/gateway/messages.py _refund_status": "a value of the gateway's JSON",
    "billing/entrypoints/demo/play.py _act": "a word of the script; one that is not known raises",
}
"""Each ``match`` with a default, by file and function: what it is about is no closed set."""
PARTIAL_TABLES = {
    "billing.domain.rechecks._SERIES": "a live charge is not rechecked; a state that lacks a series raises",
    "billing.entrypoints.cli.examine_database._UNSEEN": "the other rounds look at what we know ourselves",
    "billing.domain.states._ENDS": "a part of the table of moves: what ends a charge from any state",
    "billing.entrypoints.cli.parked._BY_HAND": "the other kinds are ended by no command of their own",
    "billing.entrypoints.ready.REMEDIES": "what is ready needs none",
    "billing.operations.forgive_invoice._FREED": "the other states owe nothing, or do not move by it",
    "billing.operations.retry_charge._NOTHING_OWED": "an open invoice is what is charged",
    "billing.store.erasure._ENDS": "the other states of a source have ended",
    "plans.calendar._DAYS": "the other units are counted in months",
    "plans.calendar._MONTHS": "the other units are counted in days",
}
"""Each table that leaves out members, and why those need nothing."""


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def has_open_default(match: ast.Match) -> bool:
    last = match.cases[-1]
    catches_all = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None
    calls = [node.func for node in ast.walk(last) if isinstance(node, ast.Call)]
    return catches_all and not any(isinstance(call, ast.Name) and call.id == "assert_never" for call in calls)


def test_every_match_about_a_closed_set_ends_with_assert_never():
    found = set()
    for file in sorted([*ROOT.glob("billing/**/*.py"), *ROOT.glob("plans/**/*.py")]):
        path = str(file.relative_to(ROOT))
        if path.startswith(OF_OTHERS):
            continue
        for function in functions(ast.parse(file.read_text(encoding="utf-8"))):
            if any(isinstance(node, ast.Match) and has_open_default(node) for node in ast.walk(function)):
                found.add(f"{path} {function.name}")
    told = ", ".join(sorted(found ^ OPEN_VALUES.keys()))
    assert not told, f"end the match with `case _: assert_never(…)`, or say in OPEN_VALUES why it is open: {told}"


def tables() -> Iterator[tuple[str, Mapping[Enum, object]]]:
    """Yield each mapping by members of one set that stands in a module, under the name of where it was made."""
    for package in (billing, plans):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.replace(".", "/").startswith(OF_OTHERS):
                continue
            there = importlib.import_module(module.name)
            made = {
                node.target.id if isinstance(node, ast.AnnAssign) else node.targets[0].id
                for node in ast.parse(Path(str(there.__file__)).read_text(encoding="utf-8")).body
                if isinstance(node, ast.AnnAssign | ast.Assign)
                and isinstance(node.target if isinstance(node, ast.AnnAssign) else node.targets[0], ast.Name)
            }
            for name in made:
                value = getattr(there, name, None)
                if isinstance(value, Mapping) and value and all(isinstance(key, Enum) for key in value):
                    yield f"{module.name}.{name}", value


def test_every_table_by_member_has_every_member():
    lacking = {}
    for name, table in tables():
        kinds = {type(key) for key in table}
        missing = {member for kind in kinds for member in kind} - table.keys()
        if missing:
            lacking[name] = f"{name} lacks {sorted(str(member) for member in missing)}"
    told = "; ".join(text for name, text in lacking.items() if name not in PARTIAL_TABLES)
    assert not told, f"complete the table, or say in PARTIAL_TABLES why it is partial: {told}"
    assert lacking.keys() == PARTIAL_TABLES.keys(), "a table that is complete is no exemption"


def test_every_type_of_a_subscriptions_timeline_has_a_sentence():
    types = {each.value for each in EventType}
    told = PLAIN.keys() | TELLERS.keys()
    untold = sorted(types - told - OF_NO_SUBSCRIPTION)
    assert not untold, f"billing/store/sentences.py and fixed_sentences.py have no sentence for {untold}"
    assert not told & OF_NO_SUBSCRIPTION
    assert told | OF_NO_SUBSCRIPTION <= types
