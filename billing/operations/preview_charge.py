"""Says which charge comes next, without making it."""

from datetime import datetime
from uuid import UUID

from billing.domain.preview import Preview, preview
from billing.operations.engine import Engine, NotFound
from billing.store.prospects import load_prospect


def preview_charge(engine: Engine, subscription_id: UUID, *, now: datetime) -> Preview:
    """Return the charge that comes next as things stand at ``now`` (UTC), or why none does. Nothing is written.

    :raises NotFound: there is no such subscription.
    """
    with engine.database.snapshot() as tx:
        prospect = load_prospect(tx, subscription_id, now)
    if prospect is None:
        raise NotFound(f"there is no subscription {subscription_id}")
    return preview(prospect, now=now, policy=engine.rules.catching_up, window=engine.rules.window)
