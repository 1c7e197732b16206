"""Small mistakes in a module, one at a time: what a slip of the pen, or a hurried change, might make of it.

A mutant is a splice of the source text. What carries no behaviour is left alone: annotations, docstrings,
decorators, what is logged, and the wording of f-strings and of raised errors.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutation.slips import slips_of

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutant:
    """One mistake. ``name`` stays the same while lines move, so that a survivor can be explained for good."""

    file: str
    line: int
    scope: str
    """The function or class it is in, or ``module``."""
    told: str
    """What is written instead of what."""
    start: int
    end: int
    text: str

    @property
    def name(self) -> str:
        return f"{self.file} {self.scope}: {self.told}"

    @property
    def lines(self) -> range:
        """The lines of the statement it is in, without those that the statement holds as a block."""
        around = [each for each in ast.walk(ast.parse((ROOT / self.file).read_bytes())) if isinstance(each, ast.stmt)]
        holding = [each for each in around if each.lineno <= self.line <= (each.end_lineno or each.lineno)]
        inner = max(holding, key=lambda each: (each.lineno, -(each.end_lineno or each.lineno)))
        body = getattr(inner, "body", None)
        return range(inner.lineno, body[0].lineno if body else (inner.end_lineno or inner.lineno) + 1)

    @property
    def module(self) -> str:
        return self.file.removesuffix(".py").replace("/", ".")

    def source(self) -> bytes:
        """Return the module with the mistake in it."""
        right = (ROOT / self.file).read_bytes()
        return right[: self.start] + self.text.encode() + right[self.end :]


def mutants_of(file: str) -> list[Mutant]:
    """Find every mistake that can be made in a file of this project, in the order of its lines."""
    return list(mutants_in(file, (ROOT / file).read_bytes()))


def mutants_in(file: str, source: bytes) -> Iterator[Mutant]:
    """Find every mistake that can be made in a source text."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    seen: Counter[str] = Counter()
    for slip in sorted(slips_of(ast.parse(source)), key=lambda each: each.node.lineno):
        start = starts[slip.node.lineno - 1] + slip.node.col_offset
        end = starts[slip.node.end_lineno - 1] + slip.node.end_col_offset
        seen[f"{slip.scope}: {slip.told}"] += 1
        again = seen[f"{slip.scope}: {slip.told}"]
        told = slip.told if again == 1 else f"{slip.told} (the {again}. time)"
        yield Mutant(file, slip.node.lineno, slip.scope, told, start, end, slip.text)
