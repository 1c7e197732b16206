"""One world: production code of five processes, a gateway, people and disasters, all from one seed."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import DBAPIError

from billing.gateway.webhooks import NotAuthentic, WebhookKeys, read_webhook
from billing.operations.engine import Engine, Refusal, Tally
from billing.operations.webhooks import receive_webhooks
from tests.simulation.agenda import Agenda
from tests.simulation.books import Books
from tests.simulation.checkout import Checkout
from tests.simulation.clock import Clock
from tests.simulation.courier import KEY, Courier
from tests.simulation.course import draw_rules, plan_course
from tests.simulation.daemons import SimulatedDaemon, virtual_time
from tests.simulation.faults import Dice
from tests.simulation.foreign import Foreigner
from tests.simulation.machine import ROLES, Machine
from tests.simulation.masks import Masks
from tests.simulation.outcomes import Outcomes
from tests.simulation.people import Operator, Person
from tests.simulation.process import Poisoned, Process
from tests.simulation.referee import Referee
from tests.simulation.scheduler import Scheduler, Trace
from tests.simulation.truth import Truth
from tests.simulation.wire import Wire

_KEYS = WebhookKeys([KEY])
_MOST_DELIVERIES_AT_ONCE = 6
_MOST_STEPS = 400_000


@dataclass
class Told:
    """What is left of a world that went well."""

    seed: int
    digest: str
    steps: int
    fired: Counter[str]
    edges: Counter[tuple[str, str, str]]
    figures: Counter[str] = field(default_factory=Counter)


class World:
    """Everything one seed decides. Used once: build it, :meth:`run` it."""

    def __init__(
        self, seed: int, machine: Machine, *, show: bool = False, without: frozenset[str] = frozenset()
    ) -> None:
        self.seed = seed
        self.masks = Masks(without)
        self.machine = machine
        self.clock = Clock()
        self.dice = Dice(seed)
        self.trace = Trace(show=show)
        self.scheduler = Scheduler(seed, self.clock, self.trace)
        self.truth = Truth()
        self.outcomes = Outcomes(seed, self.truth, self.clock, self.dice)
        self.checkout = Checkout(self.truth, self.clock, self.dice, self.outcomes)
        self.courier = Courier(seed, self.truth, self.clock, self.dice)
        self.course = Agenda()
        self.people: list[Person] = []
        self.operator: Operator
        machine.begin()
        self.masks.strip(machine.file)
        self.books = Books(machine.file)
        rng = random.Random(f"{seed}/course")
        self.rules = draw_rules(rng)
        self.processes = {role: self._process(role) for role in ROLES}
        self.wires = {role: Wire(process, self.checkout) for role, process in self.processes.items()}
        self.engines = {role: self._engine(role) for role in ROLES}
        self.referee = Referee(self)
        self.daemons = {
            self.processes[role].name: SimulatedDaemon(
                self.processes[role], self.engines[role], self.referee.on_problem
            )
            for role in ROLES[:2]
        }
        self.outcomes.tell = self.courier.tell
        self.courier.deliver = self._deliver
        self.checkout.on_arrival = self.referee.on_arrival
        self.checkout.on_departure = self.referee.on_departure
        self.checkout.on_absence = self.referee.sends.on_absence
        self.foreigner = Foreigner(self, random.Random(f"{seed}/foreign"))
        self.end, self.healing = plan_course(self, rng)
        self.figures: Counter[str] = Counter()
        self.was_restored = False
        self.settled_by_hand: set[str] = set()
        """References of charges that an operator settled as failed."""
        self._up_since = self.clock.now
        self._rng = random.Random(f"{seed}/daemons")
        self._asking_rng = random.Random(f"{seed}/reconciliation")
        self._dirty = True
        self._due: datetime | None = None
        self._page_due: datetime | None = None
        self._page_is_known = False
        self._backup: Any = None
        self.last_events: list[str] = []

    def run(self) -> Told:
        """Live through the faults, then through the healing, and judge what is left.

        :raises Violation: an invariant does not hold.
        """
        try:
            with virtual_time(self._daemon_running, self._saw), self.masks.over(self):
                while self.clock.now < self.end:
                    self._live_until(self.end)
                self._heal()
                self._live_until(self.end + self.healing)
                self.referee.at_the_end()
        finally:
            self._close()
        self.figures["pages of reconciliation"] = sum(daemon.pages for daemon in self.daemons.values())
        return Told(self.seed, self.trace.digest(), self.trace.steps, self.dice.fired, self.referee.edges, self.figures)

    # --- acts -------------------------------------------------------------------------------------

    def act(self, role: str, name: str, act: Callable[[datetime], Any]) -> None:
        """Let a process do something now, or as soon as it is up again."""
        process = self.processes[role]
        if not process.is_up:
            self.course.at(process.up_at + timedelta(seconds=1), lambda: self.act(role, name, act))
            return

        def guarded() -> None:
            try:
                act(process.now)
            except Refusal as refusal:
                self.trace.write(self.clock.now, role, f"{name}: refused ({type(refusal).__name__})")
            except (DBAPIError, Poisoned) as error:
                self.referee.on_problem(f"{name}: {type(error).__name__}: {error}")

        self.figures[f"{role} {name}"] += 1
        self.scheduler.spawn(process, f"{role} {name}", guarded)

    def _deliver(self, body: bytes, signature: str, answered: Callable[[bool], None]) -> None:
        process = self.processes["receiver"]
        if not process.is_up or self.scheduler.busy(process) >= _MOST_DELIVERIES_AT_ONCE:
            answered(False)
            return
        status = 500

        def take() -> None:
            nonlocal status
            try:
                event = read_webhook(body, signature=signature, authorization=None, keys=_KEYS)
                events = self.masks.stored(event)
                receive_webhooks(self.engines["receiver"], events, now=process.now)
                status = 200
                for each in events:
                    self.referee.on_webhook_taken(each)
            except NotAuthentic:
                status = 401
            except (DBAPIError, Poisoned) as error:
                self.referee.on_problem(f"webhook: {error}")

        self.scheduler.spawn(process, "receiver", take, lambda died: answered(status == 200 and not died))

    # --- disasters --------------------------------------------------------------------------------

    def go_down(self, length: timedelta) -> None:
        """Every process dies, and nobody starts one again before its time."""
        self.trace.write(self.clock.now, "world", f"everything is down for {length}")
        self._stay_alive()
        for process in self.processes.values():
            self.scheduler.kill(process)
            process.up_at = self.clock.now + length
        self._up_since = self.clock.now + length
        self.end = max(self.end, self.clock.now + length + timedelta(days=2))

    def gateway_goes_down(self, length: timedelta) -> None:
        self.trace.write(self.clock.now, "world", f"the gateway is down for {length}")
        for wire in self.wires.values():
            wire.outage_until = self.clock.now + length

    def step_clock(self, role: str, offset: timedelta) -> None:
        self.trace.write(self.clock.now, role, f"its clock is {offset} ahead")
        self.processes[role].offset = offset

    def back_up(self) -> None:
        self._stay_alive()
        self._backup = self.machine.copy_aside()

    def restore(self) -> None:
        """Put the older copy in place of the database, with everything stopped, and start again."""
        if self._backup is None:
            return
        self.trace.write(self.clock.now, "world", "an older copy of the database is restored")
        self.go_down(timedelta(minutes=5))
        self.books.close()
        self.machine.restore(self._backup)
        self.books.open()
        self.was_restored = True
        self.let_reconcile(self.clock.now + timedelta(minutes=6))
        self._dirty = True
        self.referee.on_restore()

    # --- time -------------------------------------------------------------------------------------

    def _live_until(self, end: datetime) -> None:
        while True:
            while self.scheduler.step():
                if self.trace.steps > _MOST_STEPS:
                    self.referee.fail(16, f"no end after {_MOST_STEPS} steps")
            self.referee.between_instants()
            now = self._next_instant()
            if now is None or now > end:
                self.clock.advance_to(end)
                return
            self.clock.advance_to(now)
            self.truth.live_until(self.clock.now)
            self.course.live_until(self.clock.now)
            self._tick()

    def _tick(self) -> None:
        """Let one daemon, or both at once, see what is due; a second that comes later would find nothing."""
        due = self._next_due()
        wanted = [(daemon, daemon.wants_to_tick_at(due)) for daemon in self.daemons.values()]
        ready = [daemon for daemon, at in wanted if at is not None and at <= self.clock.now]
        if len(ready) > 1:
            ready = self._rng.choice((ready, ready[:1], ready[1:]))
        if ready:
            self._stay_alive()
        for daemon in ready:
            daemon.tick()
        # One of them has its turn; the other, should it ask at the same time, is told that nothing is to be asked.
        asking = [each for each in self.daemons.values() if self._is_now(each.wants_to_ask_at(self._next_page))]
        if len(asking) > 1:
            asking = self._asking_rng.choice((asking, asking[:1], asking[1:]))
        for daemon in asking:
            daemon.ask()

    def let_reconcile(self, at: datetime) -> None:
        """Live through the rounds of reconciliation that begin within a day from an instant on."""
        self._page_is_known = False
        for daemon in self.daemons.values():
            daemon.let_reconcile(at)

    def _is_now(self, at: datetime | None) -> bool:
        return at is not None and at <= self.clock.now

    def _stay_alive(self) -> None:
        """Daemons tick every few seconds: since they are up, and have seen whether there was a gap, there was none."""
        seen = self.books.alive_at()
        if seen is None or seen >= self._up_since:
            self.machine.give_a_sign_of_life(self.clock.now)

    def _next_instant(self) -> datetime | None:
        due = self._next_due()
        instants = [self.scheduler.next_waking(), self.truth.next_event(), self.course.next_event()]
        instants += [daemon.wants_to_tick_at(due) for daemon in self.daemons.values()]
        instants += [daemon.wants_to_ask_at(self._next_page) for daemon in self.daemons.values()]
        return min((each for each in instants if each is not None), default=None)

    def _next_due(self) -> datetime | None:
        if self._dirty:
            self._due, self._dirty, self._page_is_known = self.books.next_due(), False, False
        return self._due

    def _next_page(self) -> datetime | None:
        if not self._page_is_known:
            since = min(daemon.window_began for daemon in self.daemons.values())
            self._page_due, self._page_is_known = self.books.next_page_at(since), True
        return self._page_due

    def _heal(self) -> None:
        """Faults end: everything is up, clocks are right, and a person looks after what was set aside."""
        self.trace.write(self.clock.now, "world", "the healing begins")
        self.dice.stop()
        self.outcomes.heal()
        self.foreigner.heal()
        for process, wire in zip(self.processes.values(), self.wires.values(), strict=True):
            process.offset, process.up_at, wire.outage_until = timedelta(0), self.clock.now, None
        self.course.at(self.end + self.healing - timedelta(hours=33), lambda: self.let_reconcile(self.clock.now))
        visits = [timedelta(hours=hours) for hours in (1, 13, 25, 49, 73)]
        for after in (*visits, self.healing - timedelta(hours=6)):
            at = self.clock.now + after
            self.course.at(at, self.operator.clear_up)
            self.course.at(at, self.operator.close_strays)
            self.course.at(at, self.operator.give_back)

    def _close(self) -> None:
        self.last_events = [repr(payment) for payment in self.truth.payments.values()]
        self.last_events += [" ".join(map(str, tuple(row))) for row in self.books.rows("SELECT * FROM webhook")]
        self.last_events += [
            " ".join(str(row[name]) for name in ("id", "at", "actor", "subject_type", "subject_id", "type", "data"))
            for row in self.books.rows("SELECT * FROM event ORDER BY id")
        ]
        for process in self.processes.values():
            self.scheduler.kill(process)
        self.books.close()
        self.machine.close_all()

    # --- wiring -----------------------------------------------------------------------------------

    def _process(self, role: str) -> Process:
        process = Process(role, self.machine.watched[role], self.scheduler, self.dice)
        process.on_commit = self._committed
        return process

    def _engine(self, role: str) -> Engine:
        database = self.machine.watched[role].database
        return Engine(database=database, gateway=self.wires[role], rules=self.rules, actor=role)

    def _committed(self) -> None:
        self._dirty = True
        self.referee.after_commit()

    def _daemon_running(self) -> SimulatedDaemon | None:
        task = self.scheduler.running
        return self.daemons.get(task.process.name) if task is not None else None

    def _saw(self, tally: Tally) -> None:
        for name, number in tally.acts.items():
            self.figures[name] += number
        for problem in tally.problems:
            self.referee.on_problem(problem)
