"""Moves the test clock through everything that becomes due on the way, so that a month is really lived through."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol, Self

import httpx2

from billing.config.settings import Settings
from billing.entrypoints.clock import machine_now
from billing.operations.doubt import notice_a_later_gateway
from billing.operations.engine import Engine, Refusal
from billing.store.database import Database
from billing.store.heartbeats import Heartbeat, load_heartbeats
from billing.store.installation import load_installation, set_clock
from billing.store.report_log import count_events, newest_event_at
from billing.store.reports import next_due_instant

STEP: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(days=366 * 20)
_ROUNDS: Final = 20
_LOOK_SECONDS: Final = 0.01
_ASK_SECONDS: Final = 5


class Backwards(Refusal):
    """Time would run backwards: what is done cannot become undone."""


@dataclass(frozen=True, slots=True)
class Step:
    """One instant at which time stood. ``quiet``: everything that was due then was done."""

    at: datetime
    quiet: bool


@dataclass(slots=True)
class Journey:
    """What a move of the clock did. ``problems`` are sentences for a person."""

    start: datetime
    end: datetime
    stops: int = 0
    events: int = 0
    """Events that were recorded on the way, whoever did what they tell of."""
    problems: list[str] = field(default_factory=list)


class GatewayClock(Protocol):
    """A sandbox whose time can be moved along with ours."""

    def move(self, instant: datetime) -> datetime | None:
        """Move its time and return when it has something to do next."""
        ...


def advance(
    database: Database,
    target: datetime,
    *,
    wait_for_daemons: timedelta = timedelta(seconds=10),
    on_step: Callable[[Step], None] = lambda _step: None,
    step: timedelta = STEP,
    alive_within: timedelta = timedelta(minutes=1),
    sweep: Callable[[datetime], int] | None = None,
    gateway: GatewayClock | None = None,
) -> Journey:
    """Move the installation's clock to ``target`` (UTC), stopping wherever something is due on the way.

    At each stop every daemon seen within ``alive_within`` is waited for until it has swept at that instant and
    found nothing more to do, for at most ``wait_for_daemons`` of real time. ``sweep`` does the work in this
    process instead: it sweeps once at an instant and returns how much it did. Stops are ``step`` apart or more.

    :raises Backwards: ``target`` is not later than the clock.
    """
    with database.snapshot() as tx:
        start, before = load_installation(tx).clock or machine_now(), count_events(tx)
    if target <= start:
        raise Backwards(f"the clock is at {start.isoformat()} and only moves forward")
    if target - start > LONGEST:
        raise Refusal(f"{target.isoformat()} is more than 20 years ahead; go there in several moves")
    journey = Journey(start, target)
    at = start
    gateway_next: datetime | None = None
    while at < target:
        with database.snapshot() as tx:
            due = next_due_instant(tx, at)
        ahead = [instant for instant in (due, gateway_next) if instant is not None]
        at = min(max(min(ahead), at + step), target) if ahead else target
        gateway_next = gateway.move(at) if gateway is not None else None
        with database.transaction() as tx:
            set_clock(tx, at)
        done = _sweep_here(sweep, at) if sweep is not None else _wait(database, at, wait_for_daemons, alive_within)
        journey.stops += 1
        if not done.quiet:
            journey.problems.append(f"at {at.isoformat()} not everything that was due was done in time")
        on_step(done)
    with database.snapshot() as tx:
        journey.events = count_events(tx) - before
    return journey


def give_back(database: Database) -> datetime:
    """Give time back to the machine and return what time it is.

    :raises Backwards: things have happened at a later time than the machine's; nothing would be due until then.
    """
    now = machine_now()
    with database.transaction() as tx:
        clock, newest = load_installation(tx).clock, newest_event_at(tx)
        latest = max((instant for instant in (clock, newest) if instant is not None), default=now)
        if latest > now:
            raise Backwards(
                f"time has been at {latest.isoformat()} already and does not run backwards to the machine's; "
                "begin a new database instead: remove this one, then `billing migrate`"
            )
        set_clock(tx, None)
    return now


def alive(database: Database, within: timedelta) -> list[Heartbeat]:
    """Return the daemons that gave a sign of life within that much real time."""
    with database.snapshot() as tx:
        return [beat for beat in load_heartbeats(tx) if machine_now() - beat.seen_at <= within]


def latest_time(settings: Settings, database: Database, now: datetime) -> datetime:
    """Return up to when (UTC, engine time) a later state of this database, which was lost, may have lived.

    In live mode, and by the machine's time, that is ``now``. A test clock goes back with the database: the bundled
    sandbox has a clock of its own, which tells how far time had gone; beside any other gateway nothing tells it.
    """
    if settings.mode == "live":
        return now
    if settings.uses_the_bundled_sandbox:
        with SandboxClock(settings.gateway.base_url) as sandbox:
            return max(now, sandbox.read() or now)
    with database.snapshot() as tx:
        return now if load_installation(tx).clock is None else now + LONGEST


def doubt_a_clock_set_back(settings: Settings, engine: Engine, now: datetime) -> datetime | None:
    """Have everything looked up before it is charged that a later state of this database may have charged.

    Return the bundled sandbox's time if it is later than ours (``now``: UTC), else None.
    """
    if not settings.uses_the_bundled_sandbox:
        return None
    latest = latest_time(settings, engine.database, now)
    return latest if notice_a_later_gateway(engine, now=now, gateway_now=latest) else None


def _wait(database: Database, at: datetime, patience: timedelta, within: timedelta) -> Step:
    deadline = time.monotonic() + patience.total_seconds()
    while True:
        beats = alive(database, within)
        arrived = [beat for beat in beats if beat.sweeps > 0 and beat.swept_at == at]
        if len(arrived) == len(beats) and not any(beat.acts for beat in arrived):
            return Step(at, quiet=True)
        if time.monotonic() > deadline:
            return Step(at, quiet=False)
        time.sleep(_LOOK_SECONDS)


def _sweep_here(sweep: Callable[[datetime], int], at: datetime) -> Step:
    quiet = any(sweep(at) == 0 for _ in range(_ROUNDS))
    return Step(at, quiet=quiet)


class SandboxClock:
    """The clock of the bundled sandbox, over HTTP. One that does not answer, or is no sandbox, is left alone."""

    def __init__(self, base_url: str) -> None:
        # The bundled sandbox speaks plain HTTP: reading the machine's certificates would take longer than to ask it.
        self._http = httpx2.Client(base_url=base_url, timeout=30, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        self.refusal: str | None = None
        self._gone = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._http.close()

    def move(self, instant: datetime) -> datetime | None:
        """Move the sandbox's time and return when it has something to do next; its webhooks are out by then."""
        return self._put(instant.isoformat())

    def read(self) -> datetime | None:
        """Return the sandbox's time (UTC), or None if it tells none."""
        try:
            answer = self._http.get("/_sandbox/clock", timeout=_ASK_SECONDS)
            return datetime.fromisoformat(answer.json()["now"]) if answer.status_code == 200 else None
        except (httpx2.HTTPError, ValueError, KeyError, TypeError):
            return None

    def give_back(self) -> None:
        """Let the sandbox's time be the machine's again."""
        self._put(None)

    def _put(self, instant: str | None) -> datetime | None:
        if self._gone:
            return None
        try:
            answer = self._http.put("/_sandbox/clock", json={"now": instant})
            if answer.status_code == 200:
                self.refusal = None  # one that was ahead of us moves along again
                following = answer.json().get("next")
                return datetime.fromisoformat(following) if following else None
            self.refusal = f"the sandbox keeps its own time ({answer.text[:200]})"
        except (httpx2.HTTPError, ValueError, AttributeError) as error:
            self.refusal = f"the sandbox keeps its own time ({type(error).__name__})"
            self._gone = True
        return None
