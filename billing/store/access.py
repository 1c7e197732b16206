"""What a customer's rights are read from."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Select, and_, select, text
from sqlmodel import col

from billing.domain.access import Debt, Standing
from billing.domain.cases import ChargeKind, InvoiceKind
from billing.domain.consent import consent_ends_on
from billing.domain.states import InvoiceState, SubscriptionState
from billing.store.among import among
from billing.store.columns import AnyRow
from billing.store.forgiven import forgiven_columns, forgiven_through
from billing.store.queries import is_billed_late, open_invoice_of
from billing.store.schedules import schedule_of
from billing.store.tables import LIVE_CHARGE, Charge, Customer, Invoice, Price, Subscription
from plans.calendar import billing_day

MOST_SUBSCRIPTIONS: Final = 100


@dataclass(frozen=True, slots=True)
class SubscriptionStanding:
    """A subscription of a customer, with the zone whose calendar its days are counted in."""

    subscription_id: UUID
    plan_code: str
    zone: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class CustomerStandings:
    """A customer, and the newest of their subscriptions, newest first."""

    customer_id: UUID
    standings: list[SubscriptionStanding]


def standings_of_customer(tx: Connection, reference: str) -> CustomerStandings | None:
    """Return the newest :data:`MOST_SUBSCRIPTIONS` of a customer's, or None when there is no such customer."""
    customer_id = tx.execute(select(col(Customer.id)).where(col(Customer.reference) == reference)).scalar_one_or_none()
    if customer_id is None:
        return None
    rows = tx.execute(
        _standings()
        .where(col(Subscription.customer_id) == customer_id)
        .order_by(col(Subscription.created_at).desc(), col(Subscription.id))
        .limit(MOST_SUBSCRIPTIONS)
    ).all()
    debts = _debts(tx, {row.id: row.zone for row in rows})
    return CustomerStandings(customer_id, [_standing(row, debts.get(row.id, ())) for row in rows])


def _standings() -> Select[*tuple[Any, ...]]:
    return select(
        col(Subscription.id),
        col(Subscription.plan_code),
        col(Subscription.zone),
        col(Subscription.state),
        col(Subscription.paid_through),
        col(Subscription.anchor),
        col(Subscription.billed_index),
        col(Subscription.consented_at),
        col(Subscription.cancel_at),
        col(Subscription.pause_at),
        col(Subscription.parked_reason),
        col(Price.interval_unit),
        col(Price.interval_count),
        *forgiven_columns(),
    ).join(Price, col(Price.id) == col(Subscription.price_id))


def _standing(row: AnyRow, debts: Sequence[Debt]) -> SubscriptionStanding:
    return SubscriptionStanding(
        row.id,
        row.plan_code,
        row.zone,
        Standing(
            state=row.state,
            paid_through=row.paid_through,
            in_trial=row.billed_index < 0,
            consented=row.consented_at is not None,
            consent_ends_on=_consent_ends_on(row),
            ends_on=_ends_on(row),
            forgiven_through=forgiven_through(row),
            debts=debts,
            schedule=schedule_of(row),
            is_parked=row.parked_reason is not None,
        ),
    )


def _consent_ends_on(row: AnyRow) -> date | None:
    is_awaited = row.state is SubscriptionState.TRIALING and row.consented_at is not None
    return consent_ends_on(row.consented_at, row.zone) if is_awaited else None


def _ends_on(row: AnyRow) -> date | None:
    days = [billing_day(at, row.zone) for at in (row.cancel_at, row.pause_at) if at is not None]
    return min(days, default=None)


def _debts(tx: Connection, zones: Mapping[UUID, str]) -> Mapping[UUID, Sequence[Debt]]:
    """Return the open invoices for periods of these subscriptions, which live in these zones."""
    under_way = and_(
        col(Charge.invoice_id) == col(Invoice.id),
        col(Charge.kind) == ChargeKind.RENEWAL,
        text(f"charge.{LIVE_CHARGE}"),
    )
    query: Select[*tuple[Any, ...]] = (
        select(
            col(Invoice.id),
            col(Invoice.subscription_id),
            col(Invoice.period_start),
            col(Invoice.period_end),
            col(Invoice.attempts),
            col(Invoice.first_failed_on),
            col(Invoice.lost_spans),
            is_billed_late(),
            col(Invoice.grace_until),
            col(Charge.created_at).label("charged_at"),
        )
        .join(Charge, under_way, isouter=True)
        .where(
            among(col(Invoice.subscription_id), list(zones)),
            col(Invoice.state) == InvoiceState.OPEN,
            col(Invoice.kind) != InvoiceKind.AGREEMENT,
        )
    )
    found: defaultdict[UUID, list[Debt]] = defaultdict(list)
    for row in tx.execute(query):
        found[row.subscription_id].append(_debt(row, zones[row.subscription_id]))
    return found


def _debt(row: AnyRow, zone: str) -> Debt:
    return Debt(
        invoice=open_invoice_of(row),
        grace_until=row.grace_until or row.period_start,
        charged_on=billing_day(row.charged_at, zone) if row.charged_at is not None else None,
    )
