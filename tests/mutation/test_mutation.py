"""The mutants are the mistakes that they say they are, they are noticed or not, and those that may live exist."""

import json
import os
import subprocess
import sys

import pytest

from tests.mutation.mutants import ROOT, mutants_in, mutants_of
from tests.mutation.parts import PARTS
from tests.mutation.results import WRITTEN, complaints, read_explanations, written


def told(source):
    return [mutant.told for mutant in mutants_in("x.py", source.encode())]


@pytest.mark.parametrize(
    ("source", "mistakes"),
    [
        ("x = a < 1", ["`a < 1` → `a <= 1`", "`1` → `2`"]),
        ("x = a is b", ["`a is b` → `a is not b`"]),
        ("x = a - max(b, c)", ["`a - max(b, c)` → `a + max(b, c)`", "`max` → `min`"]),
        ("x = {A: 'é'}", ["without `A: 'é'`", "`'é'` → `'éXX'`"]),
        ("X = 'AB 1C'", ["without `AB`", "without `1C`"]),
        ("def f(a):\n    if a:\n        raise E('why')", ["always `a`", "never `a`", "without `raise E('why')`"]),
        ("def f(a):\n    return a", ["`return a` → `return None`"]),
        ("def f(a):\n    act(a)\n    log.info('x')", ["without `act(a)`"]),
        ("x = y and not z", ["without `y`", "without `not z`", "`not z` → `z`"]),
        ("x = replace(y, z=w)", ["without `z=w`"]),
        ("match x:\n    case A():\n        pass\n    case _:\n        pass", ["never case `A()`"]),
        ('"""Doc."""\nx: int | None\n@d(1)\ndef f(a: "T") -> "R": ...', []),
    ],
)
def test_these_mistakes_can_be_made(source, mistakes):
    assert told(source) == mistakes


def test_a_mistake_stands_where_it_was_made_and_nothing_else_differs():
    source = "x = 'é'  # é\ny = (a\n     < b)\n".encode()
    [name, boundary] = mutants_in("x.py", source)
    assert source[name.start : name.end].decode() == "'é'"
    assert source[boundary.start : boundary.end] == b"a\n     < b"
    assert (name.line, boundary.line) == (1, 2)


def test_two_mistakes_of_one_kind_in_one_function_have_two_names():
    assert told("x = 1 + 1") == ["`1 + 1` → `1 - 1`", "`1` → `2`", "`1` → `2` (the 2. time)"]


def test_what_may_survive_is_a_mutant_still_and_stands_in_the_results():
    names = {mutant.name for part in PARTS for file in part.tests for mutant in mutants_of(file)}
    explained = [name for each in read_explanations() for name in each.mutants]
    assert len(explained) == len(set(explained))
    assert set(explained) <= names, "the code has moved on: run `make mutants`, and explain anew what survives"
    table = WRITTEN.read_text()
    for each in read_explanations():
        assert each.why.replace("|", "\\|") in table


def test_a_survivor_that_nobody_explained_is_complained_of_and_one_too_many_as_well():
    part = PARTS[0]
    mutants = {part: mutants_of("plans/pricing.py")[:10]}
    [one, two, *rest] = [mutant.name for mutant in mutants[part]]
    kept = {one: {"by": None}, two: {"by": "a test"}} | {name: {"by": "a test"} for name in rest}
    assert complaints(mutants, kept, []) == [f"survived, and is not explained: {one}"]
    assert "**unexplained**" in written(mutants, kept, [])
    kept |= {two: {"by": None}}
    assert complaints(mutants, kept, [])[0] == "plans: 2 of 10 survived; at least 90 % must be killed"


def test_a_mistake_is_noticed_by_the_tests_and_what_is_equal_is_not(tmp_path):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST_"))}
    kept = tmp_path / "kept.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutation", "identity.py _base32", "--kept", str(kept), "--jobs", "1"],
        cwd=ROOT,
        env=inherited,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    by = {name.split(": ", 1)[1]: verdict["by"] for name, verdict in json.loads(kept.read_text()).items()}
    assert by.pop("`'='` → `'=XX'`") is None
    assert by
    assert all("tests/domain/test_identity.py::" in str(each) for each in by.values())
