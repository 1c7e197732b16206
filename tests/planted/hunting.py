"""Lets a catcher loose on a tree, and judges whether it failed for the right reason."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.planted.bugs import Bug

PASSED, TESTS_FAILED = 0, 1
"""Exit codes of pytest; any other one means that the tests did not run as asked."""


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


def live_through(tree: Path, bug: Bug, *, stop: bool = True, worlds: int | None = None) -> Catch:
    """Live through the bug's worlds in this tree; ``stop`` at the first that fails."""
    number = bug.worlds if worlds is None else worlds
    asked = {"worlds": [bug.first_world, number], "without": sorted(bug.without), "stop": stop}
    return _hunt(tree, bug.files, asked, bug.seconds if stop else 900)


def run_tests(tree: Path, bug: Bug) -> Catch:
    return _hunt(tree, bug.files, {"worlds": None, "tests": bug.tests}, bug.seconds)


def run_all_tests(tree: Path, bugs: list[Bug]) -> Catch:
    """Run every test that is named by a bug, in one process."""
    tests = sorted({test for bug in bugs for test in bug.tests})
    return _hunt(tree, (), {"worlds": None, "tests": tests}, 240)


def _hunt(tree: Path, files: tuple[str, ...], asked: dict[str, Any], seconds: float) -> Catch:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_", "PYTEST_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.planted.catch", json.dumps({**asked, "files": files})],
        cwd=tree,
        env=inherited | {"PYTHONPATH": str(tree), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert done.returncode == 0, f"the catcher itself broke:\n{done.stderr[-3000:]}"
    told = json.loads(done.stdout.splitlines()[-1])
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
