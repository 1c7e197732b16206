"""Gives back what was captured with another amount than asked for, and lets the invoice be tried again."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.cases import Case
from billing.domain.charging import Found, GatewayPayment, PaymentStatus
from billing.domain.decline_classes import DeclineClass
from billing.domain.failing import settle_failure
from billing.domain.settlement import mismatch
from billing.domain.states import ChargeEvent, ChargeState
from billing.operations.engine import Engine, NotFound, Refusal
from billing.operations.give_back_owed import try_owed
from billing.operations.refunds import send_refunds
from billing.operations.strays import detach
from billing.store.cases import load_cases
from billing.store.columns import AnyRow
from billing.store.obligations import Captured, owe
from billing.store.settlements import apply_settlements
from billing.store.tables import Refund, StrayPayment
from billing.store.writes import Author
from plans.money import Money

RESOLUTION: Final = "captured with another amount; refunded"


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The refund that was ordered, and of how much. ``refund_id`` None: none was made; what is left is owed."""

    refund_id: UUID | None
    amount: Money
    difference: str


def captured_otherwise(engine: Engine, charge_id: UUID) -> tuple[Money, str]:
    """Ask the gateway what a parked charge captured; return what is left of it and how it differs.

    :raises NotFound: there is no such charge. :raises Refusal: it cannot be given back so; the text says why.
    """
    with engine.database.transaction() as tx:
        case = _case(tx, charge_id)
    _parked(case)
    payment = _read(engine, case)
    return _left(case, payment), str(mismatch(case, payment))


def refund_parked(engine: Engine, charge_id: UUID, *, reason: str | None, now: datetime) -> GivenBack:
    """Detach a payment captured with another amount from its charge, order its refund, and close the charge.

    The charge counts as failed by nobody's fault, so the ladder tries the invoice again (``now``: UTC). Done a
    second time it tells what was done the first time.

    :raises NotFound: there is no such charge. :raises Refusal: it cannot be given back so; the text says why.
    """
    with engine.database.transaction() as tx:
        case = _case(tx, charge_id)
        if (done := _done_before(tx, case)) is not None:
            return done
    _parked(case)
    payment = _read(engine, case)
    with engine.database.transaction() as tx:
        case = _case(tx, charge_id)
        if (done := _done_before(tx, case)) is not None:
            return done
        _parked(case)
        if case.gateway_payment_id != payment.id:
            raise Refusal(f"charge {charge_id} changed meanwhile; look at it again")
        owed = _detach(tx, engine, case, payment, reason, Author(engine.actor, now))
    difference, left = str(mismatch(case, payment)), _left(case, payment)
    _, ordered = try_owed(engine, owed, now=now)
    send_refunds(engine, ordered, now=now)
    return GivenBack(ordered[0] if ordered else None, left, difference)


def _case(tx: Connection, charge_id: UUID) -> Case:
    cases = load_cases(tx, [charge_id])
    if not cases:
        raise NotFound(f"there is no charge {charge_id}")
    return cases[0]


def _parked(case: Case) -> None:
    if case.charge_state is not ChargeState.PARKED:
        raise Refusal(f"charge {case.charge_id} is {case.charge_state.value}, not parked")
    if case.gateway_payment_id is None:
        raise Refusal(f"charge {case.charge_id} has no payment at the gateway to give back: release it")


def _read(engine: Engine, case: Case) -> GatewayPayment:
    told = engine.gateway.find_by_id([str(case.gateway_payment_id)])[0]
    if not isinstance(told, Found) or not told.payments:
        raise Refusal(f"payment {case.gateway_payment_id} could not be read now; try again later")
    payment = told.payments[0]
    if payment.status not in (PaymentStatus.CAPTURED, PaymentStatus.UNCLEAR):
        raise Refusal(f"payment {payment.id} is {payment.raw_status}, not captured: there is nothing to give back")
    if mismatch(case, payment) is None:
        raise Refusal(f"payment {payment.id} captured {case.amount} as asked for: release the charge instead")
    is_told = payment.captured_minor is not None or payment.status is PaymentStatus.CAPTURED
    if not is_told or (payment.captured_minor is None and payment.amount_minor is None):
        raise Refusal(f"the gateway does not tell how much payment {payment.id} captured; try again later")
    return payment


def _left(case: Case, payment: GatewayPayment) -> Money:
    captured = payment.captured_minor if payment.captured_minor is not None else payment.amount_minor or 0
    return Money(max(0, captured - (payment.refunded_minor or 0)), payment.currency or case.amount.currency)


def _detach(
    tx: Connection, engine: Engine, case: Case, payment: GatewayPayment, reason: str | None, author: Author
) -> list[UUID]:
    difference = str(mismatch(case, payment))
    detach(tx, case, payment, RESOLUTION, author)
    failed = settle_failure(
        case, ChargeEvent.DECLINE, DeclineClass.TECHNICAL, None, author.now, engine.rules.settlement
    )
    closed = {**failed.charge, "gateway_payment_id": None, "error": difference[:500]}
    apply_settlements(tx, [(case, replace(failed, charge=closed))], author)
    minor = payment.captured_minor if payment.captured_minor is not None else payment.amount_minor or 0
    if minor == 0:
        return []
    captured = Captured(
        case.charge_id,
        case.subscription_id,
        payment.id,
        Money(minor, payment.currency or case.amount.currency),
        min(payment.requested_on or author.now, author.now),
    )
    return [owe(tx, captured, f"{difference}: {reason}" if reason else difference, author)]


def _done_before(tx: Connection, case: Case) -> GivenBack | None:
    """Return what an earlier run did to this charge, or None."""
    row: AnyRow | None = tx.execute(
        select(
            col(StrayPayment.currency),
            col(Refund.id),
            col(Refund.amount_minor).label("refunded"),
            col(Refund.reason),
        )
        .join(
            Refund,
            (col(Refund.gateway_payment_id) == col(StrayPayment.gateway_payment_id))
            & (col(Refund.requested_by) != "gateway"),
            isouter=True,
        )
        .where(col(StrayPayment.charge_id) == case.charge_id, col(StrayPayment.resolution) == RESOLUTION)
        .order_by(col(Refund.created_at))
        .limit(1)
    ).one_or_none()
    if row is None or case.charge_state is ChargeState.PARKED:
        return None
    amount = Money(row.refunded or 0, row.currency or case.amount.currency)
    return GivenBack(row.id, amount, row.reason or RESOLUTION)
