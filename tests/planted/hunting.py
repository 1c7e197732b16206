"""Lets a catcher loose on a tree, and judges whether it failed for the right reason."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from tests.planted.bugs import Bug

PASSED, TESTS_FAILED = 0, 1
"""Exit codes of pytest; any other one means that the tests did not run as asked."""
_CATCH: Final = Path(__file__).with_name("catch.py")


@dataclass(frozen=True)
class Catch:
    """What a catcher said of a tree."""

    lived: int
    passed: int
    exit: int | None
    failed: tuple[dict[str, Any], ...]
    seconds: float
    imported: tuple[str, ...]

    @property
    def numbers(self) -> frozenset[int | str | None]:
        return frozenset(each["number"] for each in self.failed)

    def told(self) -> str:
        """Return what failed, in a line each."""
        return "\n".join(f"{each['what']}: {each['why'][:300]}" for each in self.failed) or "nothing failed"


class Catchers:
    """A process that has loaded what is not ours, and catches in one tree after the other."""

    def __init__(self) -> None:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_", "PYTEST_"))
        }
        # Not as a module: nothing of this project may be loaded before there is a tree to load it from.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_CATCH)],
            cwd="/",
            env=inherited | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.communicate()

    def live_through(self, tree: Path, bug: Bug, *, stop: bool = True, worlds: int | None = None) -> Catch:
        """Live through the bug's worlds in this tree; ``stop`` at the first that fails."""
        number = bug.worlds if worlds is None else worlds
        asked = {"worlds": [bug.first_world, number], "without": sorted(bug.without), "stop": stop}
        return self._hunt(tree, bug.files, asked, bug.seconds if stop else 3600)

    def run_tests(self, tree: Path, bug: Bug) -> Catch:
        return self._hunt(tree, bug.files, {"worlds": None, "tests": bug.tests}, bug.seconds)

    def run_these(self, tree: Path, tests: list[str]) -> Catch:
        """Run tests in a tree without a bug, in one process."""
        return self._hunt(tree, (), {"worlds": None, "tests": tests}, 270)

    def _hunt(self, tree: Path, files: tuple[str, ...], asked: dict[str, Any], seconds: float) -> Catch:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        asked |= {"tree": str(tree.resolve()), "files": files, "timeout": seconds}
        stdin.write(json.dumps(asked) + "\n")
        stdin.flush()
        told = json.loads(stdout.readline())
        assert "broke" not in told, f"the catcher itself broke:\n{told['broke']}"
        for file, place in zip(files, told["imported"], strict=True):
            assert place == str((tree / file).resolve()), f"{place} was in force, and not the copy in {tree}"
        return Catch(
            told.get("lived", 0),
            told.get("passed", 0),
            told.get("exit"),
            tuple(told["failed"]),
            told["seconds"],
            tuple(told["imported"]),
        )
