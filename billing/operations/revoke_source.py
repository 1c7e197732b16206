"""Ends an agreement from our side: no charge is made on it again, the gateway is told, and a new one is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, select, text
from sqlmodel import col

from billing.domain.cases import InvoiceKind, Note
from billing.domain.decline_classes import DeclineClass
from billing.domain.event_types import EventType
from billing.domain.states import (
    AUTO_CHARGED_SUBSCRIPTIONS,
    REVOCABLE_SOURCES,
    STARTED_SUBSCRIPTIONS,
    InvoiceState,
    RevocationState,
    SourceEvent,
    SourceState,
    SubscriptionState,
)
from billing.operations.ask_for_agreement import Owed, ask_for_agreement
from billing.operations.audit import decided
from billing.operations.engine import Conflict, Engine, NotFound
from billing.operations.request_keys import done
from billing.operations.revocations import send_revocations
from billing.store.cases import lock_subscriptions
from billing.store.columns import AnyRow
from billing.store.revocations import lock_sources, request_revocations
from billing.store.tables import LIVE_CHARGE, Charge, Invoice, Source, Subscription
from billing.store.writes import Author, Move, move, note
from plans.calendar import Period

_S = SubscriptionState
_GONE: Final = DeclineClass.AGREEMENT_GONE.value


@dataclass(frozen=True, slots=True)
class RevokedSource:
    """What became of an agreement, which subscriptions need a new one, and what the gateway said of it."""

    source_id: UUID
    state: SourceState
    subscriptions: tuple[UUID, ...]
    revocation: RevocationState
    gateway: str


def revoke_source(engine: Engine, source_id: UUID, *, reason: str, now: datetime) -> RevokedSource:
    """Revoke a source at ``now`` (UTC) and tell the gateway.

    What is owed waits for a new agreement, as after a decline that says that the subscriber ended it; of every
    subscription that used the source it is told that one is needed. The gateway is told at once, and by the sweep again
    until it confirms. Asked again, only the gateway is told again, unless it has confirmed.

    :raises NotFound: there is no such source. :raises Conflict: it is being charged.
    """
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        # Subscriptions are locked before sources, here as everywhere.
        users = select(col(Subscription.id)).where(col(Subscription.source_id) == source_id)
        lock_subscriptions(tx, list(tx.execute(users).scalars()))
        row = _locked(tx, source_id)
        live = select(col(Charge.id)).where(col(Charge.source_id) == source_id, text(f"charge.{LIVE_CHARGE}"))
        if tx.execute(live).first() is not None:
            raise Conflict("a charge of this source is under way; try again when it is settled")
        state: SourceState = row.state
        is_told = row.revocation is RevocationState.CONFIRMED
        asked: Sequence[UUID] = ()
        if state in REVOCABLE_SOURCES:
            told = Move(source_id, state, SourceEvent.REVOKE, data={"reason": reason[:200]})
            move(tx, Source, [told], author)
            state, asked = SourceState.REVOKED, _ask(tx, engine, source_id, author)
        elif state is SourceState.PENDING:
            told = Move(source_id, state, SourceEvent.DISCARD, data={"reason": reason[:200]})
            move(tx, Source, [told], author)
            state = SourceState.REVOKED
        elif not is_told:
            subject = ("source", str(source_id))
            decided(tx, engine, "source.revocation_requested", subject, now, reason=reason[:200])
        request_revocations(tx, [source_id], author)
        done(tx, engine)
    # Revoked here first: if the gateway cannot be told, nothing is charged all the same.
    send_revocations(engine, [source_id], now=now)
    with engine.database.snapshot() as tx:
        revocation, error = tx.execute(
            select(col(Source.revocation), col(Source.revocation_error)).where(col(Source.id) == source_id)
        ).one()
    return RevokedSource(source_id, state, tuple(asked), revocation, _said(revocation, error))


def _said(revocation: RevocationState, error: str | None) -> str:
    if revocation is RevocationState.CONFIRMED:
        return "Checkout.com revoked it"
    why = f" ({error})" if error else ""
    return f"it is not charged again, but Checkout.com did not confirm it yet{why}; the daemon tells it again"


def _locked(tx: Connection, source_id: UUID) -> AnyRow:
    rows = lock_sources(tx, [source_id])
    if not rows:
        raise NotFound(f"there is no source {source_id}")
    return rows[0]


def _ask(tx: Connection, engine: Engine, source_id: UUID, author: Author) -> Sequence[UUID]:
    """Ask for a new agreement for each subscription that used the source, and return which they are."""
    rows = tx.execute(
        select(col(Subscription.id), col(Subscription.state), col(Subscription.zone))
        .where(col(Subscription.source_id) == source_id, col(Subscription.state).in_(STARTED_SUBSCRIPTIONS))
        .order_by(col(Subscription.id))
    ).all()
    for row in rows:
        waiting = _to_be_tried(tx, row.id) if row.state in AUTO_CHARGED_SUBSCRIPTIONS else []
        state = row.state
        for invoice in waiting:
            owed = Owed(
                invoice_id=invoice.id,
                subscription_id=row.id,
                subscription_state=state,
                zone=row.zone,
                period=Period(invoice.period_start, invoice.period_end),
                first_failed_on=invoice.first_failed_on,
                grace_until=invoice.grace_until,
                lost_days=invoice.lost_days,
                lost_spans=invoice.lost_spans,
            )
            state = ask_for_agreement(tx, engine, owed, _GONE, author)
        if not waiting:
            told = Note(EventType.SUBSCRIPTION_RE_ENROLMENT_REQUESTED, {"why": _GONE})
            note(tx, row.id, told, author, subject=("subscription", str(row.id)))
    return [row.id for row in rows]


def _to_be_tried(tx: Connection, subscription_id: UUID) -> Sequence[AnyRow]:
    """Return the open invoices that are to be charged to the source; one that waits for a new agreement waits on."""
    return tx.execute(
        select(
            col(Invoice.id),
            col(Invoice.period_start),
            col(Invoice.period_end),
            col(Invoice.first_failed_on),
            col(Invoice.grace_until),
            col(Invoice.lost_days),
            col(Invoice.lost_spans),
        )
        .where(
            col(Invoice.subscription_id) == subscription_id,
            col(Invoice.state) == InvoiceState.OPEN,
            col(Invoice.kind) != InvoiceKind.AGREEMENT,
            col(Invoice.next_attempt_at).is_not(None),
        )
        .order_by(col(Invoice.period_start))
    ).all()
