"""What stands in the way of erasing a customer, and what is blanked."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Select, select, text, update
from sqlmodel import col

from billing.domain.public_ids import Kind, public_id
from billing.domain.states import InvoiceEvent, InvoiceState, SourceEvent, SourceState
from billing.store.columns import AnyRow
from billing.store.obligation_tables import OPEN_OBLIGATION, RefundObligation
from billing.store.request_tables import KeyedRequest
from billing.store.tables import (
    LIVE_CHARGE,
    LIVE_SUBSCRIPTION,
    PARKED,
    UNSETTLED_REFUND,
    Charge,
    Customer,
    Invoice,
    Refund,
    Source,
    StrayPayment,
    Subscription,
)
from billing.store.writes import Author, Move, move

_ENDS: Final = {
    SourceState.PENDING: SourceEvent.DISCARD,
    SourceState.ACTIVE: SourceEvent.REVOKE,
    SourceState.SUSPECT: SourceEvent.REVOKE,
}


def in_the_way(tx: Connection, customer_id: UUID) -> list[str]:
    """Return what must end before a customer can be erased, each in a few words; none: nothing must."""
    told = [
        f"{public_id(Kind.SUBSCRIPTION, row.id)} is {row.state.value} (cancel it)"
        for row in tx.execute(
            select(col(Subscription.id), col(Subscription.state)).where(
                col(Subscription.customer_id) == customer_id, text(f"subscription.{LIVE_SUBSCRIPTION}")
            )
        )
    ]
    charges = _charges(customer_id, col(Charge.id), col(Charge.state)).where(text(f"charge.{LIVE_CHARGE}"))
    told += [
        f"{public_id(Kind.CHARGE, row.id)} is {row.state.value} (wait for its end, or settle it as failed)"
        for row in tx.execute(charges)
    ]
    refunds = (
        _charges(customer_id, col(Refund.id), col(Refund.state))
        .join(Refund, col(Refund.charge_id) == col(Charge.id))
        .where(text(f"(refund.{UNSETTLED_REFUND} OR refund.{PARKED})"))
    )
    told += [
        f"{public_id(Kind.REFUND, row.id)} is {row.state.value} (wait for its end, or settle it as failed)"
        for row in tx.execute(refunds)
    ]
    owed = (
        _charges(customer_id, col(RefundObligation.id), col(RefundObligation.state))
        .join(RefundObligation, col(RefundObligation.charge_id) == col(Charge.id))
        .where(text(f"refund_obligation.{OPEN_OBLIGATION}"))
    )
    told += [
        f"{public_id(Kind.REFUND_OBLIGATION, row.id)} is {row.state.value} (give the money back, and settle it)"
        for row in tx.execute(owed)
    ]
    strays = (
        _charges(customer_id, col(StrayPayment.gateway_payment_id))
        .join(StrayPayment, col(StrayPayment.charge_id) == col(Charge.id))
        .where(col(StrayPayment.resolved_at).is_(None))
    )
    told += [f"payment {row.gateway_payment_id} is not accounted for" for row in tx.execute(strays)]
    return told


def subscriptions_of(tx: Connection, customer_id: UUID) -> list[UUID]:
    """Return every subscription of a customer."""
    return list(tx.execute(select(col(Subscription.id)).where(col(Subscription.customer_id) == customer_id)).scalars())


def void_what_could_be_paid_late(tx: Connection, customer_id: UUID, author: Author) -> None:
    """Void what was written off: were it captured after all, it would bring a subscription of nobody's to life."""
    rows = tx.execute(
        select(col(Invoice.id), col(Invoice.subscription_id))
        .join(Subscription, col(Subscription.id) == col(Invoice.subscription_id))
        .where(col(Subscription.customer_id) == customer_id, col(Invoice.state) == InvoiceState.UNCOLLECTIBLE)
    )
    voids = [Move(row.id, InvoiceState.UNCOLLECTIBLE, InvoiceEvent.VOID, {}, row.subscription_id) for row in rows]
    move(tx, Invoice, voids, author)


def sources_of(tx: Connection, customer_id: UUID) -> list[AnyRow]:
    """Return id, state and gateway's id of every agreement of a customer."""
    query = select(col(Source.id), col(Source.state), col(Source.gateway_source_id))
    return list(tx.execute(query.where(col(Source.customer_id) == customer_id).order_by(col(Source.id))))


def end_sources(tx: Connection, sources: list[AnyRow], author: Author) -> None:
    """Revoke the agreements that might still be charged."""
    told = {"reason": "the customer was erased"}
    ends = [Move(row.id, row.state, _ENDS[row.state], data=told) for row in sources if row.state in _ENDS]
    move(tx, Source, ends, author)


def blank(tx: Connection, customer_id: UUID, author: Author) -> None:
    """Blank what is personal. The reference stays: the ids are made from it, and no two people may share them."""
    blanked = {"name": "", "email": "", "phone": None, "locale": "ko", "erased_at": author.now}
    blanked |= {"country": None, "gateway_customer_id": None}
    tx.execute(update(Customer).where(col(Customer.id) == customer_id).values(**blanked))
    links = ("success_url", "failure_url", "redirect_url", "return_token")
    mine = select(col(Subscription.id)).where(col(Subscription.customer_id) == customer_id)
    tx.execute(update(Charge).where(col(Charge.subscription_id).in_(mine)).values(**dict.fromkeys(links)))
    # What people typed as reasons; why the engine did something stands in the events, too.
    tx.execute(update(Subscription).where(col(Subscription.id).in_(mine)).values(cancel_reason=None))
    charged = select(col(Charge.id)).where(col(Charge.subscription_id).in_(mine))
    tx.execute(update(Refund).where(col(Refund.charge_id).in_(charged)).values(reason=""))
    settled = col(RefundObligation.settled_reason).is_not(None)
    owed = update(RefundObligation).where(col(RefundObligation.charge_id).in_(charged), settled)
    tx.execute(owed.values(settled_reason=""))
    # What was answered about the customer is emptied; that it was answered stays known, lest a refund be made again.
    shown = col(KeyedRequest.body).contains(public_id(Kind.CUSTOMER, customer_id), autoescape=True)
    tx.execute(update(KeyedRequest).where(shown).values(body=""))


def any_erased(tx: Connection, customer_ids: Sequence[UUID]) -> bool:
    """Say whether one of these customers was erased. None of them is, from now to the end of the transaction."""
    query = select(col(Customer.erased_at)).where(col(Customer.id).in_(customer_ids)).order_by(col(Customer.id))
    return any(tx.execute(query.with_for_update(read=True)).scalars())


def _charges(customer_id: UUID, *columns: Any) -> Select[*tuple[Any, ...]]:
    return (
        select(*columns)
        .select_from(Charge)
        .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
        .where(col(Subscription.customer_id) == customer_id)
    )
