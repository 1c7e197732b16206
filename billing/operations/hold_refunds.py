"""Refunds that must not go out now: their payment is disputed, or a lost dispute has taken the money back."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from billing.domain.rechecks import next_look_at_refused
from billing.domain.states import RefundEvent
from billing.operations.follow_refunds import follow_refunds
from billing.store.disputes import lost_disputes, open_disputes
from billing.store.queries import RefundRow
from billing.store.refundable import left_beside
from billing.store.tables import Refund
from billing.store.writes import Author, Change, Move, change, move

HELD_FOR: Final = timedelta(hours=1)
"""How often it is looked whether a dispute that holds a refund is decided."""
TAKEN: Final = "a lost dispute has taken back what this refund would give back"
"""Why a refund that was held is not made at all."""


def those_to_send(tx: Connection, rows: Sequence[RefundRow], author: Author) -> list[RefundRow]:
    """Return those of these locked refunds, none of which is under way, that may be sent.

    One of a disputed payment waits for the outcome. One that is more than lost disputes have left of its payment ends
    as refused: the money must not go back twice.
    """
    payments = [row.gateway_payment_id for row in rows]
    disputed = {each.gateway_payment_id for each in open_disputes(tx, payments)}
    lost = {each.gateway_payment_id for each in lost_disputes(tx, payments)}
    sendable = []
    for row in rows:
        if row.gateway_payment_id in disputed:
            _hold(tx, row, author.now)
        elif row.gateway_payment_id in lost and row.amount_minor > left_beside(tx, row):
            _end(tx, row, author)
        else:
            sendable.append(row)
    return sendable


def _hold(tx: Connection, row: RefundRow, now: datetime) -> None:
    held = {"check_at": now + HELD_FOR, "error": "held: the charge is disputed"}
    change(tx, Refund, [Change(row.id, row.state, held)])


def _end(tx: Connection, row: RefundRow, author: Author) -> None:
    told = {"amount_minor": row.amount_minor, "currency": row.currency, "error": TAKEN}
    written = {**next_look_at_refused(0, author.now), "error": TAKEN}
    move(tx, Refund, [Move(row.id, row.state, RefundEvent.REFUSE, written, row.subscription_id, told)], author)
    follow_refunds(tx, [row.gateway_payment_id], author)
