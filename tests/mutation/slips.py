"""The mistakes: for each kind of syntax what might stand there instead."""

import ast
import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

_BOUNDARIES: Final = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_OPPOSITES: Final = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATORS: Final = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
}
_CALLS: Final = {"max": "min", "min": "max", "any": "all", "all": "any"}
_TABLE_OF_WORDS: Final = re.compile(r"\s?[A-Z0-9]+(?: [A-Z0-9]+)+")
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Slip:
    """``node`` is written as ``text``; ``told`` says so in a line, ``scope`` in which function or class."""

    node: Any
    text: str
    told: str
    scope: str = "module"


@dataclass(frozen=True)
class _Place:
    """Where a node stands: what is above it, the nearest last, and the name of its scope."""

    above: tuple[ast.AST, ...] = ()
    scope: tuple[str, ...] = ()

    @property
    def parent(self) -> ast.AST | None:
        return self.above[-1] if self.above else None

    @property
    def is_in_a_function(self) -> bool:
        return any(isinstance(each, _FUNCTIONS) for each in self.above)

    @property
    def is_wording(self) -> bool:
        """Say whether it is raised, which tests match where the wording matters."""
        return any(isinstance(each, ast.Raise) for each in self.above)


def slips_of(tree: ast.Module) -> Iterator[Slip]:
    """Find every mistake in a module."""
    yield from _walk(tree, _Place())


def _walk(node: ast.AST, place: _Place) -> Iterator[Slip]:
    if _carries_no_behaviour(node):
        return
    scope = ".".join(place.scope) or "module"
    for kind, mistakes in _MISTAKES.items():
        if isinstance(node, kind):
            for slip in mistakes(node, place):
                yield Slip(slip.node, slip.text, slip.told, scope)
    named = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    inside = _Place((*place.above, node), (*place.scope, node.name) if named else place.scope)
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk(child, inside)


def _carries_no_behaviour(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        # What is logged, and the end of a match that the types close, which is never reached.
        is_logged = isinstance(node.value, ast.Call) and ast.unparse(node.value.func).startswith(
            ("log.", "assert_never")
        )
        return isinstance(node.value, ast.Constant) or is_logged
    if isinstance(node, ast.Assign):
        made = ast.unparse(node.value)
        return ast.unparse(node.targets[0]) == "__all__" or made.startswith(("TypeVar(", "structlog."))
    if isinstance(node, ast.AnnAssign):
        return ast.unparse(node.annotation) == "TypeAlias" or node.value is None
    return isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr)


def _short(node: ast.AST | str, most: int = 70) -> str:
    text = node if isinstance(node, str) else ast.unparse(node)
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _instead(node: ast.AST, other: ast.AST | str) -> Slip:
    text = other if isinstance(other, str) else ast.unparse(other)
    bare = isinstance(node, ast.stmt | ast.pattern) or isinstance(other, ast.Constant)
    return Slip(node, text if bare else f"({text})", f"`{_short(node)}` → `{_short(text)}`")


def _without(node: ast.AST, field: str, index: int, told: ast.AST | str) -> Slip:
    less = copy.deepcopy(node)
    for name in ("keys", "values") if isinstance(node, ast.Dict) else (field,):
        del getattr(less, name)[index]
    return Slip(node, f"({ast.unparse(less)})" if isinstance(less, ast.Tuple) else ast.unparse(less), _left_out(told))


def _left_out(what: ast.AST | str) -> str:
    return f"without `{_short(what)}`"


def _compare(node: ast.Compare, place: _Place) -> Iterator[Slip]:
    for index, operator in enumerate(node.ops):
        # A condition is made true and false anyway, which is at least as hard to notice as its opposite.
        swaps = _BOUNDARIES if _is_condition(node, place) else _BOUNDARIES | _OPPOSITES
        if type(operator) in swaps:
            other = copy.deepcopy(node)
            other.ops[index] = swaps[type(operator)]()
            yield _instead(node, other)


def _is_condition(node: ast.AST, place: _Place) -> bool:
    above = place.parent
    if isinstance(above, ast.comprehension):
        return node in above.ifs
    if isinstance(above, ast.match_case):
        return node is above.guard
    return isinstance(above, ast.If | ast.IfExp | ast.While) and node is above.test


def _expression(node: ast.expr, place: _Place) -> Iterator[Slip]:
    if not _is_condition(node, place):
        return
    # A loop that never ends is noticed by anybody who runs it.
    for always in (False,) if isinstance(place.parent, ast.While) else (True, False):
        told = f"{'always' if always else 'never'} `{_short(node)}`"
        yield Slip(node, str(always), told)


def _boolean(node: ast.BoolOp, _: _Place) -> Iterator[Slip]:
    for index, operand in enumerate(node.values):
        rest = [*node.values[:index], *node.values[index + 1 :]]
        less = ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0]
        yield Slip(node, f"({ast.unparse(less)})", _left_out(operand))


def _unary(node: ast.UnaryOp, place: _Place) -> Iterator[Slip]:
    if not _is_condition(node, place):
        yield _instead(node, node.operand)


def _binary(node: ast.BinOp, place: _Place) -> Iterator[Slip]:
    is_of_types = isinstance(node.op, ast.BitOr) and not isinstance(node.left, ast.Call | ast.Dict)
    if type(node.op) in _OPERATORS and not (is_of_types or place.is_wording):
        yield _instead(node, ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right))


def _constant(node: ast.Constant, place: _Place) -> Iterator[Slip]:
    value = node.value
    if isinstance(value, bool):
        yield _instead(node, ast.Constant(not value))
    elif isinstance(value, int | float):
        yield _instead(node, ast.Constant(value + 1))
    elif (
        isinstance(value, str)
        and not place.is_wording
        and not (
            # An entry of a table is left out as a whole, which is at least as hard to notice as its wrong name.
            isinstance(place.parent, ast.Dict) and node in place.parent.keys
        )
    ):
        if not place.is_in_a_function and _TABLE_OF_WORDS.fullmatch(value):
            words = value.split()
            for index, word in enumerate(words):
                rest = " ".join([*words[:index], *words[index + 1 :]])
                yield Slip(node, repr(value[: len(value) - len(value.lstrip())] + rest), _left_out(word))
        else:
            yield _instead(node, ast.Constant(f"{value}XX"))
    elif isinstance(value, bytes):
        yield _instead(node, ast.Constant(value + b"XX"))


def _entries(node: ast.Dict, _: _Place) -> Iterator[Slip]:
    for index, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
        told = f"**{ast.unparse(value)}" if key is None else f"{ast.unparse(key)}: {ast.unparse(value)}"
        yield _without(node, "keys", index, told)


def _elements(node: ast.Tuple | ast.List | ast.Set, place: _Place) -> Iterator[Slip]:
    is_unpacked = isinstance(node, ast.Tuple) and (
        isinstance(place.parent, ast.Return | ast.Subscript | ast.For | ast.Tuple)
        or (isinstance(place.parent, ast.Assign) and place.is_in_a_function)
    )
    if isinstance(node, ast.Set) and len(node.elts) == 1:
        yield Slip(node, "set()", _left_out(node.elts[0]))
    elif not is_unpacked and not (isinstance(node, ast.Tuple | ast.List) and not isinstance(node.ctx, ast.Load)):
        for index, element in enumerate(node.elts):
            yield _without(node, "elts", index, element)


def _call(node: ast.Call, place: _Place) -> Iterator[Slip]:
    if place.is_wording:
        return
    if isinstance(node.func, ast.Name):
        if node.func.id in _CALLS:
            yield _instead(node.func, ast.Name(_CALLS[node.func.id]))
        if node.func.id == "sorted" and not node.keywords:
            yield _instead(node, node.args[0])
        if node.func.id == "replace" or node.func.id[:1].isupper():
            for index, keyword in enumerate(node.keywords):
                yield _without(node, "keywords", index, keyword)


def _statement(node: ast.stmt, place: _Place) -> Iterator[Slip]:
    if not place.is_in_a_function:
        return
    if isinstance(node, ast.Expr | ast.AugAssign | ast.Raise | ast.Continue | ast.Break):
        yield Slip(node, "pass", _left_out(node))
    elif isinstance(node, ast.Return) and node.value is not None and ast.unparse(node.value) != "None":
        yield _instead(node, "return None")
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript | ast.Attribute):
        yield Slip(node, "pass", _left_out(node))


def _case(node: ast.match_case, _: _Place) -> Iterator[Slip]:
    if node.guard is None and ast.unparse(node.pattern) != "_":
        told = f"never case `{_short(node.pattern)}`"
        yield Slip(node.pattern, f"{ast.unparse(node.pattern)} if False", told)
    if isinstance(node.pattern, ast.MatchOr):
        for index, pattern in enumerate(node.pattern.patterns):
            yield _without(node.pattern, "patterns", index, pattern)


_MISTAKES: Final[dict[Any, Callable[[Any, _Place], Iterator[Slip]]]] = {
    ast.Compare: _compare,
    ast.expr: _expression,
    ast.BoolOp: _boolean,
    ast.UnaryOp: _unary,
    ast.BinOp: _binary,
    ast.Constant: _constant,
    ast.Dict: _entries,
    (ast.Tuple, ast.List, ast.Set): _elements,
    ast.Call: _call,
    ast.stmt: _statement,
    ast.match_case: _case,
}
