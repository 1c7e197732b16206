"""What comes in by webhook and what does not: refusals, the last arrival, and payments that ended unannounced."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from billing.domain.door import Door, Refused
from billing.store.among import among
from billing.store.door_tables import WebhookRefusal
from billing.store.tables import Charge, Event, Webhook
from billing.store.writes import table_of

EXPECTED_WITHIN: Final = timedelta(minutes=15)
"""A webhook that is later than this counts as missing until it comes (Checkout.com tries again after 5 and 10 min)."""
_LOOKED_BACK: Final = timedelta(days=7)
_EVENTS_LOOKED_AT: Final = 5000
_PAYMENTS_LOOKED_AT: Final = 100
_ENDS: Final = ("charge.captured", "charge.declined", "charge.expired", "charge.canceled")
_BEGINNINGS: Final = ("payment_pending", "payment_capture_pending")
"""What is told of a payment before it ends."""


def count_refusals(tx: Connection, counts: Mapping[str, int], now: datetime) -> None:
    """Add to the number of refusals of each reason, as of ``now`` (UTC, engine time)."""
    table = table_of(WebhookRefusal)
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    for why, number in sorted(counts.items()):
        written = insert(table).values(why=why, number=number, first_at=now, last_at=now)
        added = {"number": table.c.number + number, "last_at": now}
        tx.execute(written.on_conflict_do_update(index_elements=["why"], set_=added))


def load_door(tx: Connection, now: datetime) -> Door:
    """Return what came in and what did not, as of ``now`` (UTC, engine time). It reads a bounded number of rows."""
    newest = select(col(Webhook.received_at)).order_by(col(Webhook.id).desc()).limit(1)
    refusals = tx.execute(
        select(
            col(WebhookRefusal.why),
            col(WebhookRefusal.number),
            col(WebhookRefusal.first_at),
            col(WebhookRefusal.last_at),
        ).order_by(col(WebhookRefusal.why))
    )
    return Door(
        last_arrival=tx.execute(newest).scalar_one_or_none(),
        refused=tuple(Refused(*row) for row in refusals),
        announced=tuple(_announced(tx, _ended_payments(tx, now))),
    )


def _ended_payments(tx: Connection, now: datetime) -> list[str]:
    """Return the payments of charges that ended lately, newest first; a webhook of each should have come by now."""
    last = tx.execute(select(func.max(col(Event.id)))).scalar_one() or 0
    ended = tx.execute(
        select(col(Event.subject_id))
        .where(
            col(Event.id) > last - _EVENTS_LOOKED_AT,
            col(Event.type).in_(_ENDS),
            col(Event.at) <= now - EXPECTED_WITHIN,
            col(Event.at) > now - _LOOKED_BACK,
        )
        .order_by(col(Event.id).desc())
        .limit(_PAYMENTS_LOOKED_AT)
    )
    charges = list(dict.fromkeys(UUID(each) for each in ended.scalars()))
    query = select(col(Charge.id), col(Charge.gateway_payment_id)).where(
        among(col(Charge.id), charges), col(Charge.gateway_payment_id).is_not(None)
    )
    payments = {row.id: row.gateway_payment_id for row in tx.execute(query)}
    return [payments[each] for each in charges if each in payments]


def _announced(tx: Connection, payment_ids: Sequence[str]) -> list[bool]:
    query = select(col(Webhook.payment_id)).where(
        col(Webhook.payment_id).in_(payment_ids), col(Webhook.type).not_in(_BEGINNINGS)
    )
    told = set(tx.execute(query).scalars())
    return [each in told for each in payment_ids]
