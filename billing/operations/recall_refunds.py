"""Refunds that an older copy of the database may have forgotten: taken up before another one is ordered."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.charging import Found, GatewayRefund, RefundsFound, RefundStatus
from billing.domain.identity import refund_reference
from billing.domain.polling import poll_again_at
from billing.domain.states import ChargeState, RefundEvent, RefundState
from billing.operations.engine import Engine, Refusal
from billing.operations.foreign_refunds import adopt_refunds
from billing.store.cases import lock_subscriptions
from billing.store.columns import AnyRow
from billing.store.installation import load_installation
from billing.store.settlements import order_refund
from billing.store.tables import Charge, Invoice, Refund
from billing.store.writes import Author, Move, move


def recall_refunds(engine: Engine, charge_id: UUID, *, now: datetime) -> int:
    """Take up refunds of a doubted charge that are known to the gateway only; return the highest number it has seen.

    A new refund must have a number of its own, or its key would mean two requests. A charge that is not doubted has
    nothing to recall: 0, and nobody is asked.

    One that is under way enters the books as such: it counts, and is followed like any other.

    :raises Refusal: the gateway cannot tell now, or does not tell the amount of one that is under way.
    """
    with engine.database.snapshot() as tx:
        installation = load_installation(tx).as_of(now)
        charge = tx.execute(
            select(
                col(Charge.subscription_id), col(Charge.gateway_payment_id), col(Charge.reference), col(Charge.state),
                col(Charge.currency), col(Invoice.period_start),
            )
            .join(Invoice, col(Invoice.id) == col(Charge.invoice_id))
            .where(col(Charge.id) == charge_id)
        ).one_or_none()  # fmt: skip
    if charge is None or charge.state is not ChargeState.CAPTURED or not installation.is_doubted(charge.period_start):
        return 0
    payment = engine.gateway.find_by_id([charge.gateway_payment_id])[0]
    made = engine.gateway.find_refunds([charge.gateway_payment_id])[0]
    if not isinstance(payment, Found) or not isinstance(made, RefundsFound):
        raise Refusal("whether it was refunded before cannot be read from the gateway now; try again later")
    begins = refund_reference(charge.reference, 0).removesuffix("0")
    ours = {each.reference: each for each in made.refunds if each.reference and each.reference.startswith(begins)}
    under_way = {name: each for name, each in ours.items() if each.status is RefundStatus.OPEN}
    if under_way:
        with engine.database.transaction() as tx:
            _take_up(tx, charge_id, charge, under_way, Author(engine.actor, now))
    adopt_refunds(engine, payment.payments, now=now)
    return max((int(name.removeprefix(begins)) for name in ours if name.removeprefix(begins).isdigit()), default=0)


def _take_up(
    tx: Connection, charge_id: UUID, charge: AnyRow, under_way: Mapping[str, GatewayRefund], author: Author
) -> None:
    lock_subscriptions(tx, [charge.subscription_id])
    known = set(tx.execute(select(col(Refund.reference)).where(col(Refund.charge_id) == charge_id)).scalars())
    for name, told in under_way.items():
        if name in known:
            continue
        if not told.amount_minor:
            raise Refusal("a refund that this database has forgotten is under way; try again when it has ended")
        refund_id = order_refund(
            tx,
            charge_id,
            charge.gateway_payment_id,
            told.amount_minor,
            charge.currency,
            reference=name,
            reason="ordered before this copy of the database took over",
            author=author,
        )
        sent = {"sent_at": author.now, "sends": 1}
        accepted = {"action_id": told.action_id, "check_at": poll_again_at(author.now, 0)}
        for state, event, written in (
            (RefundState.REQUESTED, RefundEvent.SEND, sent),
            (RefundState.SENDING, RefundEvent.ACCEPT, accepted),
        ):
            move(tx, Refund, [Move(refund_id, state, event, written, charge.subscription_id)], author)
