"""What the API shows of subscriptions, and the feed of events."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Select, func, literal, select, type_coerce
from sqlmodel import col

from billing.domain.states import InvoiceState, SubscriptionState
from billing.store.columns import AnyRow, UtcDateTime
from billing.store.pages import ANY_TIME, Page, Span, newest_first, within
from billing.store.plan_views import PRICE
from billing.store.tables import Charge, Customer, Invoice, Plan, Price, Source, Subscription

MOST_ROWS: Final = 100


def find_subscription(tx: Connection, subscription_id: UUID) -> AnyRow | None:
    """Return a subscription with its customer's reference, price, source state and open invoice, or None."""
    return tx.execute(_subscriptions().where(col(Subscription.id) == subscription_id)).one_or_none()


def list_subscriptions(
    tx: Connection,
    page: Page,
    *,
    customer_id: UUID | None = None,
    reference: str | None = None,
    plan: str | None = None,
    state: SubscriptionState | None = None,
    created: Span = ANY_TIME,
) -> Sequence[AnyRow]:
    """Return a page of subscriptions, newest first; ``reference`` is the customer's."""
    query = within(_subscriptions(), col(Subscription.created_at), created)
    if customer_id is not None:
        query = query.where(col(Subscription.customer_id) == customer_id)
    if reference is not None:
        query = query.where(col(Customer.reference) == reference)
    if plan is not None:
        query = query.where(col(Subscription.plan_code) == plan)
    if state is not None:
        query = query.where(col(Subscription.state) == state)
    return newest_first(tx, query, Subscription, page)


def subscription_of_charge(tx: Connection, charge_id: UUID) -> UUID | None:
    """Return whose charge it is, or None when there is no such charge."""
    query = select(col(Charge.subscription_id)).where(col(Charge.id) == charge_id)
    return tx.execute(query).scalar_one_or_none()


def _subscriptions() -> Select[*tuple[Any, ...]]:
    open_invoice = (col(Invoice.subscription_id) == col(Subscription.id)) & (col(Invoice.state) == InvoiceState.OPEN)
    next_attempt = select(func.min(col(Invoice.next_attempt_at))).where(open_invoice).scalar_subquery()
    # An open invoice that is not tried again until the subscriber has made a new agreement.
    waits = select(literal(1)).where(
        open_invoice, col(Invoice.give_up_at).is_not(None), col(Invoice.next_attempt_at).is_(None)
    )
    return (
        select(
            col(Subscription.id),
            col(Subscription.customer_id),
            col(Customer.reference).label("customer"),
            col(Plan.name).label("plan_name"),
            *PRICE,
            col(Subscription.state),
            col(Subscription.zone),
            col(Subscription.anchor),
            col(Subscription.billed_index),
            col(Subscription.paid_through),
            col(Subscription.next_due_at),
            col(Subscription.consented_at),
            col(Subscription.cancel_at),
            col(Subscription.canceled_at),
            col(Subscription.cancel_reason),
            col(Subscription.pause_at),
            col(Subscription.resume_at),
            col(Subscription.parked_reason),
            col(Subscription.created_at),
            col(Subscription.source_id),
            col(Source.state).label("source_state"),
            type_coerce(next_attempt, UtcDateTime()).label("next_attempt_at"),
            waits.exists().label("waits_for_agreement"),
        )
        .join(Customer, col(Customer.id) == col(Subscription.customer_id))
        .join(Plan, col(Plan.code) == col(Subscription.plan_code))
        .join(Price, col(Price.id) == col(Subscription.price_id))
        .join(Source, col(Source.id) == col(Subscription.source_id), isouter=True)
    )
