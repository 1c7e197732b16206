"""The torturer: a seed says what befalls whom and when, while subscribers enrol and are renewed."""

import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

import httpx2
from bad_proxy import BadProxy, Mode
from enrolling import Person, enrol
from fleet import Fleet
from harness import NO_CERTIFICATES, START
from listening import Mood, Shop
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from waiting import HANG_SECONDS

from billing.store.database import Database
from billing.store.due import is_quiet
from billing.store.installation import set_clock
from billing.store.reports import next_due_instant

T = TypeVar("T")
TICK = (0.1, 0.4)
STILL_SECONDS = 1.5
"""Longer than any request can be on its way: an answer is waited for 1 s, then the line is closed."""
LEAP = timedelta(hours=6)
FIRST_RENEWALS_OVER = START + timedelta(days=8)
"""A torment lasts until here at least: weekly subscriptions have been renewed once."""
MOST_IN_A_WHILE = timedelta(hours=18)
"""A request may be on its way while time passes, but never for the life of an idempotency key, a day."""
FAULTS: dict[str, tuple[float, ...]] = {
    "processed_500": (0.3, 1.0),
    "unprocessed_502": (0.3, 1.0),
    "rate_limit_429": (0.5,),
    "garbage_json": (0.5,),
    "read_500": (0.5, 1.0),
    "processed_timeout": (0.3,),
    "unprocessed_timeout": (0.3,),
    "webhook_lost": (0.3, 1.0),
    "webhook_duplicate": (1.0,),
    "webhook_late": (0.5,),
    "webhook_reorder": (0.5,),
    "webhook_bad_signature": (0.5,),
    "list_lag_seconds": (20,),
    "latency_ms": (50,),
}
ALWAYS = {"timeout_seconds": 2, "webhook_timeout_seconds": 0.3, "first_payment_expiry_seconds": 86_400}
MOST_ENROLLING = 8.0
"""Real seconds; then people are let in peace, or the first would be due before the last has enrolled."""


class NoRest(AssertionError):
    """The engine did not come to rest after the torture had ended."""


class Torturer:
    """``now`` is engine time and sandbox time at once (UTC)."""

    def __init__(
        self,
        *,
        seed: int,
        fleet: Fleet,
        ground: Any,
        proxy: BadProxy,
        shop: Shop,
        urls: dict[str, str],
        daemons: list[str],
    ) -> None:
        self.dice = Random(seed)
        self.fleet, self.ground, self.proxy, self.shop = fleet, ground, proxy, shop
        self.daemons = daemons
        self.now = START
        self.done: Counter[str] = Counter()
        self._urls = urls
        self._database = Database(ground.url)
        self._sandbox = httpx2.Client(base_url=urls["sandbox"], timeout=HANG_SECONDS, verify=NO_CERTIFICATES)
        self._sandbox_next: datetime | None = None
        self.leaps = 0
        self._leaps = False
        """Whether a leap of days comes next; nothing may be stopped before it, to send after it."""
        self._moves: deque[tuple[float, timedelta]] = deque([(time.monotonic(), timedelta())])
        self._afflictions: dict[str, Callable[[], None]] = {
            "kill_a_daemon": lambda: self.fleet.kill(self.dice.choice(daemons)),
            "kill_the_api": lambda: self.fleet.kill("api"),
            "stop_a_daemon": lambda: self._stop(self.dice.choice(daemons)),
            "kill_the_gateway": lambda: self.fleet.kill("sandbox"),
            "stop_the_api": lambda: self._stop("api"),
            "turn_the_proxy": self._turn_the_proxy,
            "let_the_proxy_be": self._let_the_proxy_be,
            "disturb_the_gateway": self._disturb_the_gateway,
            "let_the_gateway_be": self._let_the_gateway_be,
            "upset_the_shop": lambda: self.shop.be(self.dice.choice([mood for mood in Mood if mood is not Mood.WELL])),
            "let_the_shop_be": lambda: self.shop.be(Mood.WELL),
        }

    # --- the three parts -----------------------------------------------------------------------

    def enrol(self, people: list[Person], seconds: float) -> None:
        """Let everybody enrol, tormenting for so many real seconds."""
        self._control("PUT", "clock", {"now": self.now.isoformat()})
        self._control("PUT", "faults", ALWAYS)
        end = time.monotonic() + min(seconds, MOST_ENROLLING)
        with ThreadPoolExecutor(4) as pool:
            enrolling = [pool.submit(enrol, each, self._urls["api"], self._urls["sandbox"]) for each in people]
            while not all(each.done() for each in enrolling):
                torment = time.monotonic() < end
                if not torment:
                    self._let_all_be()
                self._tick(torment=torment, most=timedelta(minutes=5))
            for each in enrolling:
                each.result()

    def torment(self, seconds: float) -> None:
        """Renew while tormenting, for so many real seconds; for longer until there were renewals to torment."""
        end = time.monotonic() + seconds
        while time.monotonic() < end or (self.now < FIRST_RENEWALS_OVER and time.monotonic() < end + 2 * seconds):
            self._tick(torment=True, most=LEAP)

    def heal(self, days: int) -> datetime:
        """End all torment, live on for some days, and return the instant at which the torment ended."""
        self._let_all_be()
        self.ground.heal()
        self.fleet.wait_for_the_stopped()
        self._until(self._is_quiet)
        healed = self.now
        end = healed + timedelta(days=days)
        while self.now < end:
            self._move(min(end, max(self._next_due() or end, self.now + timedelta(minutes=30))))
            self._let_all_be()
            self._until(self._is_quiet)
        return healed

    # --- time ----------------------------------------------------------------------------------

    def _tick(self, *, torment: bool, most: timedelta) -> None:
        time.sleep(self.dice.uniform(*TICK))
        if torment:
            for _ in range(self.dice.choice((1, 1, 2))):
                self._afflict()
        self.fleet.keep_alive()
        self._let_time_pass(most)

    def _let_time_pass(self, most: timedelta) -> None:
        """Go on to what is due next when all is quiet, else by minutes, which make leases run out."""
        since, moved = self._moves[-1][0], self._moved_of_late()
        due, is_quiet = self._next_due(), self._is_quiet()
        minutes = timedelta(minutes=self.dice.randint(1, 6))
        self._leaps = is_quiet and most == LEAP and due is not None and due - self.now > LEAP
        still = not self.fleet.stopped and time.monotonic() - max(since, self.fleet.went_on_at) > STILL_SECONDS
        if due is not None and is_quiet and (due - self.now <= most or (still and self._leaps)):
            self._move(max(due, self.now + timedelta(seconds=30)))
        elif not self._leaps and moved + minutes < MOST_IN_A_WHILE and time.monotonic() - since > 0.5:
            self._move(self.now + minutes)

    def _moved_of_late(self) -> timedelta:
        """Return how far time was moved while a request of then may still be on its way."""
        while len(self._moves) > 1 and not self.fleet.stopped and time.monotonic() - self._moves[0][0] > STILL_SECONDS:
            self._moves.popleft()
        return sum((moved for _, moved in self._moves), timedelta())

    def _move(self, instant: datetime) -> None:
        if instant - self.now > LEAP:
            self.leaps += 1
            self._moves.clear()
            self._meet_the_renewals()
        elif self._moved_of_late() + (instant - self.now) > MOST_IN_A_WHILE:
            return
        self._moves.append((time.monotonic(), timedelta() if instant - self.now > LEAP else instant - self.now))
        self.now = instant
        told = self._control("PUT", "clock", {"now": instant.isoformat()})["next"]
        self._sandbox_next = datetime.fromisoformat(told) if told else None
        self._with_database(lambda tx: set_clock(tx, instant))

    def _next_due(self) -> datetime | None:
        ours = self._with_database(lambda tx: next_due_instant(tx, self.now))
        return min((each for each in (ours, self._sandbox_next) if each is not None), default=None)

    def _is_quiet(self) -> bool:
        return self._with_database(lambda tx: is_quiet(tx, self.now))

    def _until(self, holds: Callable[[], bool]) -> None:
        """Wait, by the clock of the machine and by minutes of the engine's, until it holds."""
        deadline, step = time.monotonic() + HANG_SECONDS, time.monotonic() + 2
        while not holds():
            if time.monotonic() > deadline:
                raise NoRest(f"the engine is not quiet at {self.now.isoformat()}")
            if time.monotonic() > step:  # a send that was abandoned is taken up when its deadline has passed
                self._move(self.now + timedelta(minutes=3))
                step = time.monotonic() + 2
            self.fleet.keep_alive()
            time.sleep(0.02)

    # --- afflictions ---------------------------------------------------------------------------

    def _afflict(self) -> None:
        names = [*self._afflictions, *["kill_a_daemon"] * 3, "turn_the_proxy", *self.ground.afflictions()]
        name = self.dice.choice(names)
        self.done[name] += 1
        if name in self._afflictions:
            self._afflictions[name]()
        else:
            self.ground.afflict(name, self.dice)

    def _stop(self, name: str) -> None:
        if name not in self.fleet.stopped and not self._leaps:
            self.fleet.stop_for(name, self.dice.uniform(0.3, 2.0))

    def _turn_the_proxy(self) -> None:
        self.proxy.mode = self.dice.choice([mode for mode in Mode if mode is not Mode.PASS])

    def _meet_the_renewals(self) -> None:
        """A leap leads to renewals: let answers, and then webhooks too, be lost more often than not."""
        if self.dice.random() < 0.4:
            self._control("PUT", "faults", {"processed_500": 0.5, "webhook_lost": 1.0})
        elif self.dice.random() < 0.7:
            self.proxy.mode = self.dice.choice((Mode.CUT, Mode.GARBLE, Mode.ENDLESS))

    def _let_the_proxy_be(self) -> None:
        self.proxy.mode = Mode.PASS

    def _disturb_the_gateway(self) -> None:
        name = self.dice.choice(list(FAULTS))
        self._control("PUT", "faults", {name: self.dice.choice(FAULTS[name])})

    def _let_the_gateway_be(self) -> None:
        self._control("PUT", "faults", dict.fromkeys(FAULTS))

    def _let_all_be(self) -> None:
        self._let_the_proxy_be()
        self._let_the_gateway_be()

    # --- the outside ---------------------------------------------------------------------------

    def ledger(self) -> list[dict[str, Any]]:
        """Return the sandbox's own list of payments."""
        rows: list[dict[str, Any]] = self._control("GET", "payments", None)
        return rows

    def rows(self, query: str) -> list[dict[str, Any]]:
        return self.read(lambda tx: [dict(row._mapping) for row in tx.execute(text(query))])

    def read(self, work: Callable[[Connection], T]) -> T:
        return self._with_database(work)

    def close(self) -> None:
        self._sandbox.close()
        self._database.dispose()

    def _control(self, method: str, path: str, body: Any) -> Any:
        deadline = time.monotonic() + HANG_SECONDS
        while True:
            try:
                answer = self._sandbox.request(method, f"/_sandbox/{path}", json=body)
                break
            except httpx2.HTTPError:
                if time.monotonic() > deadline:
                    raise
                self.fleet.keep_alive()
                time.sleep(0.05)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _with_database(self, work: Callable[[Connection], T]) -> T:
        """Work on the database, again while it fails: it is tormented for us too."""
        deadline = time.monotonic() + HANG_SECONDS
        while True:
            try:
                with self._database.transaction() as tx:
                    return work(tx)
            except DBAPIError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
