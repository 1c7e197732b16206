"""A parked webhook of which nothing will come, ended by a person."""

from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.event_types import EventType
from billing.operations.engine import Engine, NotFound, Refusal
from billing.store.tables import Webhook
from billing.store.writes import Author, note


def ignore_webhook(engine: Engine, webhook_id: int, reason: str, now: datetime) -> None:
    """Write down that nothing will be done with a parked webhook, and why; it is not processed any more.

    :raises NotFound: there is no such webhook. :raises Refusal: it is not parked.
    """
    with engine.database.transaction() as tx:
        state = tx.execute(select(col(Webhook.state)).where(col(Webhook.id) == webhook_id)).scalar_one_or_none()
        if state is None:
            raise NotFound(f"there is no webhook {webhook_id}")
        ignored = {"state": "ignored", "why": f"by hand: {reason}"[:500]}
        parked = (col(Webhook.id) == webhook_id, col(Webhook.state) == "parked")
        if tx.execute(update(Webhook).where(*parked).values(**ignored)).rowcount != 1:
            raise Refusal(f"webhook {webhook_id} is {state}, not parked")
        told = Note(EventType.WEBHOOK_IGNORED, {"reason": reason})
        note(tx, None, told, Author(engine.actor, now), subject=("webhook", str(webhook_id)))
