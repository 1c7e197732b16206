"""Runs in a process of its own, and does there what it is asked to, line by line, each time in a fork and in a copy.

Everything that is not ours is loaded once, before the forks; everything that is ours is loaded from the copy. A line of
JSON asks: to live through worlds until one fails, or to run named tests. A line of JSON answers: what failed, and why.
"""

import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Final, TextIO

import pytest

_LOADED_BEFORE: Final = (
    "aiohttp.web",
    "alembic.command",
    "fastapi",
    "greenlet",
    "httpx2",
    "httpx_aiohttp",
    "hypothesis.strategies",
    "pendulum",
    "psycopg",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "sqlmodel",
    "standardwebhooks",
    "structlog",
    "typer.testing",
    "uvicorn",
)
_WITHOUT_FIXTURES: Final = ("tests/domain/", "tests/plans/")
"""Loading the fixtures of all takes longer than these tests, which need none."""


def main() -> int:
    """Answer until nobody asks any more."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for name in _LOADED_BEFORE:
        importlib.import_module(name)
    ours = [name for name in sys.modules if name.split(".")[0] in ("billing", "plans", "tests")]
    assert not ours, f"loaded before there was a copy to load them from: {ours}"
    for line in sys.stdin:
        answers.write(json.dumps(_in_a_fork(json.loads(line))) + "\n")
        answers.flush()
    return 0


def _in_a_fork(asked: dict[str, Any]) -> dict[str, Any]:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        os.setpgid(0, 0)
        with os.fdopen(writer, "w") as answer:
            _answer(asked, answer)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as source:
        ready, _, _ = select.select([source], [], [], asked["timeout"])
        if not ready:
            os.killpg(child, signal.SIGKILL)
        said = source.read() if ready else ""
    os.waitpid(child, 0)
    told: dict[str, Any] = json.loads(said) if said else {"broke": f"it died, or took more than {asked['timeout']} s"}
    return told


def _answer(asked: dict[str, Any], to: TextIO) -> None:
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    began = time.monotonic()
    try:
        os.chdir(asked["tree"])
        sys.path.insert(0, asked["tree"])
        os.environ["PYTHONPATH"] = asked["tree"]  # for the processes that tests start
        found = _live_through(asked) if asked["worlds"] else _run_tests(asked["tests"])
        told = {**found, "seconds": round(time.monotonic() - began, 1), "imported": _imported(asked["files"])}
    except BaseException:  # noqa: BLE001 - whatever it is, it must not go on in the parent's name
        told = {"broke": traceback.format_exc()}
    json.dump(told, to)


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
    options = ["-p", "pytest_timeout", "-p", "no:cacheprovider", "--no-header", "--tb=short"]
    if all(test.startswith(_WITHOUT_FIXTURES) for test in tests):
        options.append(f"--confcutdir={tests[0].rpartition('/')[0]}")
    code = pytest.main([*options, *tests], plugins=[reports])
    return {"exit": int(code), "passed": reports.passed, "failed": reports.failed}


def _imported(files: list[str]) -> list[str]:
    """Return from where each of these files is in force in this process."""
    modules = [importlib.import_module(file.removesuffix(".py").replace("/", ".")) for file in files]
    return [str(Path(str(module.__file__)).resolve()) for module in modules]


if __name__ == "__main__":
    sys.exit(main())
