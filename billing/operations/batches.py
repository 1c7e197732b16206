"""Runs an act over what is due: in batches, and a batch that fails row by row, so that one bad row stops none."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from billing.operations.engine import Engine, Tally
from billing.store.database import is_database_trouble, told_plainly
from billing.store.due import Kind, Place, due_places
from billing.store.writes import is_lost_race

log = structlog.get_logger()
MOST_TRIES_ALONE: Final = 3
"""Of a row that loses races; one that loses so often in a row has another fault, and is parked."""


def pages_of(
    engine: Engine,
    kind: Kind,
    now: datetime,
    *,
    takes_turns: bool = False,
    first: int | None = None,
    most: Callable[[], int] | None = None,
) -> Iterator[list[Any]]:
    """Yield the ids of what is due at ``now`` (UTC), a batch at a time, each id once.

    An act that ``takes_turns`` gets no more batches once its turn is over: the next sweep goes on. ``first`` bounds
    the first batch, and ``most``, asked before each, every batch.
    """
    after: Place | None = None
    turn_ends = time.monotonic() + engine.rules.turn.total_seconds()
    while True:
        limit = min(engine.rules.batch, most() if most is not None else engine.rules.batch)
        if after is None and first is not None:
            limit = min(limit, first)
        with engine.database.snapshot() as tx:
            places = due_places(tx, kind, now, limit, after)
        if not places:
            return
        ids = [place.id for place in places]
        engine.watch.took_up(ids)
        yield ids
        is_over = takes_turns and time.monotonic() > turn_ends
        if len(places) < limit or is_over or engine.stopping():
            return
        after = places[-1]


def overlapped(pages: Iterator[list[Any]], act: Callable[[Sequence[Any]], Tally], at_once: int) -> Tally:
    """Run ``act`` on each page, on up to ``at_once`` of them at the same time, each in a thread of its own.

    The first page is done with before there is a second. To the database and the gateway, threads that act on
    pages of their own are like daemons that share one database.
    """
    tally = Tally()
    for page in pages:
        tally.add(act(page))
        break
    if at_once == 1:
        for page in pages:
            tally.add(act(page))
        return tally
    with ThreadPoolExecutor(at_once, thread_name_prefix="batch") as threads:
        running: set[Future[Tally]] = set()
        for page in pages:
            running.add(threads.submit(copy_context().run, act, page))
            if len(running) == at_once:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for each in done:
                    tally.add(each.result())
        for each in running:
            tally.add(each.result())
    return tally


def together_or_alone(
    ids: Sequence[Any],
    act: Callable[[Sequence[Any]], Tally],
    park: Callable[[Any, str], None],
) -> Tally:
    """Run ``act`` on all ids at once; if that raises, on each alone, and park those that raise alone too.

    Trouble of the database (a conflict, a lost connection) is not the row's fault: it is left for the next sweep.
    Nor is a race that was lost to another process: the row is run again, and sees what the other wrote.
    """
    try:
        return act(ids)
    except Exception as error:  # noqa: BLE001 - whatever a row raises must not stop the others
        log.warning("batch_failed", rows=len(ids), error=type(error).__name__)
        if len(ids) == 1 and not is_lost_race(error):
            return _alone_failed(ids[0], error, park)
    tally = Tally()
    for each in ids:
        tally.add(_alone(each, act, park))
    return tally


def _alone(row: Any, act: Callable[[Sequence[Any]], Tally], park: Callable[[Any, str], None]) -> Tally:
    for tries_left in reversed(range(MOST_TRIES_ALONE)):
        try:
            return act([row])
        except Exception as error:  # noqa: BLE001 - as above
            if tries_left == 0 or not is_lost_race(error):
                return _alone_failed(row, error, park)
    raise AssertionError("unreachable: the last try returns")


def _alone_failed(row: Any, error: Exception, park: Callable[[Any, str], None]) -> Tally:
    if is_database_trouble(error):
        return Tally(problems=[f"{row}: the database failed; left for the next sweep"])
    plainly = told_plainly(error)
    log.error("row_failed", row=str(row), error=type(error).__name__)
    # The row is read by those who may see what is in it; the log and the tally are not.
    park(row, plainly if isinstance(error, SQLAlchemyError) else f"{type(error).__name__}: {error}"[:400])
    return Tally(problems=[f"{row}: parked because of {plainly}"])
