"""Drains a backlog through a gateway that allows so many payments a second: `python -m bench.drain`."""

import argparse
import statistics
import tempfile
from pathlib import Path

from bench.ending import end_what_was_started
from bench.ground import Ground
from bench.postgres import postgres
from bench.race import Terms


def main() -> None:
    """Drain it once and print what the gateway saw."""
    end_what_was_started()
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--renewals", type=int, default=100_000, help="due at one second")
    reader.add_argument(
        "--allowed", type=float, default=100, help="by the gateway, in any second; it answers 429 to more"
    )
    reader.add_argument("--share", type=float, default=95, help="that the daemon is configured to use")
    reader.add_argument("--latency-ms", type=float, default=300)
    arguments = reader.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, postgres() as server:
        took = Ground(server, Path(folder)).race(
            "engine",
            Terms(arguments.renewals, arguments.latency_ms, in_flight=512),
            gateway=["--most-per-second", str(arguments.allowed)],
            GATEWAY__WRITES_PER_SECOND=str(arguments.share),
        )
    asked = took.asked
    print("| due | allowed/s | share/s | sent/s, median | seconds | most taken | answered 429 | CPU ms | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    row = [f"{arguments.renewals:,}", f"{arguments.allowed:g}", f"{arguments.share:g}"]
    row += [f"{statistics.median(asked['seconds']):g}", f"{took.seconds:,.0f}"]
    row += [f"{asked['most_in_a_second']}", f"{asked['turned_away']:,}", f"{took.cpu_ms:.3f}", f"{took.peak_mb:.0f}"]
    print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
