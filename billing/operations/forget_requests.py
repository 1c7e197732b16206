"""Forgets requests with an ``Idempotency-Key`` when their time is up, a batch at a time."""

from datetime import datetime

from sqlalchemy import delete
from sqlmodel import col

from billing.operations.batches import pages_of
from billing.operations.engine import Engine, Tally
from billing.store.due import Kind
from billing.store.request_tables import KeyedRequest


def forget_requests(engine: Engine, *, now: datetime) -> Tally:
    """Delete the requests that were to be kept until ``now`` (UTC) at the longest, with what was answered to them."""
    tally = Tally()
    for ids in pages_of(engine, Kind.KEYED_REQUEST, now, takes_turns=True):
        with engine.database.transaction() as tx:
            gone = tx.execute(delete(KeyedRequest).where(col(KeyedRequest.id).in_(ids))).rowcount
        tally.acts["requests_forgotten"] += gone
    return tally
