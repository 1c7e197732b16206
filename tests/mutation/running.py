"""Runs the tests of a part against its mutants, a few forks at a time, those tests first that noticed most so far."""

import itertools
import json
import os
import select
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.mutation.forks import Plan, fork
from tests.mutation.mutants import Mutant
from tests.mutation.parts import Part

_PATIENCE: Final = 5
"""So many times the time of the right code, and this many seconds more, is given to a mutant."""
_GRACE: Final = 20.0
PASSED: Final = 0


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant. ``by`` is the test that failed, ``too slow``, or None: it survived."""

    mutant: Mutant
    by: str | None
    seconds: float


@dataclass
class _Running:
    mutant: Mutant
    child: int
    began: float
    patience: float


class Runner:
    """Keeps what was learned of the tests: how long each takes, and what each has noticed."""

    def __init__(self, scratch: Path, jobs: int) -> None:
        self._scratch = scratch
        self._jobs = jobs
        self._numbers = itertools.count()
        self._baseline: dict[tuple[str, ...], float] = {}
        self._last_order: dict[tuple[str, ...], dict[str, float]] = {}
        self._seconds: dict[str, float] = {}
        self._noticed: dict[str, Counter[str]] = {}
        self._reached: dict[str, dict[str, list[str]]] = {}

    def judge(self, part: Part, mutants: Iterable[Mutant]) -> Iterator[Verdict]:
        """Yield what becomes of each mutant, in the order in which they end."""
        running: dict[int, _Running] = {}
        waiting = iter(mutants)
        for mutant in itertools.chain(waiting, itertools.repeat(None)):
            if mutant is not None:
                tests = (*part.options, *part.tests[mutant.file])
                patience = self._time_of(tests, part) * _PATIENCE + _GRACE
                order = self._last_order[tests] = self._order(mutant)
                child, pipe = self._fork(mutant, Plan(tests, order, self._that_reach(mutant)))
                running[pipe] = _Running(mutant, child, time.monotonic(), patience)
            while running and (mutant is None or len(running) >= self._jobs):
                yield from self._ended(running)
            if mutant is None:
                return

    def try_the_right_code(self) -> None:
        """Run the tests once more without a mistake, in the order they came to: they must pass in that one too."""
        for tests, order in self._last_order.items():
            told = _last_words(*self._fork(None, Plan(tests, order)))
            assert told["code"] == PASSED, f"without any mistake, in another order: {told}"

    def _fork(self, mutant: Mutant | None, plan: Plan) -> tuple[int, int]:
        return fork(mutant, plan, self._scratch / str(next(self._numbers)))

    def _that_reach(self, mutant: Mutant) -> frozenset[str] | None:
        """Return the tests that run the statement, or None, for all: what the import runs is everybody's."""
        lines = self._reached.get(mutant.file, {})
        tests = {test for line in mutant.lines for test in lines.get(str(line), ())}
        return frozenset(tests) if tests and "" not in tests else None

    def _time_of(self, tests: tuple[str, ...], part: Part) -> float:
        """Run the tests without a mistake, once; they must pass."""
        if tests not in self._baseline:
            began = time.monotonic()
            watched = [file for file in part.tests if (*part.options, *part.tests[file]) == tests]
            told = _last_words(*self._fork(None, Plan(tests, {}, watched=watched)))
            assert told["code"] == PASSED, f"without any mistake: {told}"
            self._seconds |= told["seconds"]
            self._reached |= told["reached"]
            self._baseline[tests] = time.monotonic() - began
        return self._baseline[tests]

    def _order(self, mutant: Mutant) -> dict[str, float]:
        here = self._noticed.get(f"{mutant.file} {mutant.scope}", Counter())
        nearby = self._noticed.get(mutant.file, Counter())
        quick = {test: seconds - 1000 * (nearby[test] > 0) for test, seconds in self._seconds.items()}
        return quick | {test: -1000.0 - times for test, times in here.items()}

    def _ended(self, running: dict[int, _Running]) -> Iterator[Verdict]:
        ready, _, _ = select.select(list(running), [], [], 0.5)
        for pipe in list(running):
            each = running[pipe]
            lasted = time.monotonic() - each.began
            if pipe in ready:
                del running[pipe]
                told = _last_words(each.child, pipe)
                assert told["code"] is not None, f"{each.mutant.name}: {told}"
                by = None if told["code"] == PASSED else " ".join(told["failed"][:1]) or f"exit {told['code']}"
            elif lasted > each.patience:
                del running[pipe]
                os.killpg(each.child, signal.SIGKILL)
                _last_words(each.child, pipe)
                by = "too slow"
            else:
                continue
            if by is not None and "::" in by:
                for place in (each.mutant.file, f"{each.mutant.file} {each.mutant.scope}"):
                    self._noticed.setdefault(place, Counter())[by] += 1
            yield Verdict(each.mutant, by, lasted)


def _last_words(child: int, pipe: int) -> dict[str, Any]:
    with os.fdopen(pipe, "rb") as source:
        said = source.read()
    os.waitpid(child, 0)
    return json.loads(said) if said else {"code": -1, "failed": ["it broke the process"], "seconds": {}}
