"""Claims what is in line for the endpoints, and writes down how each send ended: one transaction for many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import Connection

from billing.domain.deliveries import GONE, DeliveryState, EndpointState, next_try_at
from billing.domain.public_ids import Kind, numbered_id
from billing.operations.engine import Engine
from billing.operations.webhook_endpoints import switch_off
from billing.outbox.sender import Answer, body_of
from billing.outbox.vault import CannotOpen, Vault
from billing.store.deliveries import Claim, claim, end_try, endpoints_with_due
from billing.store.endpoints import change_endpoint, load_endpoint, note_success
from billing.store.public_facts import load_recorded, told_outside

log = structlog.get_logger()
DISABLE_AFTER: Final = timedelta(days=3)
Ended = tuple["Parcel", Answer]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed delivery with everything that is sent."""

    claim: Claim
    endpoint: UUID
    url: str = field(repr=False)
    secrets: Sequence[str] = field(repr=False)
    body: str = field(repr=False)

    @property
    def webhook_id(self) -> str:
        """The same for every try, by which a receiver knows what it has seen."""
        return numbered_id(Kind.EVENT, self.claim.event_id)


def collect(engine: Engine, vault: Vault, room: Mapping[UUID, int], most: int, *, now: datetime) -> list[Parcel]:
    """Claim what is due at ``now`` (machine time, UTC), up to ``most`` for an endpoint, less what ``room`` says."""
    with engine.database.snapshot() as tx:
        due = endpoints_with_due(tx, now)
    parcels: list[Parcel] = []
    for endpoint in due:
        free = most - room.get(endpoint, 0)
        if free > 0:
            with engine.database.transaction() as tx:
                parcels += _claimed(tx, vault, endpoint, free, now)
    return parcels


def _claimed(tx: Connection, vault: Vault, endpoint: UUID, most: int, now: datetime) -> list[Parcel]:
    row = load_endpoint(tx, endpoint)
    if row is None or row.state is EndpointState.DISABLED:
        return []
    try:
        secrets = [vault.open(each) for each in row.sealed(now)]
    except CannotOpen as error:
        log.error("endpoint_secret_sealed", endpoint=str(endpoint), because=str(error))
        return []
    claims = claim(tx, endpoint, now, most)
    told = told_outside(tx, load_recorded(tx, [each.event_id for each in claims]))
    return [Parcel(each, endpoint, row.url, secrets, body_of(told[each.event_id])) for each in claims]


def record(engine: Engine, ended: Sequence[Ended], *, disable_after: timedelta, now: datetime) -> None:
    """Write down how sends ended. One whose lease had ended and that was sent by another is left to that one."""
    with engine.database.transaction() as tx:
        mine = [each for each in ended if end_try(tx, each[0].claim, _written(each[0].claim, each[1], now))]
        # In one order, so that two processes do not wait for each other.
        for endpoint in sorted({parcel.endpoint for parcel, _ in mine}):
            answers = [answer for parcel, answer in mine if parcel.endpoint == endpoint]
            _judge(tx, engine, endpoint, answers, disable_after, now)
    for parcel, answer in mine:
        # Neither the address nor the answer: both are the receiver's.
        log.info(
            "delivery_tried", delivery=str(parcel.claim.id), about=parcel.webhook_id, tries=parcel.claim.tries,
            taken=answer.is_taken, status=answer.status, milliseconds=answer.milliseconds,
        )  # fmt: skip


def _written(claimed: Claim, answer: Answer, now: datetime) -> dict[str, Any]:
    told = {
        "status": answer.status,
        "answer": answer.body or None,
        "error": answer.error,
        "milliseconds": answer.milliseconds,
    }
    if answer.is_taken:
        return told | {"state": DeliveryState.DELIVERED, "delivered_at": now}
    again = next_try_at(claimed.queued_at, now, claimed.id)
    return told | ({"state": DeliveryState.FAILED} if again is None else {"next_try_at": again})


def _judge(
    tx: Connection, engine: Engine, endpoint: UUID, answers: Sequence[Answer], disable_after: timedelta, now: datetime
) -> None:
    """Take note of whether an endpoint answers, and switch off one that has not for so long, or says it is gone."""
    if any(answer.is_taken for answer in answers):
        note_success(tx, endpoint)
        return
    row = load_endpoint(tx, endpoint, locked=True)
    if row is None or row.state is EndpointState.DISABLED:
        return
    since = row.failing_since or now
    is_gone = any(answer.status == GONE for answer in answers)
    if is_gone or now - since >= disable_after:
        switch_off(tx, engine, row, "gone" if is_gone else "failing", now)
        log.warning("endpoint_disabled", endpoint=str(endpoint), because="gone" if is_gone else "failing")
    elif row.failing_since is None:
        change_endpoint(tx, endpoint, {"failing_since": now})
