"""``python -m tests.planted``: for each planted bug, which catchers catch it, in how many worlds and seconds."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.planted.bugs import Bug, read_bugs
from tests.planted.hunting import Catchers
from tests.planted.trees import IN_MEMORY, copy_project, twin_of


def main() -> int:
    """Plant one bug after the other and tell who catches it; return 0 when none escapes."""
    asked = _arguments()
    escaped = []
    with tempfile.TemporaryDirectory(prefix="planted-", dir=IN_MEMORY) as folder, Catchers() as catchers:
        clean = copy_project(Path(folder) / "clean")
        for bug in read_bugs():
            if not any(part in bug.name for part in asked.bugs):
                continue
            tree = twin_of(clean, Path(folder) / bug.name)
            bug.plant(tree)
            told = _told(catchers, tree, bug, asked.worlds)
            if not told:
                escaped.append(bug.name)
            print(f"{bug.name}\n" + ("\n".join(f"    {line}" for line in told) or "    ESCAPED"), flush=True)
    print(f"\n{len(escaped)} escaped" + "".join(f"\n    {name}" for name in escaped))
    return 1 if escaped else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument("bugs", nargs="*", default=[""], help="parts of the names of bugs; without any, all of them")
    parser.add_argument("--worlds", type=int, default=20, help="how many worlds to live through with each bug; 0: none")
    return parser.parse_args()


def _told(catchers: Catchers, tree: Path, bug: Bug, worlds: int) -> list[str]:
    lines = []
    if worlds and (bug.invariants or not bug.tests):
        seen = catchers.live_through(tree, bug, stop=False, worlds=worlds)
        if seen.failed:
            numbers = ", ".join(sorted({str(each["number"]) for each in seen.failed}))
            which = " ".join(each["what"].split()[1] for each in seen.failed)
            lines.append(
                f"{len(seen.failed)} of {seen.lived} worlds ({which}), invariants {numbers}, {seen.seconds} s"
                f"; {seen.failed[0]['why'][:150]}"
            )
    if bug.tests:
        done = catchers.run_tests(tree, bug)
        lines += [f"{each['what']}, {done.seconds} s: {each['why'][:100]!r}" for each in done.failed]
    return lines


if __name__ == "__main__":
    sys.exit(main())
