"""What must be true of the database at every moment, each as a query for the rows of which it is not."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from billing.store.invariants import belonging, days, history, money, owed, set_up, timing
from billing.store.invariants.model import Bounds, Breach, Invariant

__all__ = ["INVARIANTS", "Bounds", "Breach", "Invariant", "check_all"]

INVARIANTS: Final[tuple[Invariant, ...]] = tuple(
    sorted(
        (
            each
            for module in (money, owed, timing, days, belonging, history, set_up)
            for each in vars(module).values()
            if isinstance(each, Invariant)
        ),
        key=lambda each: each.number,
    )
)
"""Every invariant, by its number."""


def check_all(
    tx: Connection,
    now: datetime,
    bounds: Bounds | None = None,
    on_check: Callable[[Invariant, list[Breach]], None] = lambda _invariant, _breaches: None,
) -> list[Breach]:
    """Return every breach at ``now`` (UTC), by number. ``on_check`` is told of each invariant that was checked."""
    found: list[Breach] = []
    for each in INVARIANTS:
        breaches = each.check(tx, now, bounds or Bounds())
        on_check(each, breaches)
        found += breaches
    return found
