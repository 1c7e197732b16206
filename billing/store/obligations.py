"""Refunds that the engine owes: written down with what causes them, and read with what their refunds come to."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, func, select
from sqlmodel import col

from billing.domain.charging import REFUND_WINDOW
from billing.domain.identity import row_id
from billing.domain.obligations import GivenBack, Obligation, OneRefund, Step
from billing.domain.states import ObligationState, RefundState
from billing.store.births import obligation_created
from billing.store.disputes import lost_disputes
from billing.store.inserts import insert_if_absent
from billing.store.obligation_tables import RefundObligation
from billing.store.tables import Charge, Event, Refund
from billing.store.writes import Author, Change, Move, change, insert_rows, move
from plans.money import Money


@dataclass(frozen=True, slots=True)
class Captured:
    """A captured payment that must go back whole; ``at`` is when it was captured, as far as is known (UTC)."""

    charge_id: UUID
    subscription_id: UUID
    payment_id: str
    amount: Money
    at: datetime


@dataclass(frozen=True, slots=True)
class ObligationRow:
    """An obligation with whose it is and what its next refund needs."""

    id: UUID
    charge_id: UUID
    subscription_id: UUID
    charge_reference: str
    is_stray: bool
    gateway_payment_id: str
    reason: str
    check_at: datetime | None
    settled_how: str | None
    settled_reason: str | None
    owed: Obligation

    @property
    def state(self) -> ObligationState:
        return self.owed.state


def owe(tx: Connection, captured: Captured, reason: str, author: Author) -> UUID:
    """Write down that a payment must go back, once for a payment. The next sweep makes the refund.

    It must be written in the transaction that learns of the payment: a crash must not leave money kept in silence.
    """
    row = {
        "id": obligation_id(captured.charge_id, captured.payment_id),
        "charge_id": captured.charge_id,
        "gateway_payment_id": captured.payment_id,
        "amount_minor": captured.amount.minor,
        "currency": captured.amount.currency,
        "state": ObligationState.OWED,
        "reason": reason[:200],
        "refund_by": captured.at + REFUND_WINDOW,
        "tries": 0,
        "failures": 0,
        "shortages": 0,
        "check_at": author.now,
        "created_at": author.now,
    }
    if insert_if_absent(tx, RefundObligation, [row]):
        insert_rows(tx, Event, [obligation_created(row, captured.subscription_id, author)])
    return obligation_id(captured.charge_id, captured.payment_id)


def obligation_id(charge_id: UUID, payment_id: str) -> UUID:
    """Return the id of the obligation to give a payment of a charge back."""
    return row_id(charge_id, "refund_obligation", payment_id)


def load_obligations(tx: Connection, ids: Sequence[UUID], *, lock: bool = False) -> list[ObligationRow]:
    """Return these obligations, ordered by id; with ``lock``, locked until the transaction ends."""
    return _load(tx, _obligations().where(col(RefundObligation.id).in_(ids)), lock=lock)


def open_obligations_of(tx: Connection, payment_ids: Sequence[str]) -> list[ObligationRow]:
    """Lock and return the obligations to give these payments back that are open, ordered by id."""
    if not payment_ids:
        return []
    query = _obligations().where(
        col(RefundObligation.gateway_payment_id).in_(sorted(set(payment_ids))),
        col(RefundObligation.ended_at).is_(None),
    )
    return _load(tx, query, lock=True)


def given_back(tx: Connection, payment_ids: Sequence[str]) -> Mapping[str, GivenBack]:
    """Return what the refunds of these payments come to, by payment. A lost dispute gave back like a refund."""
    rows: dict[str, list[OneRefund]] = defaultdict(list)
    query = select(
        col(Refund.gateway_payment_id),
        col(Refund.id),
        col(Refund.state),
        col(Refund.amount_minor),
        col(Refund.created_at),
        col(Refund.response_code),
        col(Refund.error),
    ).where(col(Refund.gateway_payment_id).in_(payment_ids))
    for row in tx.execute(query):
        rows[row[0]].append(OneRefund(*row[1:]))
    for lost in lost_disputes(tx, payment_ids):
        dispute_id = row_id(lost.charge_id, "dispute", lost.gateway_dispute_id)
        ended = OneRefund(dispute_id, RefundState.REFUNDED, lost.amount_minor, lost.ended_at)
        rows[lost.gateway_payment_id].append(ended)
    return {payment_id: GivenBack(tuple(rows[payment_id])) for payment_id in payment_ids}


def declined_references(tx: Connection, payment_ids: Sequence[str]) -> frozenset[str]:
    """Return the references of those refunds of these payments that count as declined here."""
    if not payment_ids:
        return frozenset()
    mine = (col(Refund.gateway_payment_id).in_(payment_ids), col(Refund.state) == RefundState.DECLINED)
    return frozenset(tx.execute(select(col(Refund.reference)).where(*mine)).scalars())


def settled_by_other_means(tx: Connection, payment_id: str) -> int:
    """Return how much of a payment a person has given back by other means, in minor units."""
    query = select(func.sum(col(RefundObligation.settled_minor)))
    settled = tx.execute(query.where(col(RefundObligation.gateway_payment_id) == payment_id)).scalar_one()
    return int(settled or 0)


def take_step(tx: Connection, row: ObligationRow, step: Step, author: Author) -> None:
    """Write what was decided about an obligation that is locked."""
    if step.event is None:
        change(tx, RefundObligation, [Change(row.id, row.state, step.changes)])
        return
    told = {"amount_minor": row.owed.amount.minor, "currency": row.owed.amount.currency, **step.data}
    move(tx, RefundObligation, [Move(row.id, row.state, step.event, step.changes, row.subscription_id, told)], author)


def _load(tx: Connection, query: Select[*tuple[Any, ...]], *, lock: bool) -> list[ObligationRow]:
    query = query.order_by(col(RefundObligation.id))
    if lock:
        query = query.with_for_update(of=RefundObligation)
    return [
        ObligationRow(
            id=row.id,
            charge_id=row.charge_id,
            subscription_id=row.subscription_id,
            charge_reference=row.charge_reference,
            is_stray=row.gateway_payment_id != row.own_payment_id,
            gateway_payment_id=row.gateway_payment_id,
            reason=row.reason,
            check_at=row.check_at,
            settled_how=row.settled_how,
            settled_reason=row.settled_reason,
            owed=Obligation(
                state=row.state,
                amount=Money(row.amount_minor, row.currency),
                refund_by=row.refund_by,
                tries=row.tries,
                failures=row.failures,
                shortages=row.shortages,
                parked_reason=row.parked_reason,
                created_at=row.created_at,
            ),
        )
        for row in tx.execute(query)
    ]


def _obligations() -> Select[*tuple[Any, ...]]:
    table = RefundObligation.__table__  # type: ignore[attr-defined]
    return select(
        table,
        col(Charge.subscription_id),
        col(Charge.reference).label("charge_reference"),
        col(Charge.gateway_payment_id).label("own_payment_id"),
    ).join(Charge, col(Charge.id) == col(RefundObligation.charge_id))
