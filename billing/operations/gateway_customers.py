"""Keeps Checkout.com's id of each customer, so that payments are made for that customer and not for a new one each."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import Connection, Select, select, update
from sqlmodel import col

from billing.domain.charging import Outcome, Refused
from billing.domain.declines import CUSTOMER_UNKNOWN
from billing.store.among import among
from billing.store.tables import Charge, Customer, Subscription


def keep_gateway_customer(tx: Connection, customer_id: UUID, gateway_customer_id: str) -> None:
    """Write down the id that an answer told, if none is known and the customer was not erased.

    A row that another transaction holds is left: whoever erases customers locks them before their subscriptions, which
    this transaction may have locked already. The next answer tells the id again.
    """
    free = (
        select(col(Customer.id))
        .where(
            col(Customer.id) == customer_id,
            col(Customer.gateway_customer_id).is_(None),
            col(Customer.erased_at).is_(None),
        )
        .with_for_update(skip_locked=True, key_share=True)
    )
    tx.execute(update(Customer).where(col(Customer.id).in_(free)).values(gateway_customer_id=gateway_customer_id))


def forget_unknown_customers(tx: Connection, outcomes: Mapping[UUID, Outcome]) -> None:
    """Forget the ids that the gateway does not know any more: the next attempt tells e-mail and name instead."""
    refused = [
        charge_id
        for charge_id, outcome in outcomes.items()
        if isinstance(outcome, Refused) and not set(CUSTOMER_UNKNOWN).isdisjoint(outcome.codes)
    ]
    if refused:
        free = select(col(Customer.id)).where(col(Customer.id).in_(_owners(refused)))
        held = free.with_for_update(skip_locked=True, key_share=True)
        tx.execute(update(Customer).where(col(Customer.id).in_(held)).values(gateway_customer_id=None))


def _owners(charge_ids: Sequence[UUID]) -> Select[UUID]:
    return (
        select(col(Subscription.customer_id))
        .join(Charge, col(Charge.subscription_id) == col(Subscription.id))
        .where(among(col(Charge.id), charge_ids))
    )
