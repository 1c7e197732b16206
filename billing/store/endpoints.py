"""Reads and writes webhook endpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, delete, func, select, update
from sqlmodel import col

from billing.domain.deliveries import EndpointState
from billing.store.webhook_tables import WebhookEndpoint
from billing.store.writes import insert_rows


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint. Its secrets are sealed."""

    id: UUID
    url: str
    description: str
    event_types: Sequence[str]
    state: EndpointState
    disabled_because: str | None
    sealed_secret: str
    sealed_previous: str | None
    previous_ends_at: datetime | None
    queued_to: int
    failing_since: datetime | None
    created_at: datetime
    created_by: str

    def __repr__(self) -> str:
        return f"EndpointRow({self.id})"  # its URL may hold a token

    def sealed(self, now: datetime) -> list[str]:
        """Return the secrets that sign at ``now`` (machine time, UTC), the newest first."""
        overlaps = (
            self.sealed_previous is not None and self.previous_ends_at is not None and now < self.previous_ends_at
        )
        return [self.sealed_secret, *([self.sealed_previous] if overlaps and self.sealed_previous else [])]


_COLUMNS: Final[Any] = tuple(getattr(WebhookEndpoint, name) for name in EndpointRow.__dataclass_fields__)


def list_endpoints(tx: Connection, *, state: EndpointState | None = None) -> list[EndpointRow]:
    """Return the endpoints, the oldest first; there are few."""
    query = select(*_COLUMNS).order_by(col(WebhookEndpoint.created_at), col(WebhookEndpoint.id))
    if state is not None:
        query = query.where(col(WebhookEndpoint.state) == state)
    return [EndpointRow(*row) for row in tx.execute(query)]


def load_endpoint(tx: Connection, endpoint: UUID, *, locked: bool = False) -> EndpointRow | None:
    """Return an endpoint, or None; under its row lock if asked so."""
    query = select(*_COLUMNS).where(col(WebhookEndpoint.id) == endpoint)
    row = tx.execute(query.with_for_update() if locked else query).one_or_none()
    return EndpointRow(*row) if row is not None else None


def lock_free_endpoint(tx: Connection, endpoint: UUID) -> EndpointRow | None:
    """Return an enabled endpoint under its row lock, or None: another process holds it, or it is not enabled."""
    query = select(*_COLUMNS).where(col(WebhookEndpoint.id) == endpoint)
    query = query.where(col(WebhookEndpoint.state) == EndpointState.ENABLED).with_for_update(skip_locked=True)
    row = tx.execute(query).one_or_none()
    return EndpointRow(*row) if row is not None else None


def count_endpoints(tx: Connection) -> int:
    """Return how many there are."""
    return tx.execute(select(func.count()).select_from(WebhookEndpoint)).scalar_one()


def insert_endpoint(tx: Connection, row: Mapping[str, object]) -> None:
    """Write an endpoint down."""
    insert_rows(tx, WebhookEndpoint, [row])


def change_endpoint(tx: Connection, endpoint: UUID, changes: Mapping[str, object]) -> None:
    """Write columns of an endpoint, which the caller has locked."""
    tx.execute(update(WebhookEndpoint).where(col(WebhookEndpoint.id) == endpoint).values(**changes))


def delete_endpoint(tx: Connection, endpoint: UUID) -> None:
    """Remove an endpoint with all its deliveries."""
    tx.execute(delete(WebhookEndpoint).where(col(WebhookEndpoint.id) == endpoint))


def note_success(tx: Connection, endpoint: UUID) -> None:
    """Write down that an endpoint took something."""
    failing = update(WebhookEndpoint).where(
        col(WebhookEndpoint.id) == endpoint, col(WebhookEndpoint.failing_since).is_not(None)
    )
    tx.execute(failing.where(col(WebhookEndpoint.state) == EndpointState.ENABLED).values(failing_since=None))
