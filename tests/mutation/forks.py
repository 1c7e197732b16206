"""Runs tests against one mutant, in a fork that has everything loaded but this project.

The fork hands the mutated source to the import system, so that nothing is ever written into a tree.
"""

import importlib
import importlib.util
import json
import os
import resource
import shutil
import sys
import traceback
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any, Final

import pytest
from coverage import Coverage
from hypothesis import Phase, settings

from tests.mutation.mutants import ROOT, Mutant

_LOADED_BEFORE: Final = [
    "alembic.command",
    "aiohttp",
    "asyncpg",
    "fastapi",
    "hypothesis.strategies",
    "httpx2",
    "httpx_aiohttp",
    "pendulum",
    "psycopg",
    "pydantic",
    "sqlalchemy.dialects.sqlite",
    "sqlmodel",
    "structlog",
    "uvicorn",
    "zoneinfo",
    "billing.sandbox.testing",
]
_MOST_MEMORY: Final = 3 * 2**30


def load_what_never_changes() -> None:
    """Import what every fork needs and no mutant touches. The sandbox sees nothing of us."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in _LOADED_BEFORE:
        importlib.import_module(name)
    strangers = [name for name in sys.modules if name.startswith(("billing.", "plans."))]
    assert all(name.startswith("billing.sandbox") for name in strangers), strangers


@dataclass(frozen=True)
class Plan:
    """Which tests to run, the lowest in ``order`` first; of their files only those in ``only``, unless it is None."""

    tests: Sequence[str]
    order: Mapping[str, float]
    only: frozenset[str] | None = None
    watched: Sequence[str] = ()
    """Files of which is told which lines each test runs."""


def fork(mutant: Mutant | None, plan: Plan, scratch: Path) -> tuple[int, int]:
    """Start the tests in a fork; return its process id, and a pipe to read the end of.

    What comes through the pipe is JSON: pytest's exit code, the tests that failed, how long each test took, and
    ``reached``: the tests that ran each line of each file watched.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return child, reader
    os.setpgid(0, 0)
    os.close(reader)
    try:
        told = _run(mutant, plan, scratch)
    except BaseException:  # noqa: BLE001 - whatever it is, it must not go on in the parent's name
        told = {"code": None, "failed": [traceback.format_exc()], "seconds": {}}
    with os.fdopen(writer, "wb") as answer:
        answer.write(json.dumps(told).encode())
    os._exit(0)


def _run(mutant: Mutant | None, plan: Plan, scratch: Path) -> dict[str, Any]:
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    finder = None if mutant is None else _Finder(mutant)
    if finder is not None:
        sys.meta_path.insert(0, finder)
    reports = _Reports(plan)
    watch = _Watch([str(ROOT / file) for file in plan.watched])
    options = ["-x", "-q", "--no-header", "--tb=no", "-p", "pytest_timeout", f"--basetemp={scratch}"]
    code = pytest.main([*options, *plan.tests], plugins=[reports, *([watch] if plan.watched else [])])
    shutil.rmtree(scratch, ignore_errors=True)
    if finder is not None and not finder.was_asked:
        return {"code": None, "failed": ["the mutant was never imported"], "seconds": {}}
    reached = watch.reached() if plan.watched else {}
    return {"code": int(code), "failed": reports.failed, "seconds": reports.seconds, "reached": reached}


class _Mutated(SourceFileLoader):
    """Loads the mutated source, under the path of the right one."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType | None:  # noqa: ARG002 - the import system's own signature
        return self._code


class _Finder:
    """Finds the mutant in the place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._module = mutant.module
        self._path = str(ROOT / mutant.file)
        # A mutant that is not Python any more shows a fault of ours, and must not count as noticed.
        self._code = compile(mutant.source(), self._path, "exec", dont_inherit=True)
        self.was_asked = False

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name != self._module:
            return None
        self.was_asked = True
        loader = _Mutated(name, self._path, self._code)
        return importlib.util.spec_from_file_location(name, self._path, loader=loader)


class _Watch:
    """Takes down which test runs which lines; what only the import runs belongs to no test."""

    def __init__(self, files: list[str]) -> None:
        self._coverage = Coverage(data_file=None, include=files, config_file=False)

    def pytest_sessionstart(self) -> None:
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._coverage.switch_context(item.nodeid)
        told = yield
        self._coverage.switch_context("")
        return told

    def reached(self) -> dict[str, dict[int, list[str]]]:
        self._coverage.stop()
        data = self._coverage.get_data()
        return {str(Path(file).relative_to(ROOT)): data.contexts_by_lineno(file) for file in data.measured_files()}


class _Reports:
    """Puts the tests in order, keeps what failed and how long each took, and spares hypothesis the shrinking."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.failed: list[str] = []
        self.seconds: dict[str, float] = {}

    def pytest_sessionstart(self) -> None:
        # After the conftest files, whose profile stays as it is but for this, and before any test file.
        settings.register_profile("unshrunk", parent=settings(), phases=(Phase.explicit, Phase.generate))
        settings.load_profile("unshrunk")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._plan.only is not None:
            items[:] = [item for item in items if item.nodeid in self._plan.only]
        items.sort(key=lambda item: self._plan.order.get(item.nodeid, 0.0))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.append(f"collecting {report.nodeid}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed.append(report.nodeid)
