"""What a customer's rights are read from."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Select, func, literal, select, text
from sqlmodel import col

from billing.domain.access import Standing
from billing.domain.cases import ChargeKind, InvoiceKind
from billing.domain.states import InvoiceState
from billing.store.columns import AnyRow
from billing.store.tables import LIVE_CHARGE, Charge, Customer, Invoice, Subscription
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
    )
    return CustomerStandings(customer_id, [_standing(row) for row in rows])


def _standings() -> Select[*tuple[Any, ...]]:
    under_way = select(literal(1)).where(
        col(Charge.subscription_id) == col(Subscription.id),
        col(Charge.kind) == ChargeKind.RENEWAL,
        text(f"charge.{LIVE_CHARGE}"),
    )
    forgiven_through = (
        select(func.max(col(Invoice.period_end)))
        .where(
            col(Invoice.subscription_id) == col(Subscription.id),
            col(Invoice.state).in_((InvoiceState.VOID, InvoiceState.UNCOLLECTIBLE)),
            col(Invoice.kind) != InvoiceKind.AGREEMENT,
        )
        .scalar_subquery()
    )
    return select(
        col(Subscription.id),
        col(Subscription.plan_code),
        col(Subscription.zone),
        col(Subscription.state),
        col(Subscription.paid_through),
        col(Subscription.billed_index),
        col(Subscription.consented_at),
        col(Subscription.cancel_at),
        col(Subscription.pause_at),
        under_way.exists().label("charge_under_way"),
        forgiven_through.label("forgiven_through"),
    )


def _standing(row: AnyRow) -> SubscriptionStanding:
    return SubscriptionStanding(
        row.id,
        row.plan_code,
        row.zone,
        Standing(
            state=row.state,
            paid_through=row.paid_through,
            in_trial=row.billed_index < 0,
            consented=row.consented_at is not None,
            ends_on=_ends_on(row),
            charge_under_way=bool(row.charge_under_way),
            forgiven_through=row.forgiven_through,
        ),
    )


def _ends_on(row: AnyRow) -> date | None:
    days = [billing_day(at, row.zone) for at in (row.cancel_at, row.pause_at) if at is not None]
    return min(days, default=None)
