"""Endpoints of others, to which events are sent: made, changed, switched off and on, tried out."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.deliveries import MOST_ENDPOINTS, EndpointState, why_no_endpoint
from billing.domain.event_types import EventType
from billing.domain.identity import row_id
from billing.domain.public_events import PUBLIC_TYPES, unknown_patterns
from billing.operations.engine import Conflict, Engine, NotFound, Refusal
from billing.operations.request_keys import done, secret_lost
from billing.outbox.addresses import Network, why_not_there
from billing.outbox.vault import CannotOpen, Vault, draw_secret
from billing.store.deliveries import line_up_again
from billing.store.endpoints import (
    EndpointRow,
    change_endpoint,
    count_endpoints,
    delete_endpoint,
    insert_endpoint,
    load_endpoint,
)
from billing.store.event_rows import hold_subject
from billing.store.installation import load_installation
from billing.store.settled_events import settled_from
from billing.store.tables import Event
from billing.store.writes import Author, note

DEFAULT_OVERLAP: Final = timedelta(hours=24)
LONGEST_OVERLAP: Final = timedelta(days=30)
LONGEST_DESCRIPTION: Final = 200
REQUESTED: Final = "requested"


@dataclass(frozen=True, slots=True)
class FreshSecret:
    """An endpoint with its secret, which nobody can be told again."""

    row: EndpointRow
    secret: str

    def __repr__(self) -> str:
        return f"FreshSecret({self.row.id})"  # never the secret


class BadEndpoint(Refusal):
    """A field of an endpoint cannot be used; ``field`` says which."""

    code = "invalid_request"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field} {detail}")
        self.field, self.detail = field, detail


class TooManyEndpoints(Refusal):
    """There are as many endpoints as there may be."""

    code = "too_many_endpoints"
    says_what_to_do = True


class EventsBeingWritten(Refusal):
    """Where a new endpoint's events begin cannot be told yet."""

    code = "busy"


class NoEndpointKey(Refusal):
    """There is no key to keep an endpoint's secret with."""

    code = "no_endpoint_key"


def create_endpoint(
    engine: Engine,
    vault: Vault,
    url: str,
    *,
    event_types: Sequence[str] = (),
    description: str = "",
    is_live: bool,
    allowed: Sequence[Network],
    now: datetime,
) -> FreshSecret:
    """Make an endpoint (``now``: the machine's time, UTC). It is sent what happens from now on.

    ``allowed`` are the networks beside the open internet in which an endpoint may be.

    :raises BadEndpoint: a field cannot be used. :raises TooManyEndpoints: there are enough.
    :raises NoEndpointKey: its secret could not be kept. :raises EventsBeingWritten: try again, it takes seconds.
    """
    wanted = _checked(
        {"url": url, "event_types": list(event_types), "description": description}, is_live=is_live, allowed=allowed
    )
    secret = draw_secret()
    with engine.database.snapshot() as tx:
        begins_after = settled_from(tx)
    if begins_after is None:
        raise EventsBeingWritten("something has been written for 2 seconds that the endpoint might miss or be told of")
    with engine.database.transaction() as tx:
        hold_subject(tx, ("webhook_endpoint", "all"))
        if count_endpoints(tx) >= MOST_ENDPOINTS:
            raise TooManyEndpoints(f"there are {MOST_ENDPOINTS} endpoints, and there may be no more; delete one first")
        ident = row_id(load_installation(tx).id, "webhook_endpoint", url, now.isoformat())
        insert_endpoint(
            tx,
            {
                "id": ident,
                **wanted,
                "state": EndpointState.ENABLED,
                "sealed_secret": _sealed(vault, secret),
                "queued_to": begins_after,
                "created_at": now,
                "created_by": engine.actor,
            },
        )
        _tell(tx, engine, ident, EventType.WEBHOOK_ENDPOINT_CREATED, now)
        return _fresh(tx, engine, ident, secret)


def update_endpoint(
    engine: Engine,
    endpoint: UUID,
    changes: Mapping[str, Any],
    *,
    is_live: bool,
    allowed: Sequence[Network],
    now: datetime,
) -> EndpointRow:
    """Write ``url``, ``event_types`` or ``description`` of an endpoint anew; what is not named stays.

    :raises NotFound: there is no such endpoint. :raises BadEndpoint: a field cannot be used.
    """
    wanted = _checked(changes, is_live=is_live, allowed=allowed)
    with engine.database.transaction() as tx:
        _locked(tx, endpoint)
        if wanted:
            change_endpoint(tx, endpoint, wanted)
            _tell(tx, engine, endpoint, EventType.WEBHOOK_ENDPOINT_UPDATED, now, {"fields": sorted(wanted)})
        return _loaded(tx, endpoint)


def disable_endpoint(engine: Engine, endpoint: UUID, *, now: datetime) -> EndpointRow:
    """Send an endpoint nothing any more. What happens meanwhile is sent when it is enabled again.

    :raises NotFound: there is no such endpoint. :raises Conflict: it is disabled already.
    """
    with engine.database.transaction() as tx:
        row = _locked(tx, endpoint)
        if row.state is EndpointState.DISABLED:
            raise Conflict("the endpoint is disabled already")
        switch_off(tx, engine, row, REQUESTED, now)
        done(tx, engine)
        return _loaded(tx, endpoint)


def switch_off(tx: Connection, engine: Engine, row: EndpointRow, cause: str, now: datetime) -> None:
    """Disable an endpoint that is locked; ``cause`` is requested, failing or gone."""
    written = {"state": EndpointState.DISABLED, "disabled_because": cause, "failing_since": row.failing_since or now}
    change_endpoint(tx, row.id, written)
    _tell(tx, engine, row.id, EventType.WEBHOOK_ENDPOINT_DISABLED, now, {"cause": cause})


def enable_endpoint(engine: Engine, endpoint: UUID, *, now: datetime) -> EndpointRow:
    """Send to an endpoint again, first everything that it missed, page by page, beginning with the oldest.

    :raises NotFound: there is no such endpoint. :raises Conflict: it is enabled already.
    """
    with engine.database.transaction() as tx:
        row = _locked(tx, endpoint)
        if row.state is EndpointState.ENABLED:
            raise Conflict("the endpoint is enabled already")
        line_up_again(tx, now, endpoint=endpoint, failed_since=row.failing_since or now)
        written = {"state": EndpointState.ENABLED, "disabled_because": None, "failing_since": None}
        change_endpoint(tx, endpoint, written)
        _tell(tx, engine, endpoint, EventType.WEBHOOK_ENDPOINT_ENABLED, now)
        done(tx, engine)
        return _loaded(tx, endpoint)


def remove_endpoint(engine: Engine, endpoint: UUID, *, now: datetime) -> None:
    """Remove an endpoint, with its deliveries and its secret.

    :raises NotFound: there is no such endpoint.
    """
    with engine.database.transaction() as tx:
        _locked(tx, endpoint)
        delete_endpoint(tx, endpoint)
        _tell(tx, engine, endpoint, EventType.WEBHOOK_ENDPOINT_DELETED, now)


def rotate_secret(
    engine: Engine,
    vault: Vault,
    endpoint: UUID,
    *,
    overlap: timedelta = DEFAULT_OVERLAP,
    now: datetime,
    end_previous: bool = False,
) -> FreshSecret:
    """Give an endpoint another secret; both sign until the overlap ends (``now``: the machine's time, UTC).

    One that was rotated away before, and has not ended yet, ends now if ``end_previous``: perhaps it is the only one
    that anybody has, because the answer with the present one was lost.

    :raises NotFound: there is no such endpoint. :raises Refusal: the overlap is too long, or there is no key.
    :raises Conflict: one that was rotated away before still signs, and may not be ended.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise BadEndpoint("overlap_hours", f"must be 0 to {LONGEST_OVERLAP.days * 24}")
    secret = draw_secret()
    with engine.database.transaction() as tx:
        row = _locked(tx, endpoint)
        if len(row.sealed(now)) > 1 and not end_previous:
            raise Conflict(
                f"the secret was rotated before, and the one before it signs until "
                f"{row.previous_ends_at:%Y-%m-%dT%H:%M:%SZ}: rotating again would leave whoever verifies with it "
                'without a signature they know. Wait until then, or say "end_previous": true to end it now'
            )
        written = {
            "sealed_secret": _sealed(vault, secret),
            "sealed_previous": row.sealed_secret if overlap else None,
            "previous_ends_at": now + overlap if overlap else None,
        }
        change_endpoint(tx, endpoint, written)
        _tell(tx, engine, endpoint, EventType.WEBHOOK_ENDPOINT_SECRET_ROTATED, now)
        return _fresh(tx, engine, endpoint, secret)


def redraw_secret(engine: Engine, vault: Vault, made: str, *, now: datetime) -> FreshSecret:
    """Give an endpoint another secret in the place of one whose answer was lost, as ``made`` names it.

    Nobody was told that one. The one before it, if it still signs, signs on (``now``: the machine's time, UTC).

    :raises NotFound: the endpoint was deleted since. :raises Conflict: it was given another secret since.
    """
    endpoint, lost = secret_lost(made)
    secret = draw_secret()
    with engine.database.transaction() as tx:
        if _digest(_locked(tx, endpoint)) != lost:
            raise Conflict("the endpoint was given another secret since: rotate it if nobody holds that one")
        change_endpoint(tx, endpoint, {"sealed_secret": _sealed(vault, secret)})
        _tell(tx, engine, endpoint, EventType.WEBHOOK_ENDPOINT_SECRET_REDRAWN, now)
        return _fresh(tx, engine, endpoint, secret)


def test_endpoint(engine: Engine, endpoint: UUID, *, now: datetime) -> int:
    """Have an event sent to this endpoint, and to it only, that says nothing happened; return the event's number.

    :raises NotFound: there is no such endpoint. :raises Conflict: it is disabled.
    """
    with engine.database.transaction() as tx:
        row = _locked(tx, endpoint)
        if row.state is EndpointState.DISABLED:
            raise Conflict("the endpoint is disabled; enable it first")
        _tell(tx, engine, endpoint, EventType.WEBHOOK_ENDPOINT_TESTED, now)
        newest = select(col(Event.id)).where(
            col(Event.subject_type) == "webhook_endpoint", col(Event.subject_id) == str(endpoint)
        )
        number = tx.execute(newest.order_by(col(Event.sequence).desc()).limit(1)).scalar_one() or 0
        done(tx, engine, number)
        return number


def _checked(fields: Mapping[str, Any], *, is_live: bool, allowed: Sequence[Network]) -> dict[str, Any]:
    if "url" in fields:
        url = fields["url"]
        problem = why_no_endpoint(url, is_live=is_live) or why_not_there(url, allowed)
        if problem is not None:
            raise BadEndpoint("url", problem)
    unknown = unknown_patterns(fields.get("event_types", ()))
    if unknown:
        known = ", ".join(PUBLIC_TYPES[:3])
        raise BadEndpoint(
            "event_types", f"holds {unknown[0][:60]!r}, which is no type; write one such as {known} or invoice.*"
        )
    if len(fields.get("description", "")) > LONGEST_DESCRIPTION:
        raise BadEndpoint("description", f"must be at most {LONGEST_DESCRIPTION} characters")
    return dict(fields)


def _sealed(vault: Vault, secret: str) -> str:
    try:
        return vault.seal(secret)
    except CannotOpen as error:
        raise NoEndpointKey(
            f"{error}: the secrets of endpoints are kept encrypted with it; use `openssl rand -hex 32`"
        ) from None


def _fresh(tx: Connection, engine: Engine, endpoint: UUID, secret: str) -> FreshSecret:
    row = _loaded(tx, endpoint)
    done(tx, engine, f"{endpoint} {_digest(row)}")
    return FreshSecret(row, secret)


def _digest(row: EndpointRow) -> str:
    return hashlib.sha256(row.sealed_secret.encode()).hexdigest()


def _tell(
    tx: Connection,
    engine: Engine,
    endpoint: UUID,
    type_: EventType,
    now: datetime,
    data: Mapping[str, object] | None = None,
) -> None:
    told = Note(type_, data or {})
    note(tx, None, told, Author(engine.actor, now), subject=("webhook_endpoint", str(endpoint)))


def _locked(tx: Connection, endpoint: UUID) -> EndpointRow:
    row = load_endpoint(tx, endpoint, locked=True)
    if row is None:
        raise NotFound("there is no endpoint of this id")
    return row


def _loaded(tx: Connection, endpoint: UUID) -> EndpointRow:
    row = load_endpoint(tx, endpoint)
    if row is None:
        raise AssertionError("unreachable: it was written in this transaction")
    return row
