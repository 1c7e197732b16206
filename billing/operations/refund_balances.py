"""Settles refunds by what their payment tells, where the actions that tell of each refund cannot be read."""

from collections.abc import Sequence

from billing.domain.charging import (
    Found,
    GatewayPayment,
    GatewayRefund,
    RefundLookUp,
    RefundsFound,
    RefundStatus,
)
from billing.domain.states import COUNTED_REFUND_STATES
from billing.operations.engine import Engine
from billing.store.obligations import given_back
from billing.store.queries import RefundRow


def by_balances(engine: Engine, rows: Sequence[RefundRow], answers: Sequence[RefundLookUp]) -> list[RefundLookUp]:
    """Return the answers; an unreadable one gives way to what the payment's balances prove of the refund.

    They prove that a refund was made when all that was ordered of its payment went back, and it too if it counts as
    failed here. That it was declined they cannot prove: then the answer stays unreadable, and it is asked about again.
    """
    unread = [row for row, told in zip(rows, answers, strict=True) if not isinstance(told, RefundsFound)]
    payment_ids = sorted({row.gateway_payment_id for row in unread})
    if not payment_ids:
        return list(answers)
    looks = zip(payment_ids, engine.gateway.find_by_id(payment_ids), strict=True)
    payments = {key: told.payments[0] for key, told in looks if isinstance(told, Found) and told.payments}
    with engine.database.snapshot() as tx:
        ordered = {key: given.counted for key, given in given_back(tx, payment_ids).items()}
    return [
        told if isinstance(told, RefundsFound) else _proven(row, payments.get(row.gateway_payment_id), ordered, told)
        for row, told in zip(rows, answers, strict=True)
    ]


def _proven(
    row: RefundRow, payment: GatewayPayment | None, ordered: dict[str, int], told: RefundLookUp
) -> RefundLookUp:
    more = 0 if row.state in COUNTED_REFUND_STATES else row.amount_minor
    if payment is None or (payment.refunded_minor or 0) < ordered[row.gateway_payment_id] + more:
        return told
    action = row.action_id or row.reference
    return RefundsFound((GatewayRefund(action, RefundStatus.SUCCEEDED, row.reference, row.amount_minor),))
