"""Subscribers, who enrol, pay, leave and change their minds, and operators, who do the same things by hand."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from billing.operations.consent import record_consent
from billing.operations.customers import Subscriber
from billing.operations.enrol_subscriber import enrol_subscriber
from billing.operations.first_charges import ChargeSetAside, Enrolment, GatewayRefused, GatewayUnavailable, Terminal
from billing.operations.manage import cancel_at_period_end, cancel_now, pause, resume, undo_cancel
from billing.operations.obligations import retry_obligation, settle_obligation
from billing.operations.parking import (
    Bill,
    close_stray,
    release_charge,
    release_refund,
    release_subscription,
    release_webhook,
)
from billing.operations.re_enrol import re_enrol
from billing.operations.request_refund import request_refund
from billing.operations.retry_charge import retry_charge
from billing.operations.revoke_source import revoke_source
from billing.operations.set_up import go, stop
from billing.operations.settle_charge import settle_charge
from billing.operations.settle_refund import settle_refund
from billing.operations.settle_return import settle_return

if TYPE_CHECKING:
    from tests.simulation.world import World

WEB: Final = Terminal("WEB", None, "https://shop.test/ok", "https://shop.test/failed")
_MOST_TRIES = 5


class Person:
    """A subscriber of one plan, with a wallet."""

    def __init__(self, world: "World", number: int, plan: str, rng: random.Random) -> None:
        self._world = world
        self._rng = rng
        self.plan = plan
        self.email = f"person{number}@example.test"
        self._told = Subscriber(f"cust-{number}", f"person {number}", self.email)

    def enrol(self, tries: int = 0) -> None:
        """Ask for an enrolment, perhaps with two clicks at once."""
        for _ in range(2 if self._world.dice.strikes("second_click") else 1):
            self._ask(
                lambda now: enrol_subscriber(self._world.engines["api"], self._told, self.plan, WEB, now=now), tries
            )

    def look_after(self) -> None:
        """See that something is wrong with the agreement, and perhaps make a new one."""
        for row in self._world.books.rows(
            "SELECT s.id, s.state, o.state AS source FROM subscription s JOIN customer c ON c.id = s.customer_id"
            " LEFT JOIN source o ON o.id = s.source_id WHERE c.email = ? ORDER BY s.created_at DESC LIMIT 1",
            self.email,
        ):
            subscription = UUID(row["id"])
            troubled = row["source"] in ("revoked", "suspect") or row["state"] in ("past_due", "unpaid")
            if row["state"] in ("canceled", "incomplete_expired") and self._rng.random() < 0.5:
                self.enrol()
            elif troubled or self._rng.random() < 0.15:
                self._ask(lambda now: re_enrol(self._world.engines["api"], subscription, WEB, now=now), _MOST_TRIES - 2)

    def consent(self) -> None:
        """Agree to the end of the trial."""
        for row in self._world.books.rows(
            "SELECT s.id FROM subscription s JOIN customer c ON c.id = s.customer_id"
            " WHERE c.email = ? AND s.state = 'trialing'",
            self.email,
        ):
            subscription = UUID(row["id"])
            self._world.act(
                "api", "consents", lambda now: record_consent(self._world.engines["api"], subscription, now=now)
            )

    def _ask(self, request: Callable[[datetime], Enrolment], tries: int) -> None:
        def act(now: datetime) -> None:
            try:
                made = request(now)
            except (GatewayUnavailable, GatewayRefused, ChargeSetAside):
                self._again(lambda: self._ask(request, tries + 1), tries, seconds=45)
                raise
            if made.redirect_url is not None:
                self._go_to_the_wallet(made.redirect_url.rsplit("/", 1)[1], tries)

        self._world.act("api", "asks for a link", act)

    def _go_to_the_wallet(self, payment_id: str, tries: int) -> None:
        seconds = self._rng.choice((20, 60, 300))
        if self._world.dice.strikes("late_subscriber"):
            seconds = self._rng.choice((2700, 5400, 14000, 80000))
        at = self._world.clock.now + timedelta(seconds=seconds)
        mood = self._rng.random()

        def decide() -> None:
            if mood < 0.86:
                self._world.outcomes.agree(payment_id)
            elif mood < 0.93:
                self._world.outcomes.reject(payment_id)
            if mood < 0.97:
                self._come_back(payment_id)
            if mood >= 0.86:
                self._again(lambda: self.enrol(tries + 1), tries, seconds=900)

        self._world.course.at(at, decide)

    def _come_back(self, payment_id: str) -> None:
        reference = self._world.truth.payments[payment_id].reference
        for row in self._world.books.rows("SELECT return_token FROM charge WHERE reference = ?", reference):
            token = str(row["return_token"])
            self._world.act("api", "comes back", lambda now: settle_return(self._world.engines["api"], token, now=now))

    def _again(self, act: Callable[[], None], tries: int, *, seconds: float) -> None:
        if tries < _MOST_TRIES:
            self._world.course.at(self._world.clock.now + timedelta(seconds=seconds), act)


class Operator:
    """Acts by hand on whatever is there, and clears up what was set aside."""

    def __init__(self, world: "World", rng: random.Random) -> None:
        self._world = world
        self._rng = rng

    def meddle(self) -> None:
        """Do one thing by hand, whether it makes sense or not."""
        self._rng.choice(
            (
                self._manage,
                self._manage,
                self._manage,
                self._refund,
                self._refund,
                self._retry,
                self._retry,
                self._revoke,
                self._switch,
            )
        )()

    def clear_up(self) -> None:
        """Release everything that was set aside."""
        engine = self._world.engines["operator"]
        for row in self._rows("SELECT stopped_because FROM installation WHERE stopped_because IS NOT NULL"):
            self._do(f"go: {row[0][:20]}", lambda now: go(engine, now=now))
        for row in self._rows("SELECT id, check_at FROM charge WHERE state = 'parked'"):
            ident = UUID(row["id"])
            if row["check_at"] is not None:  # it hangs: to release it would only park it again
                self._do("settles charge", lambda now, i=ident: settle_charge(engine, i, reason="hangs", now=now))
            else:
                self._do("releases charge", self._release(release_charge, ident))
        for row in self._rows("SELECT id, check_at FROM refund WHERE state = 'parked'"):
            ident = UUID(row["id"])
            if row["check_at"] is not None:
                self._do("settles refund", lambda now, i=ident: settle_refund(engine, i, reason="hangs", now=now))
            else:
                self._do("releases refund", self._release(release_refund, ident))
        for row in self._rows("SELECT id FROM subscription WHERE parked_reason IS NOT NULL AND state <> 'canceled'"):
            bill = self._rng.choice((Bill.LATEST, Bill.NONE))
            ident = UUID(row["id"])
            self._do(
                "releases subscription",
                lambda now, i=ident, b=bill: release_subscription(engine, i, "seen", now, bill=b),
            )
        for row in self._some("SELECT id FROM webhook WHERE state = 'parked'"):
            self._do("releases webhook", self._release(release_webhook, row["id"]))

    def give_back(self) -> None:
        """See to what is owed and has not gone back: have it refunded again, or say that it went back otherwise."""
        engine = self._world.engines["operator"]
        for row in self._rows("SELECT id FROM refund_obligation WHERE state IN ('owed', 'parked')"):
            ident = UUID(row["id"])
            if self._rng.random() < 0.3:
                self._do(
                    "settles",
                    lambda now, i=ident: settle_obligation(engine, i, how="transfer", reason="owed", now=now),
                )
            else:
                self._do("has it refunded", lambda now, i=ident: retry_obligation(engine, i, reason="owed", now=now))

    def close_strays(self) -> None:
        """Deal with payments that no charge explains, as a person would who has looked at them."""
        for row in self._rows(
            "SELECT gateway_payment_id FROM stray_payment WHERE resolved_at IS NULL AND charge_id IS NULL"
        ):
            self._do("closes stray", self._release(close_stray, row["gateway_payment_id"]))

    def _release(self, release: Callable[..., Any], ident: Any) -> Callable[[datetime], Any]:
        return lambda now: release(self._world.engines["operator"], ident, "seen", now)

    def _manage(self) -> None:
        engine = self._world.engines["operator"]
        for row in self._some(
            "SELECT id, state, cancel_at FROM subscription WHERE state NOT IN ('canceled', 'incomplete_expired')"
        ):
            ident = UUID(row["id"])
            days = self._rng.choice((None, 1, 3, 20))
            acts: dict[str, Callable[[datetime], Any]] = {
                "cancels now": lambda now: cancel_now(engine, ident, reason="asked to", now=now),
                "cancels later": lambda now: cancel_at_period_end(engine, ident, reason="asked to", now=now),
                "undoes": lambda now: undo_cancel(engine, ident, now=now),
                "resumes": lambda now: resume(engine, ident, now=now),
                "pauses": lambda now: pause(
                    engine, ident, resume_at=None if days is None else now + timedelta(days=days), now=now
                ),
            }
            likely = {"paused": "resumes", "unpaid": "cancels now", "incomplete": "cancels now"}.get(
                row["state"], "pauses"
            )
            if row["cancel_at"] is not None:
                likely = "undoes"
            name = likely if self._rng.random() < 0.6 else self._rng.choice(sorted(acts))
            self._do(name, acts[name])

    def _refund(self) -> None:
        for row in self._some("SELECT id, amount_minor FROM charge WHERE state = 'captured'"):
            amount = self._rng.choice((None, row["amount_minor"] // 2, 100))
            ident = UUID(row["id"])
            self._do(
                "refunds",
                lambda now: request_refund(self._world.engines["operator"], ident, amount, reason="asked to", now=now),
            )

    def _retry(self) -> None:
        for row in self._some(
            "SELECT c.id FROM charge c JOIN invoice i ON i.id = c.invoice_id WHERE i.state = 'open'"
            " AND c.state NOT IN ('captured')"
        ):
            ident = UUID(row["id"])
            self._do("retries", lambda now: retry_charge(self._world.engines["operator"], ident, now=now))

    def _revoke(self) -> None:
        if self._rng.random() < 0.5:
            for row in self._some("SELECT id FROM source WHERE state IN ('active', 'suspect', 'pending')"):
                ident = UUID(row["id"])
                self._do(
                    "revokes",
                    lambda now: revoke_source(self._world.engines["operator"], ident, reason="asked to", now=now),
                )

    def _switch(self) -> None:
        self._do("stops", lambda now: stop(self._world.engines["operator"], "by hand", now=now))
        engine = self._world.engines["operator"]
        later = self._world.clock.now + timedelta(minutes=self._rng.choice((1, 60, 600)))
        self._world.course.at(later, lambda: self._do("goes", lambda now: go(engine, now=now)))

    def _some(self, query: str) -> list[Any]:
        rows = self._rows(query)
        return [self._rng.choice(rows)] if rows else []

    def _rows(self, query: str) -> list[Any]:
        return self._world.books.rows(query)

    def _do(self, name: str, act: Callable[[datetime], Any]) -> None:
        self._world.act("operator", name, act)
