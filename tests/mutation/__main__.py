"""``python -m tests.mutation``: make every small mistake in plans, domain and the charging act; who notices it?"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from tests.mutation.forks import load_what_never_changes
from tests.mutation.mutants import ROOT, Mutant, mutants_of
from tests.mutation.parts import PARTS
from tests.mutation.results import WRITTEN, complaints, read_explanations, written
from tests.mutation.running import Runner

_KEPT: Final = ROOT / "build" / "mutants.json"


def main() -> int:
    """Judge the mutants that were asked for; write the results of each part that has been judged as a whole.

    Return 0 when enough were noticed, and each that was not is explained.
    """
    asked = _arguments()
    kept: dict[str, Any] = json.loads(asked.kept.read_text()) if asked.kept.exists() else {}
    asked.kept.parent.mkdir(exist_ok=True)
    _judge(asked, kept)
    explanations = read_explanations()
    mutants = {part: [each for file in part.tests for each in mutants_of(file)] for part in PARTS}
    mutants = {part: those for part, those in mutants.items() if all(each.name in kept for each in those)}
    if not mutants:
        return 0
    WRITTEN.write_text(written(mutants, kept, explanations))
    wrong = complaints(mutants, kept, explanations)
    print("\n".join(wrong) or f"written: {WRITTEN.relative_to(ROOT)}")
    return 1 if wrong else 0


def _judge(asked: argparse.Namespace, kept: dict[str, Any]) -> None:
    load_what_never_changes()
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        runner = Runner(Path(scratch), asked.jobs)
        for part in PARTS:
            for file in part.tests:
                mutants = [each for each in mutants_of(file) if _is_wanted(each, kept, asked)]
                began, survived = time.monotonic(), 0
                for verdict in runner.judge(part, mutants):
                    kept[verdict.mutant.name] = {"by": verdict.by, "seconds": round(verdict.seconds, 1)}
                    asked.kept.write_text(json.dumps(kept, indent=1, ensure_ascii=False))
                    if verdict.by is None:
                        survived += 1
                        print(f"    survived, line {verdict.mutant.line}: {verdict.mutant.name}", flush=True)
                if mutants:
                    took = round(time.monotonic() - began)
                    print(f"{file}: {len(mutants)} mutants, {survived} survived, {took} s", flush=True)
        runner.try_the_right_code()


def _is_wanted(mutant: Mutant, kept: dict[str, Any], asked: argparse.Namespace) -> bool:
    if not any(words in mutant.name for words in asked.mutants):
        return False
    if asked.survivors:
        return mutant.name in kept and kept[mutant.name]["by"] is None
    return not asked.new or mutant.name not in kept


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("mutants", nargs="*", default=[""], help="parts of the names of mutants; without any, all")
    parser.add_argument("--jobs", type=int, default=2, help="how many mutants are judged at a time")
    parser.add_argument("--survivors", action="store_true", help="only those that survived the last time")
    parser.add_argument("--new", action="store_true", help="only those that were not judged yet")
    parser.add_argument("--kept", type=Path, default=_KEPT, help="where the verdicts are kept from run to run")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
