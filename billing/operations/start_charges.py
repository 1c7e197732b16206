"""Writes charges down before they are sent, after a last look at what they are for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from billing.domain.cases import ChargeKind, InvoiceKind
from billing.domain.event_types import EventType
from billing.domain.identity import charge_reference, idempotency_key, row_id
from billing.domain.quiet_hours import charge_slot, outside_quiet_hours
from billing.domain.settlement import NO_AGREEMENT
from billing.domain.states import AUTO_CHARGED_SUBSCRIPTIONS, ChargeState, InvoiceState, SourceState
from billing.gateway.port import PaymentRequest
from billing.operations.ask_for_agreement import Owed, ask_for_agreement, ask_for_confirmation
from billing.operations.engine import SEND_DEADLINE, Engine, Rules
from billing.operations.payers import payer_of
from billing.store.billable import ChargeableInvoice, last_captures, load_chargeable
from billing.store.installation import InstallationRow
from billing.store.tables import Charge, Event, Invoice
from billing.store.writes import Author, Change, change, insert_rows
from plans.calendar import billing_day


@dataclass(frozen=True, slots=True)
class StartedCharge:
    """A charge that was written down and committed; now it may be sent, unless it is to be looked up first."""

    id: UUID
    request: PaymentRequest
    is_doubted: bool = False
    sends: int = 1
    """How often it is sent, this time included."""


def start_due_charges(
    tx: Connection, engine: Engine, installation: InstallationRow, ids: Sequence[UUID], now: datetime
) -> list[StartedCharge]:
    """Write a charge for each of these invoices that may be charged now; put off or ask about the others."""
    author = Author(engine.actor, now)
    rows = [row for row in load_chargeable(tx, ids) if row.subscription_state in AUTO_CHARGED_SUBSCRIPTIONS]
    captured = last_captures(tx, [row.subscription_id for row in rows])
    chosen: dict[UUID, ChargeableInvoice] = {}
    put_off: list[Change] = []
    for row in rows:
        allowed = outside_quiet_hours(now, engine.rules.window)
        if row.subscription_id in chosen or _was_charged_today(row, captured.get(row.subscription_id), now):
            put_off.append(_tomorrow(engine, row, now))
        elif allowed != now:
            put_off.append(Change(row.id, InvoiceState.OPEN, {"next_attempt_at": allowed}))
        elif row.source_state is not SourceState.ACTIVE:
            why = NO_AGREEMENT if row.source_state is None else "the source is not usable"
            ask_for_agreement(tx, engine, _owed(row), why, author)
        elif row.needs_confirmation(billing_day(now, row.zone)):
            ask_for_confirmation(tx, engine, _owed(row), author)
        else:
            chosen[row.subscription_id] = row
    change(tx, Invoice, put_off)
    return start_charges(tx, engine.rules, installation, list(chosen.values()), author, automatic=True)


def start_charges(
    tx: Connection,
    rules: Rules,
    installation: InstallationRow,
    rows: Sequence[ChargeableInvoice],
    author: Author,
    *,
    automatic: bool,
) -> list[StartedCharge]:
    """Write down a charge of the stored source for each invoice. The commit must come before the send.

    A doubted one is left to the look-up of charges whose answer was lost, which sends it if it is proven absent.
    """
    charges = [_charge(installation, row, author.now, automatic=automatic) for row in rows]
    insert_rows(tx, Charge, charges)
    insert_rows(tx, Event, [charge_started(charge, author) for charge in charges])
    cleared: dict[str, object] = {"next_attempt_at": None} if automatic else {}
    change(
        tx,
        Invoice,
        [Change(row.id, InvoiceState.OPEN, {"attempts": row.attempts + 1, **cleared}) for row in rows],
    )
    return [
        StartedCharge(charge["id"], _request(rules, charge, row), _is_doubted(installation, row))
        for charge, row in zip(charges, rows, strict=True)
    ]


def charge_started(charge: dict[str, Any], author: Author) -> dict[str, Any]:
    """Return the event row that says a charge was written down."""
    return {
        "subject_type": "charge",
        "subject_id": str(charge["id"]),
        "subscription_id": charge["subscription_id"],
        "type": EventType.CHARGE_STARTED,
        "from_state": None,
        "to_state": ChargeState.SENDING.value,
        "data": {
            "amount_minor": charge["amount_minor"],
            "currency": charge["currency"],
            "attempt_no": charge["attempt_no"],
            "reference": charge["reference"],
            "automatic": charge["automatic"],
        },
        "at": author.now,
        "actor": author.actor,
    }


def _owed(row: ChargeableInvoice) -> Owed:
    return Owed(
        invoice_id=row.id,
        subscription_id=row.subscription_id,
        subscription_state=row.subscription_state,
        zone=row.zone,
        period=row.period,
        first_failed_on=row.first_failed_on,
        grace_until=row.grace_until,
        lost_days=row.lost_days,
        lost_spans=row.lost_spans,
    )


def _charge(installation: InstallationRow, row: ChargeableInvoice, now: datetime, *, automatic: bool) -> dict[str, Any]:
    attempt_no = row.attempts + 1
    agreement = row.kind is InvoiceKind.AGREEMENT
    reference = charge_reference(
        installation.id, row.subscription_id, row.period.start, attempt_no, agreement=agreement
    )
    return {
        "id": row_id(row.id, "charge", attempt_no),
        "invoice_id": row.id,
        "subscription_id": row.subscription_id,
        "source_id": row.source_id,
        "kind": ChargeKind.RENEWAL,
        "automatic": automatic,
        "attempt_no": attempt_no,
        "reference": reference,
        "idempotency_key": idempotency_key(reference),
        "amount_minor": row.amount.minor,
        "currency": row.amount.currency,
        "state": ChargeState.SENDING,
        "created_at": now,
        "sent_at": now,
        "check_at": now if _is_doubted(installation, row) else now + SEND_DEADLINE,
    }


def _is_doubted(installation: InstallationRow, row: ChargeableInvoice) -> bool:
    return installation.is_doubted(row.period.start, row.paid_through)


def _request(rules: Rules, charge: dict[str, Any], row: ChargeableInvoice) -> PaymentRequest:
    return PaymentRequest(
        reference=charge["reference"],
        idempotency_key=charge["idempotency_key"],
        amount=row.amount,
        item=row.plan_name,
        item_reference=row.plan_code,
        payer=payer_of(row, rules),
        source_id=row.gateway_source_id,
        previous_payment_id=row.first_payment_id,
    )


def _was_charged_today(row: ChargeableInvoice, captured: datetime | None, now: datetime) -> bool:
    zone = ZoneInfo(row.zone)
    return captured is not None and captured.astimezone(zone).date() == now.astimezone(zone).date()


def _tomorrow(engine: Engine, row: ChargeableInvoice, now: datetime) -> Change:
    window = engine.rules.window
    day = now.astimezone(ZoneInfo(row.zone)).date() + timedelta(days=1)
    slot = charge_slot(day, window.opens, row.zone, window, row.subscription_id)
    return Change(row.id, InvoiceState.OPEN, {"next_attempt_at": slot})
