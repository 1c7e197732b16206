"""Times sweeps and renewals beside ever more subscriptions that are not due: `python -m bench.scale`."""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, bindparam, text

from bench.ending import end_what_was_started
from bench.ground import Ground
from bench.postgres import postgres
from bench.race import Result, Terms, speed_of
from bench.seeding import BEFORE, NOW
from billing.store.columns import UtcDateTime
from billing.store.database import Database
from billing.store.due import Kind, due_places, kinds_due, rows_due

_DUE = 10_000
_PAGE = 500


def main() -> None:
    """Print a table row for each size, and the plan of a page at the largest."""
    end_what_was_started()
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--others", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    reader.add_argument("--runs", type=int, default=5, help="races beside each, in turn")
    arguments = reader.parse_args()
    print(f"| not due | nothing due: the look, ms | {_DUE:,} due: the look, ms | a page of {_PAGE}, ms |")
    print("| --- | --- | --- | --- |")
    plan = ""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, postgres() as server:
        ground = Ground(server, Path(folder))
        for others in arguments.others:
            # Nothing is written yet, so that no copy is needed.
            database = Database(server.url_of(ground.template(_DUE, others)))
            looks = [_timed(database, lambda tx, at=at: kinds_due(tx, at)) for at in (BEFORE, NOW)]
            page = _timed(database, lambda tx: due_places(tx, Kind.SUBSCRIPTION, NOW, _PAGE, None))
            print(f"| {others:,} | {looks[0]} | {looks[1]} | {page} |", flush=True)
            plan = _plan(database)
            database.dispose()
        print(f"\n{plan}\n", flush=True)
        _race(ground, arguments.others, arguments.runs)


def _race(ground: Ground, sizes: list[int], runs: int) -> None:
    found: dict[int, list[Result]] = {others: [] for others in sizes}
    for _ in range(runs):
        for others in sizes:
            found[others].append(ground.race("engine", Terms(_DUE), others=others))
    print(f"| not due | {_DUE:,} renewals, per second | CPU ms | PostgreSQL ms | peak MB |")
    print("| --- | --- | --- | --- | --- |")
    for others, took in found.items():
        costs = [statistics.median(each.cpu_ms for each in took), statistics.median(each.database_ms for each in took)]
        peak = max(each.peak_mb for each in took)
        print(f"| {others:,} | {speed_of(took)} | {costs[0]:.3f} | {costs[1]:.3f} | {peak:.0f} |", flush=True)


def _timed(database: Database, ask: Callable[[Connection], object]) -> str:
    took = []
    with database.snapshot() as tx:
        for _ in range(200):
            began = time.perf_counter()
            ask(tx)
            took.append((time.perf_counter() - began) * 1000)
    return f"{statistics.median(took):.2f} ({min(took):.2f}-{statistics.quantiles(took, n=20)[-1]:.2f})"


def _plan(database: Database) -> str:
    query = rows_due(Kind.SUBSCRIPTION, bindparam("now", type_=UtcDateTime()), _PAGE).compile(database.engine)
    with database.snapshot() as tx:
        tx.execute(text("SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"))
        lines = tx.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS) {query}", query.construct_params({"now": NOW}))
        return "\n".join(f"    {row[0]}" for row in lines)


if __name__ == "__main__":
    main()
