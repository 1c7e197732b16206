"""Periods that a lost state of the database may have billed, and that the copy in its place would bill by other days.

A debt that was paid, or a pause that ended, in the lost time let a period begin on that day. The copy does not know the
day, so it cannot name the period alike: the gateway is asked about each day of the lost time instead.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.charging import GatewayPayment
from billing.domain.identity import charge_reference
from billing.domain.reconciling import holds_money
from billing.operations.engine import Engine
from billing.operations.parking import park_subscription
from billing.operations.strays import keep_strays
from billing.store.columns import AnyRow
from billing.store.installation import InstallationRow
from billing.store.tables import Charge, Event, Invoice, Subscription

MOST_DAYS: Final = 92
"""Days of the lost time that are asked about, the last ones."""
_A_DAY: Final = timedelta(days=1)
_PAID_ELSEWHERE: Final = (
    "Checkout.com knows payment {payment} for a period that begins on another day, which this copy of the database has "
    "forgotten: see what it paid for, then release the subscription, and bill it or not"
)


def references_of_lost_periods(
    tx: Connection, installation: InstallationRow, charge_ids: Sequence[UUID]
) -> dict[str, UUID]:
    """Return the references of first attempts at periods that the lost state may have begun, each with its charge.

    None for a subscription that a person has released since: they know what was paid.
    """
    rows = tx.execute(
        select(
            col(Charge.id), col(Charge.subscription_id), col(Invoice.period_start), col(Subscription.paid_through)
        )
        .join(Invoice, col(Invoice.id) == col(Charge.invoice_id))
        .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
        .where(col(Charge.id).in_(charge_ids), col(Subscription.paid_through).is_not(None))
    ).all()  # fmt: skip
    doubted = [row for row in rows if installation.is_doubted(row.period_start, row.paid_through)]
    return {
        charge_reference(installation.id, row.subscription_id, day, 1): row.id
        for row in doubted
        if not _was_released(tx, installation, row.subscription_id)
        for day in _lost_days(tx, installation, row)
    }


def park_paid_elsewhere(
    engine: Engine, subscription_id: UUID, known: Sequence[GatewayPayment], *, now: datetime
) -> None:
    """Write down payments for periods that this copy has forgotten, and park their subscription (``now``: UTC)."""
    keep_strays(engine, [(None, payment) for payment in known if holds_money(payment)], now)
    park_subscription(engine, subscription_id, _PAID_ELSEWHERE.format(payment=known[0].id), now)


def _lost_days(tx: Connection, installation: InstallationRow, row: AnyRow) -> list[date]:
    until, since = installation.doubted_until, installation.doubted_since
    if until is None or since is None:
        return []
    known = set(
        tx.execute(
            select(col(Invoice.period_start)).where(col(Invoice.subscription_id) == row.subscription_id)
        ).scalars()
    )
    last = until.date() + _A_DAY  # the zone's day may be ahead of UTC's
    first = max(row.paid_through, since.date() - _A_DAY, last - MOST_DAYS * _A_DAY)
    days = [first + offset * _A_DAY for offset in range((last - first).days + 1)]
    return [day for day in days if day not in known]


def _was_released(tx: Connection, installation: InstallationRow, subscription_id: UUID) -> bool:
    released = select(col(Event.id)).where(
        col(Event.subscription_id) == subscription_id,
        col(Event.type) == "subscription.released",
        col(Event.at) >= installation.doubted_since,
    )
    return tx.execute(released.limit(1)).first() is not None
