"""No test fails because the machine is slow: the tests are searched for bounds on the time that something may take.

What may be bounded is a hang, by :data:`waiting.HANG_SECONDS`. How fast something is belongs into `bench/`. No machine
is too slow for a lower bound ("not before a second") or for a short deadline that is meant to pass.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import HANG_SECONDS

TESTS = Path(__file__).resolve().parents[1]
CLOCKS = {"monotonic", "perf_counter", "process_time", "time", "now"}
SPANS = {"elapsed", "milliseconds"}
WAITS = {"wait", "result", "join", "wait_for", "communicate"}
A_PAUSE = 1.0
"""A wait for less than this is a pause in a loop, or is meant to end without what was waited for."""
NO_VERDICT = {"torture/enrolling.py": "whoever enrols tries again after a time-out"}


class Offences(ast.NodeVisitor):
    """Finds the bounds in one function, those within it included."""

    def __init__(self, function: ast.AST) -> None:
        self.found: list[tuple[int, str]] = []
        self._readings: set[str] = set()
        self._spans: set[str] = set()
        self._deadlines: set[str] = set()
        self._short = {name for node in ast.walk(function) for name in short_defaults(node)}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._learn(target, node.value)
            elif isinstance(node, ast.NamedExpr):
                self._learn(node.target, node.value)
        self.visit(function)

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
            upwards = isinstance(operator, ast.Lt | ast.LtE)
            if not upwards and not isinstance(operator, ast.Gt | ast.GtE):
                continue
            small, big = (left, right) if upwards else (right, left)
            if self._is_span(small) and is_short(big):
                self._report(node, "a time is bounded by a figure that a slow machine misses")
        self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        self._judge_deadlines(node, node.test)

    def visit_While(self, node: ast.While) -> None:
        self._judge_deadlines(node, node.test)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        given = [each.value for each in node.keywords if each.arg == "timeout"]
        given += node.args[-1:] if called in WAITS else []
        if any(is_short(each) and number(each) >= A_PAUSE for each in given):
            self._report(node, "what is waited for may come later on a slow machine")
        self.generic_visit(node)

    def _judge_deadlines(self, node: ast.stmt, test: ast.expr) -> None:
        named = {each.id for each in ast.walk(test) if isinstance(each, ast.Name)}
        if named & self._deadlines:
            self._report(node, "the deadline is one that a slow machine misses")
        self.generic_visit(node)

    def _learn(self, target: ast.expr, value: ast.expr) -> None:
        pairs = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=False))
        for name, told in pairs:
            if not isinstance(name, ast.Name):
                continue
            if is_reading(told):
                self._readings.add(name.id)
            elif self._is_span(told):
                self._spans.add(name.id)
            elif self._is_deadline(told):
                self._deadlines.add(name.id)

    def _is_span(self, node: ast.expr) -> bool:
        match node:
            case ast.Name(id=name):
                return name in self._spans
            case ast.BinOp(left=left, op=ast.Sub(), right=right) if self._reads(left) or self._reads(right):
                return True
            case ast.BinOp(left=left, right=right):
                return self._is_span(left) or self._is_span(right)
            case ast.Call(func=ast.Name(id="abs" | "round" | "max" | "min"), args=[only]):
                return self._is_span(only)
            case ast.Call(func=ast.Attribute(value=span, attr="total_seconds")):
                return self._is_span(span)
            case ast.Attribute(attr=name):
                return name in SPANS
        return False

    def _is_deadline(self, node: ast.expr) -> bool:
        """Say whether it is a reading and a short time more."""
        match node:
            case ast.BinOp(left=left, op=ast.Add(), right=ast.Name(id=name)):
                return is_reading(left) and name in self._short
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return (is_reading(left) and is_short(right)) or (is_reading(right) and is_short(left))
        return False

    def _reads(self, node: ast.expr) -> bool:
        return is_reading(node) or (isinstance(node, ast.Name) and node.id in self._readings)

    def _report(self, node: ast.stmt | ast.expr, why: str) -> None:
        self.found.append((node.lineno, why))


def is_reading(node: ast.expr) -> bool:
    """Say whether it is what a clock tells: ``time.monotonic()``, ``datetime.now(UTC)``."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="time" | "datetime" | "loop"), attr=name)):
            return name in CLOCKS
        case ast.Call(func=ast.Name(id=name)):
            return name in CLOCKS - {"time", "now"}
    return False


def short_defaults(node: ast.AST) -> Iterator[str]:
    """Yield the parameters of a function that are a short time unless told otherwise."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        inner = node.args
        by_place = zip([*inner.posonlyargs, *inner.args][::-1], inner.defaults[::-1], strict=False)
        for parameter, default in [*by_place, *zip(inner.kwonlyargs, inner.kw_defaults, strict=True)]:
            if default is not None and is_short(default):
                yield parameter.arg


def is_short(node: ast.expr) -> bool:
    """Say whether it is a number of seconds, or a timedelta, that is written out and shorter than a hang."""
    try:
        return number(node) < HANG_SECONDS / 3
    except ValueError:
        return False


def number(node: ast.expr) -> float:
    """Return the value of what is written with numbers only, a timedelta in seconds.

    :raises ValueError: it is not.
    """
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return number(left) * number(right)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return number(left) / number(right)
        case ast.Call(func=ast.Name(id="timedelta"), keywords=[ast.keyword(arg="seconds", value=seconds)]):
            return number(seconds)
    raise ValueError(ast.unparse(node))


def offences_in(source: str) -> list[tuple[int, str]]:
    module = ast.parse(source)
    return sorted({each for part in module.body for each in Offences(part).found})


def test_no_test_asserts_what_a_slow_machine_misses():
    files = {file.relative_to(TESTS).as_posix(): file for file in TESTS.rglob("*.py")}
    assert files.keys() >= NO_VERDICT.keys()
    told = [
        f"{name}:{line}: {why}"
        for name, file in files.items()
        if name not in NO_VERDICT and "node_modules" not in name
        for line, why in offences_in(file.read_text(encoding="utf-8"))
    ]
    advice = "count acts, compare two measurements, or wait with `waiting.until`"
    assert told == [], "\n".join([advice, *told])


@pytest.mark.parametrize(
    "body",
    [
        "began = time.monotonic()\n act()\n assert time.monotonic() - began < 1.4",
        "began = time.monotonic()\n act()\n took = time.monotonic() - began\n assert took < 0.5",
        "began = time.perf_counter()\n assert 0.2 < time.perf_counter() - began < 1.5",
        "began = time.monotonic()\n assert (time.monotonic() - began) / 5 < 0.1",
        "began = time.monotonic()\n assert 2 >= time.monotonic() - began",
        "assert answer.elapsed.total_seconds() < 0.7",
        "assert answer.milliseconds / 1000 < 2",
        "assert abs(datetime.now(UTC) - told) < timedelta(seconds=10)",
        "begun, number = time.monotonic(), 1\n while time.monotonic() - begun < 1.0:\n  number += 1",
        "deadline = time.monotonic() + 10\n while not done():\n  assert time.monotonic() < deadline",
        "deadline = time.monotonic() + 5\n while not done() and time.monotonic() < deadline:\n  pass",
        "def eventually(seconds=10.0):\n  end = time.monotonic() + seconds\n  assert time.monotonic() < end",
        "assert ready.wait(10)",
        "waiting.result(timeout=5)",
        "await asyncio.wait_for(work(), 5)",
    ],
)
def test_a_bound_on_speed_is_found(body):
    assert offences_in(f"async def test():\n {body}\n")


@pytest.mark.parametrize(
    "body",
    [
        "began = time.monotonic()\n act()\n assert time.monotonic() - began >= 0.4",
        "began = time.monotonic()\n first()\n one = time.monotonic() - began\n assert one < 3 * other",
        "deadline = time.monotonic() + HANG_SECONDS\n while not done():\n  assert time.monotonic() < deadline",
        "step = time.monotonic() + 2\n if time.monotonic() > step:\n  go_on()",
        "assert ready.wait(HANG_SECONDS)",
        "stopped.wait(0.05)",
        "world.wait(minutes=2)",
        "with pytest.raises(Timeout):\n  ask(timeout=0.1)",
        "assert len(reads) < 5",
        "assert told.at - world.now < timedelta(days=1)",
        "assert ', '.join(words) == 'a, b'",
    ],
)
def test_what_no_machine_is_too_slow_for_is_left_alone(body):
    assert offences_in(f"async def test():\n {body}\n") == []
