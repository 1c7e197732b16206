"""Lines of defence that are taken away, one at a time, to see what the others hold.

A mask takes liveness with it where nothing else could know: what nobody tells and nobody asks about is not settled.
Safety is asked for under each: nobody is charged twice, no edge but the legal ones is taken, and every won that was
captured stands under the name of a charge that is written down.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

import billing.operations.run_due as sweep
from billing.store.due import Kind
from tests.simulation.endings import ENDINGS
from tests.simulation.invariants import Check

if TYPE_CHECKING:
    from billing.gateway.webhooks import VerifiedEvent
    from tests.simulation.world import World

MASKS: Final = {
    "sweep": "the daemons never ask about a charge: only webhooks and return pages tell",
    "webhooks": "no webhook is ever sent: only asking tells",
    "dedupe": "every webhook is stored twice and processed as often, under new names",
    "indexes": "the database has neither one_live_charge nor one_invoice_for_a_period",
    "disk": "the disk fails at every fourth webhook that is to be stored, while there are faults",
    "finality": "every third wallet charge is declined and captured after all, while there are faults",
}
_INDEXES: Final = {"indexes": ("one_live_charge", "one_invoice_for_a_period"), "dedupe": ("one_webhook_per_action",)}
_LAST_RECHECK: Final = timedelta(days=9)
"""Without webhooks a capture after a closed end is found by its last recheck, a week later, at worst."""


class Masks:
    """What a world is without. Any may be combined."""

    def __init__(self, names: frozenset[str] = frozenset()) -> None:
        unknown = names - MASKS.keys()
        if unknown:
            raise ValueError(f"there is no defence {', '.join(sorted(unknown))}; there are {', '.join(MASKS)}")
        self._names = names
        self._copies = self._stored = self._decided = 0

    def strip(self, file: Path) -> None:
        """Drop what the world's database is to do without."""
        with sqlite3.connect(file) as connection:
            for index in (index for name in sorted(self._names) for index in _INDEXES.get(name, ())):
                connection.execute(f"DROP INDEX {index}")
        connection.close()

    @contextmanager
    def over(self, world: "World") -> Iterator[None]:
        """Keep the masks over a world while it lives."""
        if "webhooks" in self._names:
            world.outcomes.tell = lambda *_args, **_more: None
            world.courier.is_silent = True
            world.healing = max(world.healing, _LAST_RECHECK)
        if "disk" in self._names:
            world.processes["receiver"].breaks_at = lambda statement: bool(world.dice.on) and self._breaks_at(statement)
        if "finality" in self._names:
            world.outcomes.relents = lambda: bool(world.dice.on) and self._relents()
        if "sweep" not in self._names:
            yield
            return
        world.books.deaf_to = frozenset({Kind.CHARGE})
        with patch.object(sweep, "ACTS", tuple(act for act in sweep.ACTS if act[0] is not Kind.CHARGE)):
            yield

    def _breaks_at(self, statement: str) -> bool:
        if not statement.startswith("INSERT INTO webhook "):
            return False
        self._stored += 1
        return self._stored % 4 == 0

    def _relents(self) -> bool:
        self._decided += 1
        return self._decided % 3 == 0

    def stored(self, event: "VerifiedEvent") -> list["VerifiedEvent"]:
        """Return a webhook as it is handed over to be stored."""
        if "dedupe" not in self._names:
            return [event]
        self._copies += 2
        return [replace(event, id=f"{event.id}/{self._copies + each}") for each in (0, 1)]

    def endings(self) -> list[tuple[int, Check]]:
        """Return what must be true in the end."""
        return [(14, every_won_has_a_name)] if "sweep" in self._names else ENDINGS


def every_won_has_a_name(world: "World") -> Iterator[str]:
    """Whatever was captured stands under the reference of a charge that is here, to be asked about.

    It may be that nobody has asked yet; it may not be that nobody could. (A restored copy forgot some.)
    """
    if world.was_restored:
        return
    written = {row[0] for row in world.books.rows("SELECT reference FROM charge")}
    for payment in world.truth.payments.values():
        if payment.captured and payment.reference not in written:
            yield f"{payment.id} was captured under {payment.reference}, which is nobody's"
