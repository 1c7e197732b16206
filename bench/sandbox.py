"""Times what every test pays for: a sandbox that starts and stops, and one that is reset. `python -m bench.sandbox`."""

import argparse
import statistics
import time
from collections.abc import Callable

import httpx2

from bench.ending import end_what_was_started
from billing.sandbox.testing import SandboxServer


def main() -> None:
    """Print the median and the slowest of each, in milliseconds."""
    end_what_was_started()
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--runs", type=int, default=50)
    runs: int = reader.parse_args().runs
    print("| act | median ms | slowest ms |")
    print("| --- | --- | --- |")
    _row("start and stop", [_timed(_start_and_stop) for _ in range(runs)])
    with SandboxServer() as sandbox, httpx2.Client(base_url=f"{sandbox.url}/_sandbox") as control:
        _row("reset", [_timed(lambda: control.post("/reset").raise_for_status()) for _ in range(runs)])


def _start_and_stop() -> None:
    with SandboxServer():
        pass


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def _row(act: str, took: list[float]) -> None:
    print(f"| {act} | {statistics.median(took):.1f} | {max(took):.1f} |", flush=True)


if __name__ == "__main__":
    main()
