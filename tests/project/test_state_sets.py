"""A set of states is named in ``billing/domain/states.py`` and nowhere else: who adds a state decides there, once."""

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from billing.domain import states
from billing.store.columns import state_in

ROOT = Path(__file__).parents[2]
MACHINES = {name: kind for name, kind in vars(states).items() if name.endswith("State") and issubclass(kind, StrEnum)}
NAMED = {
    name: value
    for name, value in vars(states).items()
    if name.isupper() and isinstance(value, tuple) and all(type(each).__name__ in MACHINES for each in value)
}
NOT_A_SET_OF_STATES = {
    "billing/entrypoints/cli/output.py": "one colour for a word, whichever machine or check it is of",
    "billing/entrypoints/metrics/instruments.py": "the answers that a call to the gateway can have",
}
"""Files that list words which are states, too."""
SQL_LIST = re.compile(r"\bIN \((\s*'\w+'(?:\s*,\s*'\w+')+\s*)\)", re.IGNORECASE)
SQL_PAIR = re.compile(r"\b([\w.]*state)\s*(?:=|<>|!=) '(\w+)' (?:OR|AND) \1\s*(?:=|<>|!=) '(\w+)'", re.IGNORECASE)


def source_files() -> list[Path]:
    found = [*ROOT.glob("billing/**/*.py"), *ROOT.glob("plans/**/*.py")]
    elsewhere = ("billing/sandbox/", "billing/client/", "billing/domain/states.py")  # machines of their own; the sets
    return sorted(each for each in found if not str(each.relative_to(ROOT)).startswith(elsewhere))


def sets_in(text: str) -> Iterator[tuple[int, list[str]]]:
    """Return where a text of Python lists two or more states of one machine, as members, words or SQL."""
    tree = ast.parse(text)
    names = {name: name for name in MACHINES} | dict(_aliases(tree))
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    parts |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        if id(node) in parts:
            continue
        for found in _lists(node, names):
            if len(set(found)) > 1:
                yield node.lineno, found


def _aliases(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """``_S = SubscriptionState`` and ``_S, _I = SubscriptionState, InvoiceState``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            to, of = node.targets[0], node.value
            pairs = (
                zip(to.elts, of.elts, strict=False)
                if isinstance(to, ast.Tuple) and isinstance(of, ast.Tuple)
                else [(to, of)]
            )
            for name, value in pairs:
                if isinstance(name, ast.Name) and isinstance(value, ast.Name) and value.id in MACHINES:
                    yield name.id, value.id


def _lists(node: ast.AST, names: dict[str, str]) -> Iterator[list[str]]:
    """Return the lists of states that a node is itself, one machine at a time."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        yield from _of_each_machine(node.elts, names)
    elif isinstance(node, ast.BoolOp):
        yield from _of_each_machine([right for each in node.values for right in _compared(each)], names)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _of_each_machine([*_compared(node.left), *_compared(node.right)], names)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("set", "frozenset"):
        yield from (["all", "but"] for each in node.args if isinstance(each, ast.Name) and each.id in names)
    elif isinstance(node, ast.JoinedStr | ast.Constant):
        yield from _in_sql(node)


def _compared(node: ast.AST) -> list[ast.expr]:
    return node.comparators if isinstance(node, ast.Compare) else []


def _of_each_machine(nodes: list[ast.expr], names: dict[str, str]) -> Iterator[list[str]]:
    words = [each.value for each in nodes if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    for machine, kind in MACHINES.items():
        members = [_member(each) for each in nodes]
        yield [member for name, member in filter(None, members) if names.get(name) == machine]
        yield [word for word in words if word in list(kind)]


def _member(node: ast.expr) -> tuple[str, str] | None:
    if isinstance(node, ast.Attribute) and node.attr == "value":
        node = node.value
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id, node.attr
    return None


def _in_sql(node: ast.JoinedStr | ast.Constant) -> Iterator[list[str]]:
    values = node.values if isinstance(node, ast.JoinedStr) else [node]
    text = "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in values)
    lists = [re.findall(r"\w+", found) for found in SQL_LIST.findall(text)]
    lists += [[one, other] for _, one, other in SQL_PAIR.findall(text)]
    for words in lists:
        for kind in MACHINES.values():
            yield [word for word in words if word in list(kind)]


def test_no_set_of_states_is_written_outside_the_module_of_states():
    found = {
        f"{path}:{line} lists {', '.join(listed)}: name the set in billing/domain/states.py"
        for each in source_files()
        if (path := str(each.relative_to(ROOT))) not in NOT_A_SET_OF_STATES
        for line, listed in sets_in(each.read_text(encoding="utf-8"))
    }
    assert not found


def test_each_exemption_is_needed():
    for path in NOT_A_SET_OF_STATES:
        assert list(sets_in((ROOT / path).read_text(encoding="utf-8"))), f"{path} lists no states: take it off the list"


@pytest.mark.parametrize("restated", [
    "_LIVE = (ChargeState.SENDING, ChargeState.UNKNOWN)",
    "_S = SubscriptionState\nhere = row.state in {_S.ACTIVE, _S.PAUSED}",
    "query.where(col(Refund.state).in_(['pending', 'unknown']))",
    "query.where(col(Event.to_state).in_((InvoiceState.VOID.value, InvoiceState.UNCOLLECTIBLE.value)))",
    "open = row.state is InvoiceState.OPEN or row.state is InvoiceState.UNCOLLECTIBLE",
    "open = (col(Invoice.state) == InvoiceState.OPEN) | (col(Invoice.state) == InvoiceState.PAID)",
    "text(\"subscription.state NOT IN ('active', 'trialing')\")",
    "text(f\"{table}.state IN ('sending', 'parked') AND id = :id\")",
    "text(\"s.state = 'active' OR s.state = 'paused'\")",
    "_CLOSED = frozenset(ChargeState) - LIVE_CHARGE_STATES",
])  # fmt: skip
def test_a_set_is_found_however_it_is_written(restated):
    assert list(sets_in(restated))


@pytest.mark.parametrize("fine", [
    "row.state in LIVE_CHARGE_STATES",
    "row.state is InvoiceState.OPEN and row.source_state is SourceState.ACTIVE",
    "text(f\"{state_in(IN_ARREARS)} AND p.state = 'paid' AND (d.state = 'open' OR d.paid_at > 1)\")",
    "'''Of ``state IN ('active', 'trialing')``.'''",
    "match state:\n  case ChargeState.SENDING | ChargeState.UNKNOWN:\n    pass",
])  # fmt: skip
def test_what_is_no_set_is_let_be(fine):
    assert not list(sets_in(fine))


def test_each_set_says_who_uses_it_and_names_each_state_once():
    tree = ast.parse((ROOT / "billing/domain/states.py").read_text(encoding="utf-8"))
    explained = {
        node.target.id
        for node, after in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(after, ast.Expr)
    }
    assert len(NAMED) > 20
    assert NAMED.keys() <= explained, "a named set without a docstring"
    for name, members in NAMED.items():
        assert len({type(each) for each in members}) == 1, name
        assert len(set(members)) == len(members), name


@pytest.mark.parametrize("kinds", [
    ("LIVE_SUBSCRIPTIONS", "ENDED_SUBSCRIPTIONS"),
    ("FORGIVEN_INVOICES", "COLLECTIBLE_INVOICES"),
    ("LIVE_CHARGE_STATES", "FAILED_CHARGE_STATES", "CAPTURED"),
    ("COUNTED_REFUND_STATES", "FAILED_REFUND_STATES"),
    ("OPEN_OBLIGATION_STATES", "REFUNDED", "SETTLED"),
])  # fmt: skip
def test_of_every_state_it_is_decided_on_which_side_it_stands(kinds):
    machine = type(NAMED[kinds[0]][0])
    sides = [each for kind in kinds for each in NAMED.get(kind) or (machine[kind],)]
    assert sorted(sides) == sorted(machine), f"each {machine.__name__} must be in exactly one of {', '.join(kinds)}"


def test_a_condition_names_the_states_in_the_order_of_their_set():
    assert state_in(states.RENEWING_SUBSCRIPTIONS) == "state IN ('active', 'trialing')"
    assert state_in(states.IN_ARREARS, "s.state") == "s.state IN ('past_due', 'unpaid')"
