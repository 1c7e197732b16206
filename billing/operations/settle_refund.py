"""A refund without an outcome, settled by hand as failed, unless the gateway says that the money went back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from billing.domain.charging import Found, GatewayRefund, RefundsFound, RefundStatus, Unreadable
from billing.domain.public_ids import Kind, public_id
from billing.domain.states import REFUND_MOVES, RefundEvent, RefundState, can_move
from billing.operations.engine import Conflict, Engine, NotFound
from billing.operations.first_charges import GatewayUnavailable
from billing.operations.refund_balances import by_balances
from billing.operations.refunds import own_refund, record_end, settle_as_failed
from billing.operations.request_keys import done
from billing.operations.settle_charge import StillSent
from billing.store.cases import lock_subscriptions
from billing.store.queries import RefundRow, load_refunds
from billing.store.writes import Author

_MADE: Final = "it is booked, and settled by that"


class RefundStillSent(StillSent):
    """The refund is being sent at this moment; after ``retry_after`` seconds its answer is known, or given up."""

    code = "refund_in_flight"


@dataclass(frozen=True, slots=True)
class SettledRefund:
    """A refund that has ended without money going back. ``by_hand``: this act ended it, and not the gateway's word."""

    refund_id: UUID
    charge_id: UUID
    state: RefundState
    by_hand: bool


def settle_refund(engine: Engine, refund_id: UUID, *, reason: str, now: datetime) -> SettledRefund:
    """End a refund without an outcome as failed at ``now`` (UTC), after asking Checkout.com what became of it.

    An end that Checkout.com tells is recorded instead. That it is open there, or not known, is no hindrance. What it
    claimed of the charge can be refunded again, what is owed is seen to by the rules for failed refunds, and the
    customer can be erased. It is asked about further: should it be made all the same, it is booked. Done again, it
    changes nothing.

    :raises NotFound: there is no such refund.
    :raises Conflict: the money went back: that is recorded.
    :raises RefundStillSent: it is being sent.
    :raises GatewayUnavailable: Checkout.com could not be asked.
    """
    row = _row(engine, refund_id)
    if not can_move(REFUND_MOVES, row.state, RefundEvent.SETTLE):
        return _ended(row)
    if row.state is RefundState.SENDING and row.check_at is not None and now < row.check_at:
        raise RefundStillSent(public_id(Kind.REFUND, refund_id), row.check_at, now)
    told = _ask(engine, row)
    if told is not None and told.status is not RefundStatus.OPEN:
        return _record(engine, row, told, now)
    with engine.database.transaction() as tx:
        lock_subscriptions(tx, [row.subscription_id])
        if load_refunds(tx, [refund_id], lock=True) != [row]:
            raise _changed(refund_id)
        settle_as_failed(tx, row, f"settled by hand: {reason}", Author(engine.actor, now))
        done(tx, engine)
    return SettledRefund(refund_id, row.charge_id, RefundState.DECLINED, by_hand=True)


def _row(engine: Engine, refund_id: UUID) -> RefundRow:
    with engine.database.snapshot() as tx:
        rows = load_refunds(tx, [refund_id])
    if not rows:
        raise NotFound(f"there is no refund {public_id(Kind.REFUND, refund_id)}")
    return rows[0]


def _ended(row: RefundRow) -> SettledRefund:
    if row.state is RefundState.REFUNDED:
        raise Conflict(f"{public_id(Kind.REFUND, row.id)} is refunded: {_MADE}")
    return SettledRefund(row.id, row.charge_id, row.state, by_hand=False)


def _ask(engine: Engine, row: RefundRow) -> GatewayRefund | None:
    """Return the refund as the gateway tells it, from its payment's balances if its actions cannot be read."""
    if row.state is RefundState.REQUESTED:
        return None  # it never went out
    answers = engine.gateway.find_refunds([row.gateway_payment_id])
    [told] = by_balances(engine, [row], answers)
    if isinstance(told, RefundsFound):
        return own_refund(row, told.refunds)
    if not told.not_found and not _can_read(engine, row.gateway_payment_id):
        raise GatewayUnavailable(
            f"Checkout.com could not be asked about {public_id(Kind.REFUND, row.id)} ({told.reason}), and only then "
            "can it be settled by hand: try again later"
        )
    return None


def _can_read(engine: Engine, payment_id: str) -> bool:
    [told] = engine.gateway.find_by_id([payment_id])
    return isinstance(told, Found) or (isinstance(told, Unreadable) and told.not_found)


def _record(engine: Engine, row: RefundRow, told: GatewayRefund, now: datetime) -> SettledRefund:
    """Record the end that the gateway tells, and say how the refund stands then."""
    if not record_end(engine, row, told, now=now):
        raise _changed(row.id)
    current = _row(engine, row.id)
    if current.state is RefundState.REFUNDED:
        raise Conflict(f"Checkout.com says that {public_id(Kind.REFUND, row.id)} is refunded: {_MADE}")
    return _ended(current)


def _changed(refund_id: UUID) -> Conflict:
    return Conflict(f"{public_id(Kind.REFUND, refund_id)} changed while Checkout.com was asked: look at it again")
