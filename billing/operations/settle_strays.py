"""Asks what became of payments that were found astray, and gives back what was captured beside a charge."""

from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlmodel import col

from billing.domain.cases import Case, Note
from billing.domain.charging import Found, GatewayPayment, PaymentStatus
from billing.domain.event_types import EventType
from billing.domain.polling import poll_again_at
from billing.domain.rechecks import AFTER_A_FAILURE, first_recheck
from billing.domain.settlement import mismatch
from billing.domain.states import ENDED_SUBSCRIPTIONS, FAILED_CHARGE_STATES
from billing.operations.batches import pages_of
from billing.operations.engine import Engine, Tally
from billing.operations.strays import LONGEST_STATUS, resolve_stray, update_stray
from billing.store.cases import load_cases
from billing.store.columns import AnyRow
from billing.store.due import Kind
from billing.store.obligations import Captured, owe
from billing.store.tables import Charge, StrayPayment, Subscription
from billing.store.writes import Author, Change, change, note
from plans.money import Money

_MAY_HOLD_MONEY = (PaymentStatus.CAPTURED, PaymentStatus.UNCLEAR, PaymentStatus.OPEN)


def settle_strays(engine: Engine, *, now: datetime) -> Tally:
    """Ask about every stray payment that is due at ``now`` (UTC); refund one that was captured beside a charge."""
    tally = Tally()
    for ids in pages_of(engine, Kind.STRAY, now, takes_turns=True):
        for payment_id, told in zip(ids, engine.gateway.find_by_id(ids), strict=True):
            payment = told.payments[0] if isinstance(told, Found) and told.payments else None
            tally.add(_settle(engine, payment_id, payment, now))
    return tally


def _settle(engine: Engine, payment_id: str, payment: GatewayPayment | None, now: datetime) -> Tally:
    tally = Tally()
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        stray = tx.execute(
            select(StrayPayment.__table__).where(  # type: ignore[attr-defined]
                col(StrayPayment.gateway_payment_id) == payment_id, col(StrayPayment.resolved_at).is_(None)
            )
        ).one_or_none()
        if stray is None:
            return tally
        if payment is not None and payment.status is PaymentStatus.CAPTURED and stray.charge_id is not None:
            tally.add(_see_to(tx, load_cases(tx, [stray.charge_id])[0], payment, author))
        elif payment is not None and payment.status not in _MAY_HOLD_MONEY:
            returned = payment.status is PaymentStatus.RETURNED
            resolve_stray(tx, payment, "returned by the wallet" if returned else "never captured", now)
            tally.acts["strays_closed"] += 1
        else:
            _watch(tx, stray, payment, now)
    return tally


def _is_its_own(case: Case, payment: GatewayPayment) -> bool:
    """Say whether a payment is what its closed charge asked for, though it was once read with another amount."""
    return (
        case.charge_state in FAILED_CHARGE_STATES
        and case.gateway_payment_id is None
        and mismatch(case, payment) is None
    )


def _see_to(tx: Connection, case: Case, payment: GatewayPayment, author: Author) -> Tally:
    tally = Tally()
    if _is_its_own(case, payment):
        # Let go of, and looked at at once: the look is written with it, so that no crash comes between.
        tx.execute(delete(StrayPayment).where(col(StrayPayment.gateway_payment_id) == payment.id))
        look = {**first_recheck(AFTER_A_FAILURE, author.now), "check_at": author.now}
        change(tx, Charge, [Change(case.charge_id, case.charge_state, look)])
    elif case.gateway_payment_id == payment.id:
        resolve_stray(tx, payment, "it is the charge's own payment after all", author.now)
    else:
        _give_back(tx, case, payment, author)
        resolve_stray(tx, payment, "refunded", author.now)
        tally.acts["strays_refunded"] += 1
    return tally


def _watch(tx: Connection, stray: AnyRow, payment: GatewayPayment | None, now: datetime) -> None:
    status = payment.raw_status[:LONGEST_STATUS] if payment else stray.status
    later = {"check_at": poll_again_at(now, stray.checks), "checks": stray.checks + 1, "status": status}
    update_stray(tx, stray.gateway_payment_id, later)


def _give_back(tx: Connection, case: Case, payment: GatewayPayment, author: Author) -> None:
    twice = case.charge_state not in FAILED_CHARGE_STATES
    minor = payment.captured_minor or payment.amount_minor or case.amount.minor
    captured = Captured(
        case.charge_id,
        case.subscription_id,
        payment.id,
        Money(minor, payment.currency or case.amount.currency),
        min(payment.requested_on or author.now, author.now),
    )
    reason = "a second payment was captured for the same charge" if twice else "captured after its charge was closed"
    owe(tx, captured, reason, author)
    if case.subscription_state in ENDED_SUBSCRIPTIONS:
        return  # what has ended is not parked: nothing of it is charged any more, and the money is on its way back
    # In the same transaction: a crash must not leave a double charge that nobody is told of.
    what = "charged twice" if twice else "captured otherwise than asked for, after its charge was closed,"
    why = f"{what} at the gateway; {payment.id} is being refunded"
    change(tx, Subscription, [Change(case.subscription_id, case.subscription_state, {"parked_reason": why})])
    subject = ("subscription", str(case.subscription_id))
    note(tx, case.subscription_id, Note(EventType.SUBSCRIPTION_PARKED, {"reason": why}), author, subject=subject)
