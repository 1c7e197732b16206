"""Refunds made past the engine, in the gateway's dashboard: they enter the books, so that they count."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, func, select
from sqlmodel import col

from billing.domain.charging import GatewayPayment, GatewayRefund, PaymentStatus, RefundsFound, RefundStatus
from billing.domain.identity import foreign_refund_reference, idempotency_key, row_id
from billing.domain.states import POSSIBLY_MADE_REFUND_STATES, ChargeState, RefundEvent, RefundState
from billing.operations.engine import Engine, Tally
from billing.operations.follow_refunds import follow_refunds
from billing.store.births import refund_created
from billing.store.cases import lock_subscriptions
from billing.store.columns import AnyRow
from billing.store.inserts import insert_if_absent
from billing.store.obligations import given_back
from billing.store.queries import load_refunds
from billing.store.tables import Charge, Event, Refund, StrayPayment
from billing.store.writes import Author, Move, insert_rows, move

MADE_BY: Final = "gateway"
_RETURNED: Final = "returned"
"""Stands for the action of a return: there is one of a payment at most."""
_BY_BALANCE: Final = "balance-"
"""Begins what stands for the actions of refunds that were seen in a payment's balance only."""


def adopt_refunds(engine: Engine, payments: Iterable[GatewayPayment], *, now: datetime) -> Tally:
    """Write down the refunds of these payments that are not ours, once each (``now``: UTC).

    The gateway is asked only about a payment of which more was given back than our refunds account for. Where it does
    not have the payment's actions, the payment itself is believed: what more went back is one refund.
    """
    tally = Tally()
    payments = list(payments)
    returned = sum(_adopt_return(engine, payment, now) for payment in payments if _went_back(payment))
    if returned:
        tally.acts["returns_adopted"] += returned
    told = {payment.id: payment for payment in payments if payment.refunded_minor}
    if not told:
        return tally
    with engine.database.snapshot() as tx:
        done = _given_back(tx, list(told))
        owners = _owners(tx, list(told))
    more = [each for each in told if each in owners and (told[each].refunded_minor or 0) > done.get(each, 0)]
    for payment_id, answer in zip(more, engine.gateway.find_refunds(more), strict=True):
        owner, payment = owners[payment_id], told[payment_id]
        currency = payment.currency or owner.currency
        if isinstance(answer, RefundsFound):
            adopted = _adopt(engine, payment_id, currency, answer.refunds, owner, now)
        elif answer.not_found:
            adopted = _adopt_balance(engine, payment_id, payment.refunded_minor or 0, currency, owner, now)
        else:
            continue  # it is asked again
        if adopted:
            tally.acts["refunds_adopted"] += adopted
    return tally


def _went_back(payment: GatewayPayment) -> bool:
    """Say whether none of a payment's money is with the merchant any more. An old answer never says so."""
    return payment.status is PaymentStatus.RETURNED or payment.raw_status == "Voided"


def _adopt_return(engine: Engine, payment: GatewayPayment, now: datetime) -> int:
    """Write down what the wallet's side gave back of a captured payment, as one refund that the gateway made."""
    with engine.database.snapshot() as tx:
        owner = _owners(tx, [payment.id]).get(payment.id)
        counted = given_back(tx, [payment.id])[payment.id].counted
    if owner is None:
        return 0
    left = (payment.captured_minor or payment.amount_minor or owner.amount_minor) - counted
    back = GatewayRefund(_RETURNED, RefundStatus.SUCCEEDED, amount_minor=max(0, left))
    currency = payment.currency or owner.currency
    return _adopt(engine, payment.id, currency, [back], owner, now, reason="returned by KakaoPay after the capture")


def _adopt_balance(
    engine: Engine, payment_id: str, refunded_minor: int, currency: str, owner: AnyRow, now: datetime
) -> int:
    """Write down what went back of a payment beyond our refunds as one refund.

    Not while one of ours has not been made, as far as is known: the balance may tell of that one (``by_balances``).
    """
    with engine.database.snapshot() as tx:
        not_made = tx.execute(
            select(col(Refund.id)).where(
                col(Refund.gateway_payment_id) == payment_id, col(Refund.state) != RefundState.REFUNDED
            )
        ).first()
        more = refunded_minor - _given_back(tx, [payment_id]).get(payment_id, 0)
    if not_made is not None or more <= 0:
        return 0
    seen = GatewayRefund(f"{_BY_BALANCE}{refunded_minor}", RefundStatus.SUCCEEDED, amount_minor=more)
    return _adopt(engine, payment_id, currency, [seen], owner, now)


def adopt_found(engine: Engine, found: Mapping[str, tuple[str, Sequence[GatewayRefund]]], *, now: datetime) -> int:
    """Write down those refunds that are not ours, once each, and return how many they were (``now``: UTC).

    ``found`` is the currency of each payment and all the refunds that the gateway tells of it.
    """
    with engine.database.snapshot() as tx:
        owners = _owners(tx, list(found))
    return sum(
        _adopt(engine, payment_id, currency, refunds, owners[payment_id], now)
        for payment_id, (currency, refunds) in found.items()
        if payment_id in owners and any(each.status is RefundStatus.SUCCEEDED for each in refunds)
    )


def _adopt(
    engine: Engine,
    payment_id: str,
    currency: str,
    refunds: Sequence[GatewayRefund],
    owner: AnyRow,
    now: datetime,
    *,
    reason: str = "made at the gateway",
) -> int:
    author = Author(MADE_BY, now)
    adopted = 0
    with engine.database.transaction() as tx:
        lock_subscriptions(tx, [owner.subscription_id])
        references, actions = _known(tx, payment_id)
        adopted += _correct(tx, payment_id, refunds, author)
        # By reference, too: the action id of a refund of ours whose answer was lost is not known yet.
        news = [each for each in refunds if not (each.reference in references or each.action_id in actions)]
        for refund in _beyond(_seen_in_balances(tx, payment_id), news):
            row = {**_row(payment_id, currency, refund, owner, now), "reason": reason}
            if insert_if_absent(tx, Refund, [row]):
                insert_rows(tx, Event, [refund_created(row, owner.subscription_id, author)])
                adopted += 1
        if adopted:
            follow_refunds(tx, [payment_id], author)
    return adopted


def _beyond(accounted: int, refunds: Sequence[GatewayRefund]) -> Iterator[GatewayRefund]:
    """Yield the refunds that were made beyond an amount which is accounted for, in minor units."""
    made = (each for each in refunds if each.status is RefundStatus.SUCCEEDED and each.amount_minor)
    for refund in sorted(made, key=lambda each: each.amount_minor or 0, reverse=True):
        if (refund.amount_minor or 0) <= accounted and not refund.action_id.startswith(_BY_BALANCE):
            accounted -= refund.amount_minor or 0
        else:
            yield refund


def _seen_in_balances(tx: Connection, payment_id: str) -> int:
    """Return what was written down of a payment by its balance: its actions, should they be told, are no news."""
    seen = select(func.coalesce(func.sum(col(Refund.amount_minor)), 0)).where(
        col(Refund.gateway_payment_id) == payment_id,
        col(Refund.requested_by) == MADE_BY,
        col(Refund.action_id).startswith(_BY_BALANCE),
    )
    return int(tx.execute(seen).scalar_one())


def _correct(tx: Connection, payment_id: str, refunds: Sequence[GatewayRefund], author: Author) -> int:
    """Book refunds of ours that count as failed, or wait for a person, and were made all the same."""
    made = {str(each.reference): each for each in refunds if each.reference and each.status is RefundStatus.SUCCEEDED}
    failed = select(col(Refund.id)).where(
        col(Refund.gateway_payment_id) == payment_id,
        col(Refund.reference).in_(list(made)),
        col(Refund.state).in_(POSSIBLY_MADE_REFUND_STATES),
    )
    rows = load_refunds(tx, list(tx.execute(failed).scalars()), lock=True) if made else []
    for row in rows:
        told = made[row.reference]
        written = {"check_at": None, "action_id": told.action_id, "response_code": told.response_code}
        data = {"amount_minor": row.amount_minor, "currency": row.currency}
        moved = Move(row.id, row.state, RefundEvent.SUCCEED, written, row.subscription_id, data)
        move(tx, Refund, [moved], author)
    return len(rows)


def _row(payment_id: str, currency: str, refund: GatewayRefund, owner: AnyRow, now: datetime) -> dict[str, object]:
    reference = foreign_refund_reference(payment_id, refund.action_id)
    return {
        "id": row_id(owner.charge_id, "refund", reference),
        "charge_id": owner.charge_id,
        "gateway_payment_id": payment_id,
        "amount_minor": refund.amount_minor,
        "currency": currency,
        "state": RefundState.REFUNDED,
        "reference": reference,
        "idempotency_key": idempotency_key(reference),
        "action_id": refund.action_id,
        "requested_by": MADE_BY,
        "created_at": now,
        "sends": 0,
        "checks": 0,
        "absent_looks": 0,
        "response_code": refund.response_code,
    }


def _known(tx: Connection, payment_id: str) -> tuple[set[str], set[str]]:
    """Return the references and the action ids of the refunds we have of a payment."""
    query = select(col(Refund.reference), col(Refund.action_id)).where(col(Refund.gateway_payment_id) == payment_id)
    rows = tx.execute(query).all()
    return {row.reference for row in rows}, {row.action_id for row in rows if row.action_id is not None}


def _given_back(tx: Connection, payment_ids: Sequence[str]) -> dict[str, int]:
    rows: Sequence[AnyRow] = tx.execute(
        select(col(Refund.gateway_payment_id), func.sum(col(Refund.amount_minor)))
        .where(col(Refund.gateway_payment_id).in_(payment_ids), col(Refund.state) == RefundState.REFUNDED)
        .group_by(col(Refund.gateway_payment_id))
    ).all()
    return {row[0]: int(row[1]) for row in rows}


def _owners(tx: Connection, payment_ids: Sequence[str]) -> dict[str, AnyRow]:
    """Return the charge that each payment belongs to: its own capture, or one that was found beside it."""
    charge: tuple[Any, ...] = (
        col(Charge.id).label("charge_id"),
        col(Charge.subscription_id),
        col(Charge.currency),
        col(Charge.amount_minor),
    )
    own: Select[*tuple[Any, ...]] = select(col(Charge.gateway_payment_id).label("payment_id"), *charge).where(
        col(Charge.gateway_payment_id).in_(payment_ids), col(Charge.state) == ChargeState.CAPTURED
    )
    beside: Select[*tuple[Any, ...]] = (
        select(col(StrayPayment.gateway_payment_id).label("payment_id"), *charge)
        .join(Charge, col(Charge.id) == col(StrayPayment.charge_id))
        .where(
            col(StrayPayment.gateway_payment_id).in_(payment_ids),
            col(Charge.gateway_payment_id).is_distinct_from(col(StrayPayment.gateway_payment_id)),
        )
    )
    found: dict[str, AnyRow] = {}
    for query in (beside, own):
        found |= {row.payment_id: row for row in tx.execute(query)}
    return found
