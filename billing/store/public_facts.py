"""Reads events together with what is told about their subjects outside."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, null, select
from sqlmodel import col

from billing.domain.public_data import Facts, Recorded
from billing.domain.public_events import internal_types, meaning_of, public_event
from billing.store.among import among
from billing.store.columns import AnyRow
from billing.store.obligation_tables import RefundObligation
from billing.store.tables import Charge, Event, Invoice, Refund, Source, Subscription
from plans.calendar import Period
from plans.money import Money

_COLUMNS = (
    col(Event.id), col(Event.at), col(Event.subject_type), col(Event.subject_id), col(Event.sequence),
    col(Event.subscription_id), col(Event.type), col(Event.to_state), col(Event.data),
)  # fmt: skip


def list_recorded(
    tx: Connection,
    *,
    after: int,
    up_to: int,
    limit: int,
    types: Collection[str] = (),
    subject: tuple[str, str] | None = None,
    subscription_id: UUID | None = None,
) -> list[Recorded]:
    """Return events that mean something outside, with ``after`` < id ≤ ``up_to``, in the order of their ids.

    ``types`` are public ones; none means all.
    """
    wanted = internal_types(types) if types else internal_types()
    query: Select[*tuple[Any, ...]] = select(*_COLUMNS).where(
        col(Event.id) > after, col(Event.id) <= up_to, col(Event.type).in_(sorted(wanted))
    )
    if subject is not None:
        query = query.where(col(Event.subject_type) == subject[0], col(Event.subject_id) == subject[1])
    if subscription_id is not None:
        query = query.where(col(Event.subscription_id) == subscription_id)
    return [Recorded(*row) for row in tx.execute(query.order_by(col(Event.id)).limit(limit))]


def load_recorded(tx: Connection, ids: Sequence[int]) -> list[Recorded]:
    """Return these events, in the order of their ids."""
    rows = tx.execute(select(*_COLUMNS).where(col(Event.id).in_(ids)).order_by(col(Event.id)))
    return [Recorded(*row) for row in rows]


def told_outside(tx: Connection, events: Sequence[Recorded]) -> dict[int, dict[str, object]]:
    """Return what is told of these events, by their ids; what is internal is left out."""
    known = [event for event in events if meaning_of(event.type, event.to_state) is not None]
    owners = _owners(tx, {event.subscription_id for event in known if event.subscription_id is not None})
    subjects = _subjects(tx, known)
    told = {}
    for event in known:
        payload = public_event(event, _facts(event, subjects.get(event.subject_id), owners))
        if payload is not None:
            told[event.id] = payload
    return told


def _facts(event: Recorded, subject: AnyRow | None, owners: dict[UUID, AnyRow]) -> Facts:
    owner = owners.get(event.subscription_id) if event.subscription_id is not None else None
    customer, plan = (owner.customer_id, owner.plan_code) if owner is not None else (None, None)
    if event.subject_type == "customer":
        return Facts(customer=UUID(event.subject_id))
    if subject is None:
        return Facts(customer=customer, plan=plan)
    if event.subject_type == "source":
        return Facts(customer=subject.customer_id, plan=plan)
    return Facts(
        customer=customer,
        plan=plan,
        invoice=subject.invoice_id,
        invoice_kind=subject.kind.value,
        period=Period(subject.period_start, subject.period_end),
        charge=subject.charge_id,
        attempt=subject.attempt_no,
        amount=Money(subject.amount_minor, subject.currency),
    )


def _owners(tx: Connection, ids: Iterable[UUID]) -> dict[UUID, AnyRow]:
    wanted = list(ids)
    if not wanted:
        return {}
    query = select(col(Subscription.id), col(Subscription.customer_id), col(Subscription.plan_code))
    return {row.id: row for row in tx.execute(query.where(among(col(Subscription.id), wanted)))}


def _subjects(tx: Connection, events: Sequence[Recorded]) -> dict[str, AnyRow]:
    found: dict[str, AnyRow] = {}
    for kind, query, key in _QUERIES:
        ids = [UUID(event.subject_id) for event in events if event.subject_type == kind]
        if ids:
            found |= {str(row.id): row for row in tx.execute(query.where(among(key, ids)))}
    return found


_OF_INVOICE: Any = (
    col(Invoice.id).label("invoice_id"), col(Invoice.kind), col(Invoice.period_start), col(Invoice.period_end),
)  # fmt: skip
_OF_CHARGE: Any = (col(Charge.id).label("charge_id"), col(Charge.attempt_no))
_QUERIES: Any = (
    ("source", select(col(Source.id), col(Source.customer_id)), col(Source.id)),
    (
        "invoice",
        select(
            col(Invoice.id), *_OF_INVOICE, col(Invoice.amount_minor), col(Invoice.currency),
            null().label("charge_id"), null().label("attempt_no"),
        ),
        col(Invoice.id),
    ),
    (
        "charge",
        select(col(Charge.id), *_OF_INVOICE, *_OF_CHARGE, col(Charge.amount_minor), col(Charge.currency))
        .join(Invoice, col(Invoice.id) == col(Charge.invoice_id)),
        col(Charge.id),
    ),
    (
        "refund",
        select(col(Refund.id), *_OF_INVOICE, *_OF_CHARGE, col(Refund.amount_minor), col(Refund.currency))
        .join(Charge, col(Charge.id) == col(Refund.charge_id))
        .join(Invoice, col(Invoice.id) == col(Charge.invoice_id)),
        col(Refund.id),
    ),
    (
        "refund_obligation",
        select(
            col(RefundObligation.id), *_OF_INVOICE, *_OF_CHARGE,
            col(RefundObligation.amount_minor), col(RefundObligation.currency),
        )
        .join(Charge, col(Charge.id) == col(RefundObligation.charge_id))
        .join(Invoice, col(Invoice.id) == col(Charge.invoice_id)),
        col(RefundObligation.id),
    ),
)  # fmt: skip
