"""Sends charges that were written down and committed, and records the answers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from billing.domain.cases import Note
from billing.domain.charging import NotSent
from billing.domain.event_types import EventType
from billing.operations.engine import Engine, Tally
from billing.operations.record_outcomes import record_outcomes
from billing.operations.start_charges import StartedCharge
from billing.store.installation import hold_charging
from billing.store.writes import Author, note

log = structlog.get_logger()
HOLD_FOR: Final = timedelta(minutes=5)


def send_charges(engine: Engine, charges: Sequence[StartedCharge], now: datetime, *, since: float) -> Tally:
    """Send charges that were committed, record the answers, and hold charging if they show a fault of ours.

    ``since`` is the gateway's moment before they were written down: one that cannot leave soon after it stays.
    Doubted ones are not sent here: they are looked up first.
    """
    started = [charge for charge in charges if not charge.is_doubted]
    if not started:
        return Tally()
    outcomes = engine.gateway.create_payments([charge.request for charge in started], since=since)
    sent = {charge.id: charge.sends for charge in started}
    tally = record_outcomes(engine, list(zip(sent, outcomes, strict=True)), now=now, sends=sent)
    unsent = [outcome.reason for outcome in outcomes if isinstance(outcome, NotSent) and not outcome.too_fast]
    if 2 * len(unsent) > len(outcomes):
        tally.stop_the_run = tally.stop_the_run or f"{len(unsent)} of {len(outcomes)} not sent: {unsent[0]}"
    if tally.stop_the_run is not None:
        log.error("charging_held", because=tally.stop_the_run, until=(now + HOLD_FOR).isoformat())
        with engine.database.transaction() as tx:
            hold_charging(tx, now + HOLD_FOR, tally.stop_the_run)
            told = Note(EventType.INSTALLATION_CHARGING_HELD, {"because": tally.stop_the_run})
            note(tx, None, told, Author(engine.actor, now), subject=("installation", "1"))
    return tally
