"""Stops charging when far more is due than the subscriptions can explain."""

from datetime import datetime, timedelta
from typing import Final

import structlog

from billing.domain.cases import Note
from billing.domain.event_types import EventType
from billing.operations.engine import Engine
from billing.store.installation import load_installation, stop_charging, was_allowed_since
from billing.store.queries import count_due_invoices, renewals_expected_per_day
from billing.store.writes import Author, note

log = structlog.get_logger()
BRAKE: Final = "the brake: "
"""How the reason begins when it was the brake that threw the stop switch."""
A_WORD_LASTS: Final = timedelta(hours=12)
"""After `billing go` the brake is not pulled for so long; else what is due would pull it again at once."""


def pull_the_brake(engine: Engine, now: datetime) -> None:
    """Throw the stop switch if what is due at ``now`` is above the floor and a multiple of a day's renewals."""
    floor = engine.rules.brake_floor
    with engine.database.snapshot() as tx:
        if load_installation(tx).stopped_because is not None or count_due_invoices(tx, now, floor + 1) <= floor:
            return
        if was_allowed_since(tx, now - A_WORD_LASTS):
            return  # a person looked at it and let it go on
        limit = max(floor, int(engine.rules.brake_factor * renewals_expected_per_day(tx)))
        due = count_due_invoices(tx, now, limit + 1)
    if due <= limit:
        return
    because = (
        f"{BRAKE}more than {limit} charges are due at once, {engine.rules.brake_factor:g} times what a day should "
        "bring; look at `billing charges list`, then `billing go`"
    )
    log.error("brake_pulled", because=because)
    with engine.database.transaction() as tx:
        stop_charging(tx, because)
        told = Note(EventType.INSTALLATION_CHARGING_STOPPED, {"because": because})
        note(tx, None, told, Author(engine.actor, now), subject=("installation", "1"))
