"""Reads and writes deliveries: put in line, claimed by one sender at a time, ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Select, delete, func, select, text, tuple_, update
from sqlmodel import col

from billing.domain.deliveries import DeliveryState, EndpointState
from billing.domain.public_ids import Kind
from billing.store.inserts import insert_if_absent
from billing.store.webhook_tables import ENDED, WebhookDelivery, WebhookEndpoint

MOST_IN_LINE: Final = 1000
"""Of one endpoint. More wait as events: an endpoint that is dead for days does not fill the table."""
LEASE: Final = timedelta(seconds=90)
"""Who claimed a delivery and has not ended it by then has died, and it is sent again under the same id."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this process sends. ``tries`` counts this one."""

    id: UUID
    event_id: int
    tries: int
    queued_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery as the log shows it."""

    KIND = Kind.DELIVERY

    id: UUID
    endpoint_id: UUID
    event_id: int
    event_type: str
    state: DeliveryState
    tries: int
    queued_at: datetime
    next_try_at: datetime
    tried_at: datetime | None
    delivered_at: datetime | None
    status: int | None
    answer: str | None
    error: str | None
    milliseconds: int | None


_COLUMNS: Final[Any] = tuple(getattr(WebhookDelivery, name) for name in DeliveryRow.__dataclass_fields__)
_id, _endpoint, _event = col(WebhookDelivery.id), col(WebhookDelivery.endpoint_id), col(WebhookDelivery.event_id)
_state, _next, _queued = col(WebhookDelivery.state), col(WebhookDelivery.next_try_at), col(WebhookDelivery.queued_at)


def put_in_line(tx: Connection, rows: Sequence[Mapping[str, object]]) -> int:
    """Write deliveries down; an event that an endpoint has already in line is left as it is."""
    return insert_if_absent(tx, WebhookDelivery, rows)


def room_in_line(tx: Connection, endpoint: UUID) -> int:
    """Return how many more deliveries of an endpoint may be put in line now."""
    some = select(_id).where(_endpoint == endpoint, _state == DeliveryState.PENDING).limit(MOST_IN_LINE).subquery()
    return MOST_IN_LINE - tx.execute(select(func.count()).select_from(some)).scalar_one()


def in_line(tx: Connection) -> int:
    """Return how many deliveries wait, to endpoints that are switched off too; at most :data:`MOST_IN_LINE`."""
    some = select(_id).where(_state == DeliveryState.PENDING).limit(MOST_IN_LINE).subquery()
    return tx.execute(select(func.count()).select_from(some)).scalar_one()


def overdue_since(tx: Connection, now: datetime) -> datetime | None:
    """Return since when the delivery is due (machine time, UTC) that waits longest for a sender; None: none does."""
    enabled = col(WebhookEndpoint.state) == EndpointState.ENABLED
    query = select(func.min(_next)).join(WebhookEndpoint, col(WebhookEndpoint.id) == _endpoint)
    return tx.execute(query.where(enabled, _state == DeliveryState.PENDING, _next <= now)).scalar_one()


def endpoints_with_due(tx: Connection, now: datetime) -> list[UUID]:
    """Return the enabled endpoints to which something is to be sent at ``now`` (machine time, UTC)."""
    due = select(_id).where(_endpoint == col(WebhookEndpoint.id), _state == DeliveryState.PENDING, _next <= now)
    enabled = select(col(WebhookEndpoint.id)).where(col(WebhookEndpoint.state) == EndpointState.ENABLED, due.exists())
    return list(tx.execute(enabled).scalars())


def claim(tx: Connection, endpoint: UUID, now: datetime, most: int) -> list[Claim]:
    """Claim what is due to an endpoint, the oldest events first, for as long as a send can take."""
    due = (
        select(_id)
        .where(_endpoint == endpoint, _state == DeliveryState.PENDING, _next <= now)
        .order_by(_next, _event)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    claimed = (
        update(WebhookDelivery)
        .where(_id.in_(due))
        .values(next_try_at=now + LEASE, tries=col(WebhookDelivery.tries) + 1, tried_at=now)
        .returning(_id, _event, col(WebhookDelivery.tries), _queued)
    )
    return sorted((Claim(*row) for row in tx.execute(claimed)), key=lambda each: each.event_id)


def end_try(tx: Connection, claimed: Claim, written: Mapping[str, object]) -> bool:
    """Write how a try ended, and return whether it was still this process's; if not, the newer claim counts."""
    mine = update(WebhookDelivery).where(
        _id == claimed.id, col(WebhookDelivery.tries) == claimed.tries, _state == DeliveryState.PENDING
    )
    return tx.execute(mine.values(**written)).rowcount == 1


def line_up_again(
    tx: Connection, now: datetime, *, endpoint: UUID | None = None, event: int | None = None,
    delivery: UUID | None = None, failed_since: datetime | None = None,
) -> int:  # fmt: skip
    """Put deliveries in line anew, and return how many they were.

    With ``failed_since`` those that failed since then or still wait, otherwise whatever became of them.
    """
    again = update(WebhookDelivery)
    if endpoint is not None:
        again = again.where(_endpoint == endpoint)
    if event is not None:
        again = again.where(_event == event)
    if delivery is not None:
        again = again.where(_id == delivery)
    if failed_since is not None:
        failed = (_state == DeliveryState.FAILED) & (col(WebhookDelivery.tried_at) >= failed_since)
        again = again.where(failed | (_state == DeliveryState.PENDING))
    return tx.execute(again.values(state=DeliveryState.PENDING, queued_at=now, next_try_at=now)).rowcount


def forget_ended(tx: Connection, before: datetime, most: int) -> int:
    """Delete deliveries that ended before an instant, and return how many they were.

    What a disabled endpoint failed to take stays: it is sent when the endpoint is enabled again.
    """
    missed = (_state == DeliveryState.FAILED) & (col(WebhookEndpoint.state) == EndpointState.DISABLED)
    old = (
        select(_id)
        .join(WebhookEndpoint, col(WebhookEndpoint.id) == _endpoint)
        .where(text(f"webhook_delivery.{ENDED}"), col(WebhookDelivery.tried_at) < before, ~missed)
        .order_by(col(WebhookDelivery.tried_at))
        .limit(most)
    )
    return tx.execute(delete(WebhookDelivery).where(_id.in_(old))).rowcount


def find_delivery(tx: Connection, delivery: UUID) -> DeliveryRow | None:
    """Return a delivery, or None."""
    row = tx.execute(select(*_COLUMNS).where(_id == delivery)).one_or_none()
    return DeliveryRow(*row) if row is not None else None


def list_deliveries(
    tx: Connection,
    limit: int,
    *,
    endpoint: UUID | None = None,
    state: DeliveryState | None = None,
    event: int | None = None,
    before: tuple[int, UUID] | None = None,
) -> list[DeliveryRow]:
    """Return deliveries, those of the newest events first, from the one behind ``before`` (its event and id)."""
    query: Select[*tuple[Any, ...]] = select(*_COLUMNS).order_by(_event.desc(), _id.desc()).limit(limit)
    if endpoint is not None:
        query = query.where(_endpoint == endpoint)
    if state is not None:
        # Literal, so that it is recognised as the partial index's own condition.
        query = query.where(text(f"webhook_delivery.state = '{state.value}'"))
    if event is not None:
        query = query.where(_event == event)
    if before is not None:
        query = query.where(tuple_(_event, _id) < tuple_(*before))
    return [DeliveryRow(*row) for row in tx.execute(query)]
