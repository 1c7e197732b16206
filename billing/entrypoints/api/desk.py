"""What every endpoint works with: the engine, the time, and one way to run an act."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Final, Protocol, TypeVar

import structlog
from fastapi import Depends, Request
from sqlalchemy import Connection

from billing.config.settings import Settings
from billing.entrypoints.api.callers import Caller
from billing.entrypoints.clock import engine_now
from billing.operations.engine import Claim, Engine, Refusal
from billing.operations.request_keys import made_under
from billing.store.database import is_conflict
from billing.store.writes import is_lost_race

T = TypeVar("T")
log = structlog.get_logger()
MOST_TRIES: Final = 3


class Explained(Protocol):
    """What says why something is done, or does not."""

    @property
    def reason(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a request is dealt with."""

    settings: Settings
    engine: Engine

    @property
    def is_live(self) -> bool:
        return self.settings.mode == "live"

    def now(self) -> datetime:
        """Return the time the engine acts at, in UTC."""
        return engine_now(self.engine.database, is_live=self.is_live)

    def because(self, wanted: Explained | None) -> "Desk":
        """Return the desk for an act whose reason, if one is given, is entered in the audit trail with it."""
        if wanted is None or wanted.reason is None:
            return self
        return replace(self, engine=replace(self.engine, database=self.engine.database.because(wanted.reason)))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read what is committed."""
        with self.engine.database.snapshot() as tx:
            yield tx

    def once(
        self, name: str, work: Callable[[datetime], T], again: Callable[[str, datetime], T], *, about: object = None
    ) -> T:
        """Run an act, unless it was done under the request's ``Idempotency-Key`` before, and only its answer was lost.

        Then ``again`` is told the name of what was made, and returns that.
        """
        claim = self.engine.claim

        def work_or_look(now: datetime) -> T:
            # Looked at each time: an act that lost a race may have been done before it lost.
            made = made_under(self.engine.database, claim) if claim is not None else None
            return work(now) if made is None else again(made, now)

        return self.act(name, work_or_look, about=about)

    def act(self, name: str, work: Callable[[datetime], T], *, about: object = None) -> T:
        """Run an act at the engine's time and log it, without personal data; ``about`` is the id it is about.

        An act that loses against another request is run again, at most :data:`MOST_TRIES` times: it must be one
        that may be run twice.
        """
        for tries_left in reversed(range(MOST_TRIES)):
            try:
                result = work(self.now())
            except Refusal as refusal:
                log.info("api_act", act=name, about=_shown(about), refused=refusal.code)
                raise
            except Exception as error:
                if tries_left == 0 or not _lost_a_race(error):
                    raise
            else:
                log.info("api_act", act=name, about=_shown(about or getattr(result, "subscription_id", None)))
                return result
        raise AssertionError("unreachable: the last try returns or raises")


def _lost_a_race(error: Exception) -> bool:
    return is_conflict(error) or is_lost_race(error)


def _shown(about: object) -> str | None:
    return None if about is None else str(about)


async def _desk(request: Request) -> Desk:  # without waiting: a thread for this would cost more than it does
    desk: Desk = request.app.state.desk
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        return desk
    claim: Claim | None = getattr(request.state, "claim", None)
    # What a request does is written down under the name of its key; what is decided by it, in the audit trail too.
    engine = replace(desk.engine, actor=caller.actor, claim=claim, database=desk.engine.database.for_people)
    return replace(desk, engine=engine)


DeskOfRequest = Annotated[Desk, Depends(_desk)]
