"""What is written down of a whole run: how many mutants were noticed, and why the others need not be."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.mutation.mutants import Mutant
from tests.mutation.parts import PARTS, Part

WRITTEN: Final = Path(__file__).parent / "RESULTS.md"
_EXPLAINED: Final = Path(__file__).parent / "survivors.toml"
_KINDS: Final = ("equivalent", "unimportant")
_LEAST: Final = 90
"""Percent of the mutants of each part that must be noticed."""
_HEAD: Final = """# Results

`make mutants` makes small mistakes in `plans/`, `billing/domain/` and the charging act, one at a time, and
runs the tests of the module against each of them: {all} in the parts below.{missing}
It writes this file; `tests/mutation/README.md` says how it
works. A mutant is *killed* when a test fails, when the module cannot be imported, or when the tests take five
times as long as they should and 20 seconds more. At least {least} % must be killed in each part, and every one
that survives must be explained in `survivors.toml`: it is *equivalent* when no caller can tell the difference,
and *unimportant* when somebody can, but nobody minds.
"""

Mutants = Mapping[Part, Sequence[Mutant]]


@dataclass(frozen=True)
class Explanation:
    """Why a mutant need not be noticed."""

    mutants: tuple[str, ...]
    kind: str
    why: str


def read_explanations() -> list[Explanation]:
    """Read why each survivor may survive."""
    told = tomllib.loads(_EXPLAINED.read_text()).get("survivors", [])
    explanations = [Explanation(tuple(each["mutants"]), each["kind"], each["why"]) for each in told]
    assert all(each.kind in _KINDS for each in explanations)
    return explanations


def complaints(mutants: Mutants, kept: Mapping[str, Any], explanations: Sequence[Explanation]) -> list[str]:
    """Say what is wrong with a whole run: too few noticed, a survivor unexplained, an explanation too many."""
    explained = {name for each in explanations for name in each.mutants}
    wrong = []
    for part, those in mutants.items():
        survived = {each.name for each in those if kept[each.name]["by"] is None}
        if 100 * len(survived) > (100 - _LEAST) * len(those):
            wrong.append(f"{part.name}: {len(survived)} of {len(those)} survived; at least {_LEAST} % must be killed")
        wrong += [f"survived, and is not explained: {name}" for name in sorted(survived - explained)]
        noticed = {each.name for each in those} - survived
        wrong += [f"is explained, but was killed: {name}" for name in sorted(noticed & explained)]
    return wrong


def written(mutants: Mutants, kept: Mapping[str, Any], explanations: Sequence[Explanation]) -> str:
    """Return the results of a whole run as Markdown."""
    missing = ", ".join(part.name for part in PARTS if part not in mutants)
    missing = f" Not judged as a whole so far: {missing}." if missing else ""
    lines = [_HEAD.format(all=sum(len(those) for those in mutants.values()), least=_LEAST, missing=missing)]
    lines += ["| part and module | mutants | killed | survived | killed, % |", "| --- | ---: | ---: | ---: | ---: |"]
    for part, those in mutants.items():
        lines.append(_figures(f"**{part.name}**", those, kept))
        for file in dict.fromkeys(each.file for each in those):
            lines.append(_figures(f"`{file}`", [each for each in those if each.file == file], kept))
    lines += ["", "## Survivors", "", "| where | what was written | kind | why it may survive |"]
    lines.append("| --- | --- | --- | --- |")
    survived = {each.name: each for those in mutants.values() for each in those if kept[each.name]["by"] is None}
    for explanation in explanations:
        for name in explanation.mutants:
            if name in survived:
                lines.append(_row(survived.pop(name), explanation.kind, explanation.why))
    lines += [_row(mutant, "**unexplained**", "") for mutant in survived.values()]
    return "\n".join(lines) + "\n"


def _figures(name: str, mutants: Sequence[Mutant], kept: Mapping[str, Any]) -> str:
    survived = sum(kept[each.name]["by"] is None for each in mutants)
    killed = len(mutants) - survived
    return f"| {name} | {len(mutants)} | {killed} | {survived} | {100 * killed / len(mutants):.1f} |"


def _row(mutant: Mutant, kind: str, why: str) -> str:
    cells = (f"`{mutant.file}` {mutant.scope}", mutant.told, kind, why)
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"
