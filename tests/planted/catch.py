"""Runs in a copied tree, in a process of its own: ``python -m tests.planted.catch '{"worlds": [1, 12], …}'``.

Lives through worlds until one fails, or runs named tests, and says as JSON what failed, and why.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import pytest


def main() -> int:
    """Do what was asked, and write the answer on the real standard output, alone on its last line."""
    asked = json.loads(sys.argv[1])
    answer, sys.stdout = sys.stdout, sys.stderr
    began = time.monotonic()
    found = _live_through(asked) if asked["worlds"] else _run_tests(asked["tests"])
    _say(answer, {**found, "seconds": round(time.monotonic() - began, 1), "imported": _imported(asked["files"])})
    return 0


def _live_through(asked: dict[str, Any]) -> dict[str, Any]:
    from tests.simulation.machine import Machine
    from tests.simulation.world import World

    failed: list[dict[str, Any]] = []
    lived = 0
    first, number = asked["worlds"]
    with Machine() as machine:
        for seed in range(first, first + number):
            lived += 1
            try:
                World(seed, machine, without=frozenset(asked["without"])).run()
            except Exception as error:  # noqa: BLE001 - whatever a world ends with is the finding
                why = f"{type(error).__name__}: {error}"
                failed.append(
                    {"what": f"world {seed}", "number": getattr(error, "number", type(error).__name__), "why": why}
                )
                if asked["stop"]:
                    break
    return {"lived": lived, "failed": failed}


class _Reports:
    """Keeps which tests failed in what they assert; an error of a fixture or at collection is none of these."""

    def __init__(self) -> None:
        self.failed: list[dict[str, Any]] = []
        self.passed = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.failed:
            why = getattr(getattr(report.longrepr, "reprcrash", None), "message", str(report.longrepr))
            self.failed.append({"what": report.nodeid, "number": None, "why": why})
        self.passed += report.when == "call" and report.passed


def _run_tests(tests: list[str]) -> dict[str, Any]:
    reports = _Reports()
    code = pytest.main(["-p", "pytest_timeout", "--no-header", "--tb=short", *tests], plugins=[reports])
    return {"exit": int(code), "passed": reports.passed, "failed": reports.failed}


def _imported(files: list[str]) -> list[str]:
    """Return from where each of these files is in force in this process."""
    modules = [importlib.import_module(file.removesuffix(".py").replace("/", ".")) for file in files]
    return [str(Path(str(module.__file__)).resolve()) for module in modules]


def _say(to: TextIO, found: dict[str, Any]) -> None:
    to.write(json.dumps(found) + "\n")
    to.flush()


if __name__ == "__main__":
    sys.exit(main())
