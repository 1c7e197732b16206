"""Writes decisions about charges: one transaction for a batch of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, func, literal, select, text
from sqlmodel import col

from billing.domain.cases import Case, InvoiceKind, Note, Settlement
from billing.domain.identity import idempotency_key, row_id
from billing.domain.revoking import withdraw
from billing.domain.states import (
    FAILURES,
    ChargeEvent,
    ChargeState,
    InvoiceEvent,
    InvoiceState,
    RefundState,
    SourceEvent,
    SubscriptionEvent,
    SubscriptionState,
)
from billing.store.births import payment_failed, refund_created, subscription_renewed
from billing.store.day_records import write_day_records
from billing.store.obligations import Captured, owe
from billing.store.revocations import request_revocations, unused_sources
from billing.store.tables import LIVE_CHARGE, Charge, Event, Invoice, Refund, Source, Subscription
from billing.store.writes import Author, Change, Move, change, insert_rows, move, note


def apply_settlements(tx: Connection, decisions: Sequence[tuple[Case, Settlement]], author: Author) -> None:
    """Make the moves and write the columns of each decision.

    The cases were read in this transaction, one per subscription, so no move can be stale.
    """
    for model, moves, changes in (
        (Charge, *_charges(decisions)),
        (Source, *_sources(decisions)),
        (Invoice, *_invoices(decisions)),
        (Subscription, *_subscriptions(decisions, author)),
    ):
        if model is Invoice:
            insert_rows(tx, Event, _failures(decisions, author))  # before what the invoice comes to by it
        move(tx, model, moves, author)
        change(tx, model, changes)
    write_day_records(tx, [(case.subscription_id, each) for case, told in decisions for each in told.days], author)
    _revoke_replaced(tx, decisions, author)
    insert_rows(tx, Event, _renewals(decisions, author))
    void_open_invoices(tx, [case.subscription_id for case, told in decisions if _has_ended(case, told)], author)
    _try_again(tx, [case.subscription_id for case, told in decisions if "source_id" in told.subscription], author)
    for case, decision in decisions:
        for each in decision.notes:
            note(tx, case.subscription_id, each, author, subject=_subject_of(each, case))
        if decision.refund_reason is not None:
            payment_id = str(decision.charge["gateway_payment_id"])
            captured = Captured(case.charge_id, case.subscription_id, payment_id, case.amount, author.now)
            owe(tx, captured, decision.refund_reason, author)


def void_open_invoices(tx: Connection, subscription_ids: Sequence[UUID], author: Author) -> None:
    """Void what ended subscriptions still have open. Where a charge is under way, its outcome does it; none follows."""
    if not subscription_ids:
        return
    live = select(literal(1)).where(
        col(Charge.subscription_id) == col(Invoice.subscription_id), text(f"charge.{LIVE_CHARGE}")
    )
    rows = tx.execute(_open_invoices(subscription_ids).add_columns(live.exists().label("is_live"))).all()
    cleared = {"next_attempt_at": None, "give_up_at": None}
    voids = [
        Move(row.id, InvoiceState.OPEN, InvoiceEvent.VOID, cleared, row.subscription_id)
        for row in rows
        if not row.is_live
    ]
    move(tx, Invoice, voids, author)
    change(tx, Invoice, [Change(row.id, InvoiceState.OPEN, cleared) for row in rows if row.is_live])


def _subject_of(told: Note, case: Case) -> tuple[str, str]:
    if told.type.startswith("subscription."):
        return "subscription", str(case.subscription_id)
    if told.type.startswith("invoice."):
        return "invoice", str(case.invoice_id)
    return "charge", str(case.charge_id)


def _renewals(decisions: Sequence[tuple[Case, Settlement]], author: Author) -> list[dict[str, Any]]:
    """Return an event for each period that was paid without a change of the subscription's state."""
    return [
        subscription_renewed(case.subscription_id, told.subscription["paid_through"], author)  # type: ignore[arg-type]
        for case, told in decisions
        if told.invoice_event is InvoiceEvent.PAY
        and case.invoice_kind is InvoiceKind.RENEWAL
        and told.subscription_event is None
    ]


def _failures(decisions: Sequence[tuple[Case, Settlement]], author: Author) -> list[dict[str, Any]]:
    """Return an event of the invoice for each attempt that failed. One that did not adds nothing."""
    return [payment_failed(case, told, author) for case, told in decisions if told.charge_event in FAILURES]


def _has_ended(case: Case, told: Settlement) -> bool:
    ends = told.subscription_event is SubscriptionEvent.CANCEL
    return told.charge_event is not None and (ends or case.subscription_state is SubscriptionState.CANCELED)


def _try_again(tx: Connection, subscription_ids: Sequence[UUID], author: Author) -> None:
    """Make due what waited for the new agreement, beside the invoice that it paid."""
    if not subscription_ids:
        return
    waiting = _open_invoices(subscription_ids).where(
        col(Invoice.kind) != InvoiceKind.AGREEMENT, col(Invoice.next_attempt_at).is_(None)
    )
    due = {"next_attempt_at": author.now, "give_up_at": None}
    change(tx, Invoice, [Change(row.id, InvoiceState.OPEN, due) for row in tx.execute(waiting)])


def _open_invoices(subscription_ids: Sequence[UUID]) -> Select[*tuple[Any, ...]]:
    return select(col(Invoice.id), col(Invoice.subscription_id)).where(
        col(Invoice.subscription_id).in_(subscription_ids), col(Invoice.state) == InvoiceState.OPEN
    )


def next_refund_no(tx: Connection, charge_id: UUID) -> int:
    """Return the number of the next refund of a charge, counted from 1 under the subscription's lock."""
    count = select(func.count()).select_from(Refund).where(col(Refund.charge_id) == charge_id)
    return tx.execute(count).scalar_one() + 1


def order_refund(
    tx: Connection,
    charge_id: UUID,
    gateway_payment_id: str,
    amount_minor: int,
    currency: str,
    *,
    reference: str,
    reason: str,
    author: Author,
) -> UUID:
    """Write a refund down; the sweep (or the caller, after the commit) sends it."""
    refund_id = row_id(charge_id, "refund", reference)
    row = {
        "id": refund_id,
        "charge_id": charge_id,
        "gateway_payment_id": gateway_payment_id,
        "amount_minor": amount_minor,
        "currency": currency,
        "state": RefundState.REQUESTED,
        "reference": reference,
        "idempotency_key": idempotency_key(reference),
        "reason": reason,
        "requested_by": author.actor,
        "created_at": author.now,
        "sends": 0,
        "check_at": author.now,
    }
    insert_rows(tx, Refund, [row])
    owner = tx.execute(select(col(Charge.subscription_id)).where(col(Charge.id) == charge_id)).scalar_one()
    insert_rows(tx, Event, [refund_created(row, owner, author)])
    return refund_id


def _charges(decisions: Sequence[tuple[Case, Settlement]]) -> tuple[list[Move], list[Change]]:
    moves, changes = [], []
    for case, told in decisions:
        if told.charge_event is not None:
            data = {
                name: told.charge[name]
                for name in ("response_code", "decline_class", "error")
                if told.charge.get(name) is not None
            }
            again = told.invoice.get("next_attempt_at")
            if isinstance(again, datetime):
                data["next_attempt_at"] = again.isoformat()
            moves.append(
                Move(
                    case.charge_id,
                    case.charge_state,
                    told.charge_event,
                    told.charge,
                    case.subscription_id,
                    data,
                )
            )
        else:
            changes.append(Change(case.charge_id, case.charge_state, told.charge))
    return moves, changes


def _invoices(decisions: Sequence[tuple[Case, Settlement]]) -> tuple[list[Move], list[Change]]:
    moves, changes = [], []
    for case, told in decisions:
        if told.invoice_event is not None:
            moves.append(
                Move(
                    case.invoice_id,
                    case.invoice_state,
                    told.invoice_event,
                    told.invoice,
                    case.subscription_id,
                )
            )
        else:
            changes.append(Change(case.invoice_id, case.invoice_state, told.invoice))
    return moves, changes


def _subscriptions(decisions: Sequence[tuple[Case, Settlement]], author: Author) -> tuple[list[Move], list[Change]]:
    moves, changes = [], []
    for case, told in decisions:
        if told.subscription_event is not None:
            written = dict(told.subscription)
            if told.subscription_event.value == "canceled":
                written |= {"canceled_at": author.now, "cancel_reason": "the last retry failed"}
            moves.append(Move(case.subscription_id, case.subscription_state, told.subscription_event, written))
        else:
            changes.append(Change(case.subscription_id, case.subscription_state, told.subscription))
    return moves, changes


def _sources(decisions: Sequence[tuple[Case, Settlement]]) -> tuple[list[Move], list[Change]]:
    moves, changes = [], []
    for case, told in decisions:
        if case.source_id is not None and case.source_state is not None:
            made = _payment_that_made_it(case, told)
            if told.source_event is SourceEvent.CONFIRM:
                made |= withdraw(case.source_revocation)
            if told.source_event is not None:
                data = {"charge": str(case.charge_id)}
                moved = Move(case.source_id, case.source_state, told.source_event, made, case.subscription_id, data)
                moves.append(moved)
            else:
                changes.append(Change(case.source_id, case.source_state, made))
        old, old_state = case.subscription_source_id, case.replaced_source_state
        if told.replace_old_source and old is not None and old_state is not None:
            moves.append(Move(old, old_state, SourceEvent.REPLACE, subscription_id=case.subscription_id))
    return moves, changes


def _revoke_replaced(tx: Connection, decisions: Sequence[tuple[Case, Settlement]], author: Author) -> None:
    """Have the gateway told of replaced agreements that no subscription uses any more."""
    old = [case.subscription_source_id for case, told in decisions if told.revoke_old_source]
    ids = [each for each in old if each is not None]
    if ids:
        request_revocations(tx, unused_sources(tx, ids), author)


def _payment_that_made_it(case: Case, told: Settlement) -> dict[str, object]:
    """Return the column that names the payment by which the subscriber made the agreement, if this is one."""
    captured = told.charge_event is ChargeEvent.CAPTURE
    late = told.source_event is SourceEvent.CONFIRM and case.charge_state is ChargeState.CAPTURED
    if not case.subscriber_is_present or not (captured or late):
        return {}
    return {"first_payment_id": told.charge.get("gateway_payment_id", case.gateway_payment_id)}
