"""The shop's clerk: forgives debts, plans ahead, revokes agreements and erases customers, as the API offers it."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from billing.operations.erase_customer import erase_customer
from billing.operations.forgive_invoice import mark_uncollectible, void_invoice
from billing.operations.manage import cancel_at, pause_at_period_end, resume, undo_cancel, undo_pause
from billing.operations.retry_charge import retry_invoice
from billing.operations.revoke_source import revoke_source
from plans.calendar import billing_day

if TYPE_CHECKING:
    from tests.simulation.world import World

WORLDS_WITH_A_CLERK: Final = 0.4


class Clerk:
    """Does one thing at a time to whatever is there, whether it makes sense or not."""

    def __init__(self, world: "World", rng: random.Random) -> None:
        self._world = world
        self._rng = rng

    def hours(self) -> list[float]:
        """Return when there is a clerk at work, as shares of the world's time; in most worlds there is none."""
        if self._rng.random() >= WORLDS_WITH_A_CLERK:
            return []
        return [self._rng.uniform(0.1, 1) for _ in range(self._rng.randint(2, 8))]

    def tidy(self) -> None:
        self._rng.choice(
            (self._forgive, self._forgive, self._plan_ahead, self._plan_ahead, self._revoke, self._erase)
        )()

    def _forgive(self) -> None:
        for row in self._some(
            "SELECT id, state FROM invoice WHERE state IN ('open', 'uncollectible') AND kind <> 'agreement'"
        ):
            ident = UUID(row["id"])
            acts: dict[str, Callable[[datetime], Any]] = {
                "voids": lambda now: void_invoice(self._engine, ident, reason="asked to", now=now),
                "writes off": lambda now: mark_uncollectible(self._engine, ident, reason="asked to", now=now),
                "tries again": lambda now: retry_invoice(self._engine, ident, now=now),
            }
            self._do(acts)

    def _revoke(self) -> None:
        for row in self._some("SELECT id FROM source WHERE state IN ('active', 'suspect')"):
            ident = UUID(row["id"])
            self._do({"revokes": lambda now: revoke_source(self._engine, ident, reason="asked to", now=now)})

    def _erase(self) -> None:
        for row in self._some(
            "SELECT id FROM customer WHERE NOT EXISTS (SELECT 1 FROM subscription s WHERE s.customer_id = customer.id"
            " AND s.state NOT IN ('canceled', 'incomplete_expired'))"
        ):
            ident = UUID(row["id"])
            self._do({"erases": lambda now: erase_customer(self._engine, ident, reason="asked to", now=now)})

    def _plan_ahead(self) -> None:
        for row in self._some(
            "SELECT id, zone FROM subscription WHERE state NOT IN ('canceled', 'incomplete_expired')"
        ):
            ident, days = UUID(row["id"]), timedelta(days=self._rng.choice((1, 2, 9, 40)))
            acts: dict[str, Callable[[datetime], Any]] = {
                "cancels for a day": lambda now: cancel_at(
                    self._engine, ident, on=billing_day(now + days, row["zone"]), reason="asked to", now=now
                ),
                "takes it back": lambda now: undo_cancel(self._engine, ident, now=now),
                "pauses later": lambda now: pause_at_period_end(self._engine, ident, resume_at=None, now=now),
                "pauses later for a while": lambda now: pause_at_period_end(
                    self._engine, ident, resume_at=now + 3 * days, now=now
                ),
                "takes the pause back": lambda now: undo_pause(self._engine, ident, now=now),
                "resumes": lambda now: resume(self._engine, ident, now=now),
            }
            self._do(acts)

    @property
    def _engine(self) -> Any:
        return self._world.engines["api"]

    def _do(self, acts: dict[str, Callable[[datetime], Any]]) -> None:
        name = self._rng.choice(sorted(acts))
        self._world.act("api", name, acts[name])

    def _some(self, query: str) -> list[Any]:
        rows = self._world.books.rows(query)
        return [self._rng.choice(rows)] if rows else []
