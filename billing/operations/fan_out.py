"""Puts what has happened in line for each endpoint that wants to hear of it."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from billing.domain.deliveries import DeliveryState, EndpointState
from billing.domain.identity import row_id
from billing.domain.public_data import Recorded
from billing.domain.public_events import TEST_TYPE, meaning_of, wants
from billing.store.database import Database
from billing.store.deliveries import put_in_line, room_in_line
from billing.store.endpoints import EndpointRow, change_endpoint, list_endpoints, lock_free_endpoint
from billing.store.public_facts import list_recorded
from billing.store.settled_events import SettledEvents

PAGE: Final = 500


def fan_out(database: Database, settled: SettledEvents, *, now: datetime) -> int:
    """Put settled events in line, at most a page for each endpoint; return how many deliveries were made of them.

    Each endpoint has a cursor of its own, which moves in the transaction that writes its deliveries: whoever dies
    in between has done nothing. ``now`` is the machine's time, UTC.
    """
    with database.snapshot() as tx:
        enabled = list_endpoints(tx, state=EndpointState.ENABLED)
        up_to = settled.up_to(tx) if enabled else 0
    made = 0
    for endpoint in enabled:
        if endpoint.queued_to < up_to:
            with database.transaction() as tx:
                made += _to_one(tx, endpoint.id, up_to, now)
    return made


def _to_one(tx: Connection, endpoint: UUID, up_to: int, now: datetime) -> int:
    row = lock_free_endpoint(tx, endpoint)
    if row is None or row.queued_to >= up_to:
        return 0  # another process does it, or has done it
    most = min(PAGE, room_in_line(tx, endpoint))
    if most <= 0:
        return 0
    events = list_recorded(tx, after=row.queued_to, up_to=up_to, limit=most)
    put_in_line(tx, [_delivery(row, event, now) for event in events if _is_for(row, event)])
    change_endpoint(tx, endpoint, {"queued_to": events[-1].id if len(events) == most else up_to})
    return len(events)


def _is_for(endpoint: EndpointRow, event: Recorded) -> bool:
    meaning = meaning_of(event.type, event.to_state)
    if meaning is None:
        return False
    if meaning.type == TEST_TYPE:
        return event.subject_id == str(endpoint.id)
    return wants(endpoint.event_types, meaning.type)


def _delivery(endpoint: EndpointRow, event: Recorded, now: datetime) -> dict[str, object]:
    meaning = meaning_of(event.type, event.to_state)
    return {
        "id": row_id(endpoint.id, "delivery", event.id),
        "endpoint_id": endpoint.id,
        "event_id": event.id,
        "event_type": meaning.type if meaning is not None else event.type,
        "state": DeliveryState.PENDING,
        "tries": 0,
        "queued_at": now,
        "next_try_at": now,
    }
