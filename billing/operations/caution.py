"""After the evidence stopped charging and a person allowed it again: few charges at once, until one was captured."""

from datetime import datetime, timedelta
from typing import Final

import structlog

from billing.operations.engine import Engine
from billing.store.installation import InstallationRow, end_caution
from billing.store.set_up_evidence import count_undecided, was_captured_since

log = structlog.get_logger()
UNDECIDED_FOR: Final = timedelta(minutes=10)
"""A charge without an outcome for so long keeps no other one waiting."""


def most_at_once(engine: Engine, installation: InstallationRow, few: int, now: datetime) -> int | None:
    """Return how many charges may be sent now (UTC) while ``few`` are the most that may be undecided; None: any number.

    The first renewal that was captured since charging was allowed ends the caution.
    """
    if not installation.is_careful:
        return None
    allowed_at = installation.allowed_at or now
    with engine.database.snapshot() as tx:
        is_proven = was_captured_since(tx, allowed_at)
        undecided = count_undecided(tx, max(allowed_at, now - UNDECIDED_FOR), few)
    if not is_proven:
        return few - undecided
    with engine.database.transaction() as tx:
        end_caution(tx)
    log.info("caution_ended")
    return None
