"""Lives through the year: moves both clocks from due instant to due instant and waits until the daemon is quiet."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select, text
from sqlmodel import col

from billing.entrypoints.demo.cast import Act, Subscriber
from billing.entrypoints.demo.processes import Processes
from billing.entrypoints.demo.stage import Stage
from billing.operations.engine import Engine
from billing.store.due import is_quiet
from billing.store.heartbeats import has_swept
from billing.store.installation import set_clock
from billing.store.reconciliation import load_rounds, next_page_at, put_off_rounds
from billing.store.reports import next_due_instant
from billing.store.tables import Charge, Customer, Subscription

KST: Final = ZoneInfo("Asia/Seoul")
STEP: Final = timedelta(hours=6)
"""The grid of the play, from midnight in Seoul: what comes due on the way happens together at the next point of it."""
_QUIET_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.008
"""Between the first two looks at whether the daemon is done: each costs a fraction of it, on the same cores."""
_PATIENCE: Final = 0.1
"""Later looks come after so much of the time that was waited already."""
_FOR_EVER: Final = timedelta(days=36_500)
TROUBLE: Final = {
    "processed_500": 0.01,
    "unprocessed_502": 0.01,
    "rate_limit_429": 0.005,
    "read_500": 0.01,
    "list_lag_seconds": 20,
    "settle_seconds_min": 5,
    "settle_seconds_max": 8,
    "webhook_lost": 0.03,
    "webhook_duplicate": 0.05,
    "webhook_late": 0.02,
    "webhook_reorder": 0.02,
}
CRASH: Final = {"unprocessed_timeout": 0.5, "processed_timeout": 1.0, "timeout_seconds": 600}
NO_CRASH: Final = {"processed_timeout": 0.0, "unprocessed_timeout": 0.0, "timeout_seconds": 30}


class NotQuiet(RuntimeError):
    """The daemon did not finish what was due in time."""


@dataclass(slots=True)
class Play:
    """The year. ``now`` is engine time and sandbox time at once (UTC)."""

    engine: Engine
    stage: Stage
    processes: Processes
    config: Any
    cast: Sequence[Subscriber]
    now: datetime
    report: Callable[[datetime, str], None]
    crash_on: date | None = None
    daemons: int = 0
    crashed: bool = False
    abandoned: int = 0
    sandbox_next: datetime | None = None
    outages: tuple[tuple[datetime, bool], ...] = ()
    reconciles_on: date | None = None
    steps: int = field(default=0)

    def run(self, acts: Sequence[Act], until: datetime) -> None:
        """Live through everything up to ``until`` (UTC)."""
        due: dict[datetime, list[Act]] = defaultdict(list)
        for act in acts:
            due[_kst(act.day, act.hour)].append(act)
        switches = dict(self.outages)
        self._put_off_rounds()
        self._start_daemon()
        self._move_to(self.now)
        self.stage.set_faults(TROUBLE)
        while self.now < until:
            ahead = [instant for instant in (*due, *switches) if instant > self.now]
            self._move_to(min(until, self._next_step(min(ahead, default=until))))
            if self.now in switches:
                self.stage.set_faults({"outage": switches.pop(self.now)})
            if self.now in due:
                self._let_happen(due.pop(self.now))
        self.stage.set_faults(dict.fromkeys(TROUBLE, 0) | {"outage": False})

    def settle(self, days: int) -> None:
        """Let what is under way come to its end, with all faults off, enrolling and canceling nobody."""
        end = self.now + timedelta(days=days)
        while self.now < end:
            self._move_to(min(end, self._next_step(end)))

    def _next_step(self, at_most: datetime) -> datetime:
        """Return the next instant at which anything is due, on a grid that keeps the steps few."""
        with self.engine.database.snapshot() as tx:
            instants = [at_most, next_due_instant(tx, self.now, even_rechecks=False), self.sandbox_next]
        first = min(max(instant, self.now) for instant in instants if instant is not None)
        midnight = _kst(_day(self.now), 0)
        steps = max(-(-(first - midnight) // STEP), (self.now - midnight) // STEP + 1)
        return min(at_most, midnight + STEP * steps)

    def _move_to(self, instant: datetime) -> None:
        self.now, self.abandoned = instant, 0
        self.steps += 1
        self.sandbox_next = self.stage.set_clock(instant)
        if self.crash_on is not None and not self.crashed and _day(instant) >= self.crash_on:
            self._crash_in_a_charge_run()
        with self.engine.database.transaction() as tx:
            set_clock(tx, instant)
        self._wait_until_quiet()
        if self.reconciles_on is not None and _day(instant) >= self.reconciles_on:
            self._reconcile()
        self.report(instant, "")

    def _wait_until_quiet(self) -> None:
        """Return when the daemon has done everything that is due at this instant."""
        if self._is(lambda tx: is_quiet(tx, self.now, abandoned=self.abandoned)):
            return
        # That the daemon says so is the cheaper question, and what is due is asked about by it as well.
        self._wait_until(
            lambda tx: has_swept(tx, self.now) and is_quiet(tx, self.now, abandoned=self.abandoned), "the daemon"
        )

    def leave(self) -> None:
        """Let whoever works with the database afterwards reconcile."""
        with self.engine.database.transaction() as tx:
            put_off_rounds(tx, self.now)

    def _put_off_rounds(self) -> None:
        with self.engine.database.transaction() as tx:
            put_off_rounds(tx, self.now + _FOR_EVER)

    def _reconcile(self) -> None:
        """Let all rounds be made at this instant, and none at others: they are paced by real time, the play is not."""
        self.reconciles_on = None
        self.report(self.now, "the engine reconciles with the gateway")
        with self.engine.database.transaction() as tx:
            put_off_rounds(tx, self.now)
        self._wait_until(self._have_all_been_made, "the reconciliation")
        self._put_off_rounds()

    def _have_all_been_made(self, tx: Connection) -> bool:
        free_at = next_page_at(tx)
        is_free = free_at is not None and free_at <= self.now
        return is_free and all(row.due_at > self.now for row in load_rounds(tx))

    def _wait_until(self, is_so: Callable[[Connection], bool], who: str) -> None:
        began = time.monotonic()
        while (waited := time.monotonic() - began) < _QUIET_SECONDS:
            if self._is(is_so):
                return
            self.processes.require_running()
            time.sleep(max(_LOOK_SECONDS, _PATIENCE * waited))
        raise NotQuiet(f"{who} did not come to rest at {self.now.isoformat()}; see the daemon's log")

    def _is(self, is_so: Callable[[Connection], bool]) -> bool:
        with self.engine.database.snapshot() as tx:
            return is_so(tx)

    def _start_daemon(self) -> None:
        self.daemons += 1
        self.processes.start_daemon(self.config, f"demo-{self.daemons}")

    def _crash_in_a_charge_run(self) -> None:
        """Kill the daemon while charges are on their way: half were processed, no answer ever comes."""
        if self._count("invoice", "state = 'open' AND next_attempt_at IS NOT NULL") + self._due_renewals() < 2:
            return
        self.crashed = True
        self.report(self.now, "the daemon is killed in the middle of a charge run")
        self.stage.set_faults(CRASH)
        with self.engine.database.transaction() as tx:
            set_clock(tx, self.now)
        # Which of them arrive is the seed's choice; it must not be a matter of when the daemon dies.
        self._wait_until(self._have_all_been_asked_for, "the daemon")
        self.processes.kill_daemon()
        self.abandoned = self._count("charge", "state = 'sending'")
        self.stage.set_faults(NO_CRASH)
        self._start_daemon()

    def _have_all_been_asked_for(self, tx: Connection) -> bool:
        keys = tx.execute(text("SELECT idempotency_key FROM charge WHERE state = 'sending'")).scalars().all()
        return bool(keys) and self.stage.keys_of_payments_asked_for().issuperset(keys)

    def _due_renewals(self) -> int:
        with self.engine.database.snapshot() as tx:
            rows = tx.execute(
                select(col(Subscription.id)).where(
                    text("subscription.state = 'active'"), col(Subscription.next_due_at) <= self.now
                )
            )
            return len(rows.all())

    def _count(self, table: str, where: str) -> int:
        with self.engine.database.snapshot() as tx:
            number: int = tx.execute(text(f"SELECT count(*) FROM {table} WHERE {where}")).scalar_one()  # noqa: S608
            return number

    def _let_happen(self, acts: Sequence[Act]) -> None:
        with ThreadPoolExecutor(max_workers=8) as pool:
            for done in [pool.submit(self._act, act) for act in acts]:
                done.result()
        self.stage.drain()
        self._wait_until_quiet()

    def _act(self, act: Act) -> None:
        member = self.cast[act.who - 1]
        match act.what:
            case "enrol":
                self.stage.enrol(member, leaves=act.data["leaves"])
            case "wallet":
                self.stage.set_wallet(member, act.data)
            case "re-enrol":
                self.stage.re_enrol(member)
            case "cancel":
                self.stage.cancel(member)
            case "refund":
                charge_id = self._last_captured_charge(member)
                if charge_id is not None:
                    self.stage.refund(charge_id, act.data["amount_minor"])
            case unknown:
                raise ValueError(f"no such act: {unknown}")

    def _last_captured_charge(self, member: Subscriber) -> UUID | None:
        with self.engine.database.snapshot() as tx:
            found: UUID | None = tx.execute(
                select(col(Charge.id))
                .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
                .join(Customer, col(Customer.id) == col(Subscription.customer_id))
                .where(col(Customer.reference) == member.reference, text("charge.state = 'captured'"))
                .order_by(col(Charge.captured_at).desc())
                .limit(1)
            ).scalar_one_or_none()
        return found


def _kst(day: date, hour: int) -> datetime:
    return datetime.combine(day, clock_time(hour), tzinfo=KST).astimezone(UTC)


def _day(instant: datetime) -> date:
    return instant.astimezone(KST).date()
