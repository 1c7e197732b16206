"""How much of a captured charge is kept: neither refunded, nor given back by other means, nor charged back."""

from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlmodel import col

from billing.domain.disputes import DisputeState
from billing.domain.states import UNSETTLED_REFUND_STATES, RefundState
from billing.store.dispute_tables import Dispute
from billing.store.obligation_tables import RefundObligation
from billing.store.tables import Charge, Refund


def kept_minor() -> ColumnElement[int]:
    """Return the expression for what is kept of a charge of the query, in minor units.

    A refund that is under way has not gone back yet: it may be declined, and then the days are still paid for.
    """
    refunded = _sum(Refund.amount_minor).where(
        col(Refund.charge_id) == col(Charge.id),
        col(Refund.gateway_payment_id) == col(Charge.gateway_payment_id),
        col(Refund.state) == RefundState.REFUNDED,
    )
    settled = _sum(RefundObligation.settled_minor).where(
        col(RefundObligation.gateway_payment_id) == col(Charge.gateway_payment_id)
    )
    charged_back = _sum(Dispute.amount_minor).where(
        col(Dispute.gateway_payment_id) == col(Charge.gateway_payment_id), col(Dispute.state) == DisputeState.LOST
    )
    gone = refunded.scalar_subquery() + settled.scalar_subquery() + charged_back.scalar_subquery()
    return col(Charge.amount_minor) - gone


def refund_is_under_way() -> ColumnElement[bool]:
    """Return the condition that a refund of a charge of the query has no outcome yet."""
    return (
        select(col(Refund.id))
        .where(col(Refund.charge_id) == col(Charge.id), col(Refund.state).in_(UNSETTLED_REFUND_STATES))
        .exists()
    )


def _sum(column: Any) -> Select[*tuple[Any, ...]]:
    return select(func.coalesce(func.sum(column), 0))
