"""Runs the search as its own process, for tests."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


def simulate(*arguments: str, **environment: str) -> str:
    """Run the search and return what it said; the test fails with that if a world failed."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
    told = subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout
