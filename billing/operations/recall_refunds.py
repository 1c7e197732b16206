"""Refunds that an older copy of the database may have forgotten: taken up before another one is ordered."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billing.domain.charging import Found, RefundsFound, RefundStatus
from billing.domain.identity import refund_reference
from billing.domain.states import ChargeState
from billing.operations.engine import Engine, Refusal
from billing.operations.foreign_refunds import adopt_refunds
from billing.store.installation import load_installation
from billing.store.tables import Charge, Invoice, Refund


def recall_refunds(engine: Engine, charge_id: UUID, *, now: datetime) -> int:
    """Take up refunds of a doubted charge that are known to the gateway only; return the highest number it has seen.

    A new refund must have a number of its own, or its key would mean two requests. A charge that is not doubted has
    nothing to recall: 0, and nobody is asked.

    :raises Refusal: the gateway cannot tell now, or a forgotten refund has not ended yet.
    """
    with engine.database.snapshot() as tx:
        installation = load_installation(tx).as_of(now)
        charge = tx.execute(
            select(col(Charge.gateway_payment_id), col(Charge.reference), col(Charge.state), col(Invoice.period_start))
            .join(Invoice, col(Invoice.id) == col(Charge.invoice_id))
            .where(col(Charge.id) == charge_id)
        ).one_or_none()
        known = set(tx.execute(select(col(Refund.reference)).where(col(Refund.charge_id) == charge_id)).scalars())
    if charge is None or charge.state is not ChargeState.CAPTURED or not installation.is_doubted(charge.period_start):
        return 0
    payment = engine.gateway.find_by_id([charge.gateway_payment_id])[0]
    made = engine.gateway.find_refunds([charge.gateway_payment_id])[0]
    if not isinstance(payment, Found) or not isinstance(made, RefundsFound):
        raise Refusal("whether it was refunded before cannot be read from the gateway now; try again later")
    begins = refund_reference(charge.reference, 0).removesuffix("0")
    ours = {each.reference: each for each in made.refunds if each.reference and each.reference.startswith(begins)}
    if any(each.status is RefundStatus.OPEN for name, each in ours.items() if name not in known):
        raise Refusal("a refund that this database has forgotten is under way; try again when it has ended")
    adopt_refunds(engine, payment.payments, now=now)
    return max((int(name.removeprefix(begins)) for name in ours if name.removeprefix(begins).isdigit()), default=0)
