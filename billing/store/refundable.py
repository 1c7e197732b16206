"""How much of a payment is left to give back beside one refund of it."""

from sqlalchemy import Connection, func, select
from sqlmodel import col

from billing.domain.states import COUNTED_REFUND_STATES
from billing.store.disputes import charged_back
from billing.store.obligations import settled_by_other_means
from billing.store.queries import RefundRow
from billing.store.tables import Charge, Refund, StrayPayment


def left_beside(tx: Connection, refund: RefundRow) -> int:
    """Return what other refunds, lost disputes and other means have left of a refund's payment, in minor units."""
    payment_id = refund.gateway_payment_id
    claimed = tx.execute(
        select(func.coalesce(func.sum(col(Refund.amount_minor)), 0)).where(
            col(Refund.gateway_payment_id) == payment_id,
            col(Refund.state).in_(list(COUNTED_REFUND_STATES)),
            col(Refund.id) != refund.id,
        )
    ).scalar_one()
    return _captured(tx, refund) - int(claimed) - charged_back(tx, payment_id) - settled_by_other_means(tx, payment_id)


def _captured(tx: Connection, refund: RefundRow) -> int:
    """Return the amount of the payment: of one that was found beside its charge, as far as it was told."""
    charge = select(col(Charge.amount_minor), col(Charge.gateway_payment_id)).where(col(Charge.id) == refund.charge_id)
    row = tx.execute(charge).one()
    if row.gateway_payment_id == refund.gateway_payment_id:
        return int(row.amount_minor)
    stray = select(col(StrayPayment.amount_minor)).where(
        col(StrayPayment.gateway_payment_id) == refund.gateway_payment_id
    )
    return int(tx.execute(stray).scalar_one_or_none() or row.amount_minor)
