"""Races the engine against its floors and prints the medians. `make bench`, or `python -m bench --help`."""

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.ending import end_what_was_started
from bench.files import Files
from bench.ground import OTHERS, Ground
from bench.postgres import postgres
from bench.race import Result, Terms, speed_of

CONTESTANTS = ("floor", "same_libraries", "engine", "cycle")


def main() -> None:
    """Run every contest, contestants in turn, and print a table row for each."""
    end_what_was_started()
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--runs", type=int, default=5, help="of each contestant under each terms (default: 5)")
    reader.add_argument("--latencies", type=float, nargs="+", default=[0, 50, 300], help="of the gateway, in ms")
    reader.add_argument("--in-flight", type=int, nargs="+", default=[16, 128, 512], help="requests at once")
    reader.add_argument("--processes", type=int, nargs="+", default=[1, 2], help="daemons on one database")
    reader.add_argument("--most", type=int, default=10_000, help="renewals in a race, at most")
    reader.add_argument("--contestants", nargs="+", choices=CONTESTANTS)
    reader.add_argument("--others", type=int, default=OTHERS, help="subscriptions that are not due")
    reader.add_argument("--sqlite", action="store_true", help="race the engine on a SQLite file")
    arguments = reader.parse_args()
    # The floors are written for PostgreSQL.
    arguments.contestants = arguments.contestants or (["engine"] if arguments.sqlite else CONTESTANTS[:3])
    print("| latency ms | in flight | processes | who | renewals/s | CPU ms | PostgreSQL ms | gateway ms | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        server = Files(folder) if arguments.sqlite else stack.enter_context(postgres())
        ground = Ground(server, folder)
        for terms in _contests(arguments):
            results: dict[str, list[Result]] = {name: [] for name in arguments.contestants}
            for _ in range(arguments.runs):
                for name, found in results.items():
                    found.append(ground.race(name, terms, others=arguments.others))
            for name, found in results.items():
                print(_row(name, terms, found), flush=True)


def _contests(arguments: argparse.Namespace) -> Iterator[Terms]:
    for processes in arguments.processes:
        for latency in arguments.latencies:
            for in_flight in arguments.in_flight:
                # A race takes about four seconds, however slow the gateway is.
                possible = arguments.most if latency == 0 else int(4 * in_flight * processes * 1000 / latency)
                renewals = min(arguments.most, max(200, possible // 100 * 100))
                yield Terms(renewals, latency, in_flight, processes)


def _row(name: str, terms: Terms, found: list[Result]) -> str:
    costs = [
        f"{statistics.median(getattr(each, cost) for each in found):.3f}"
        for cost in ("cpu_ms", "database_ms", "gateway_ms")
    ]
    peak = f"{max(each.peak_mb for each in found):.0f}"
    under = [f"{terms.latency_ms:g}", str(terms.in_flight), str(terms.processes)]
    return "| " + " | ".join([*under, name, speed_of(found), *costs, peak]) + " |"


if __name__ == "__main__":
    main()
