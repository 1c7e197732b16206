"""Brings what the ends of refunds mean to the obligations that they were made for."""

from collections.abc import Sequence

from sqlalchemy import Connection

from billing.domain.obligations import after_refunds
from billing.store.obligations import given_back, open_obligations_of, take_step
from billing.store.writes import Author


def follow_refunds(tx: Connection, payment_ids: Sequence[str], author: Author) -> None:
    """Move the obligations to give these payments back on, in the transaction that moved their refunds."""
    rows = open_obligations_of(tx, payment_ids)
    if not rows:
        return
    refunds = given_back(tx, [row.gateway_payment_id for row in rows])
    for row in rows:
        step = after_refunds(row.owed, refunds[row.gateway_payment_id], author.now)
        if step is not None:
            take_step(tx, row, step, author)
