"""One race: a fresh copy of a seeded database, a gateway, one or more processes, and what it cost them."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from bench.contestants import Contestant, Gateway, WentWrong
from bench.cpu import cpu_of, peak_mb
from bench.seeding import NOW, put_clock
from billing.store.database import Database

_PATIENCE: Final = 2400.0
_LOOK_EVERY: Final = 0.05
_SILENT_SECONDS: Final = 5.0
_RETRIED_AFTER: Final = timedelta(minutes=11)
"""A charge that was turned away is sent again after ten minutes, which the clock of a race has to be put to."""
_LEFT: Final = text(
    "SELECT EXISTS (SELECT 1 FROM subscription WHERE state IN ('active', 'trialing') AND parked_reason IS NULL "
    "AND next_due_at <= '2027-02-10 02:00:00') OR EXISTS (SELECT 1 FROM invoice WHERE state = 'open' AND "
    "next_attempt_at IS NOT NULL) OR EXISTS (SELECT 1 FROM charge WHERE state IN ('sending', 'pending', 'unknown'))"
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What is raced under. ``latency_ms`` is the gateway's, ``in_flight`` per process."""

    renewals: int
    latency_ms: float = 0
    in_flight: int = 128
    processes: int = 1


@dataclass(frozen=True, slots=True)
class Result:
    """What a race took. CPU in ms for each renewal, memory in MB of the largest process."""

    seconds: float
    per_second: float
    cpu_ms: float
    database_ms: float
    gateway_ms: float
    peak_mb: float
    asked: dict[str, Any]
    """What the gateway counted."""


def speed_of(took: Sequence[Result]) -> str:
    """Return the renewals per second of several races: their median, and in brackets the lowest and the highest."""
    speeds = [each.per_second for each in took]
    return f"{statistics.median(speeds):,.0f} ({min(speeds):,.0f}-{max(speeds):,.0f})"


def race(
    contestants: Sequence[Contestant], url: str, terms: Terms, gateway: Gateway, server_cpu: Callable[[], float]
) -> Result:
    """Race on a seeded database and return what it took.

    :raises WentWrong: not every renewal was captured, invoiced and moved on, once.
    """
    database = Database(url)
    for each in contestants:
        each.wait_until_ready(database)
    time.sleep(0.3)
    used = [cpu_of(each.pid) for each in contestants], server_cpu(), gateway.cpu
    began = time.monotonic()
    put_clock(database, NOW)
    for each in contestants:
        each.begin()
    _wait(database, contestants, gateway, terms.renewals)
    seconds = time.monotonic() - began
    mine = sum(cpu_of(each.pid) - before for each, before in zip(contestants, used[0], strict=True))
    theirs, gateways = server_cpu() - used[1], gateway.cpu - used[2]
    peak = max(peak_mb(each.pid) for each in contestants)
    _check(database, gateway, terms.renewals)
    database.dispose()
    per = 1000 / terms.renewals
    speed = terms.renewals / seconds
    return Result(seconds, speed, mine * per, theirs * per, gateways * per, peak, gateway.count())


def _wait(database: Database, contestants: Sequence[Contestant], gateway: Gateway, renewals: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    clock, payments, since = NOW, 0, time.monotonic()
    while time.monotonic() < deadline and all(Path(f"/proc/{each.pid}/fd/0").exists() for each in contestants):
        before, payments = payments, gateway.count()["payments"]
        # The gateway is asked first: a look into the database costs as much as some renewals.
        if payments >= renewals:
            with database.snapshot() as tx:
                if not tx.execute(_LEFT).scalar_one():
                    return
        elif payments != before:
            since = time.monotonic()
        elif time.monotonic() - since > _SILENT_SECONDS:
            clock, since = clock + _RETRIED_AFTER, time.monotonic()
            put_clock(database, clock)
        time.sleep(_LOOK_EVERY)
    raise WentWrong("it did not come to an end")


def _check(database: Database, gateway: Gateway, renewals: int) -> None:
    asked = (
        "SELECT (SELECT count(*) FROM invoice WHERE state = 'paid'), "
        "(SELECT count(*) FROM charge WHERE state = 'captured'), "
        "(SELECT count(*) FROM subscription WHERE billed_index = 1 AND paid_through > '2027-02-10')"
    )
    with database.snapshot() as tx:
        found = tuple(tx.execute(text(asked)).one())
    counted = gateway.count()
    if found != (renewals,) * 3 or counted["payments"] != renewals or counted["repeats"]:
        raise WentWrong(f"{renewals} were due; invoices, charges and subscriptions say {found}, the gateway {counted}")
