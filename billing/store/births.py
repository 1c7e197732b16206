"""Events that no move writes: a row's birth, the first link of its chain; a renewal; an attempt that failed."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from billing.domain.cases import Case, Settlement
from billing.domain.event_types import EventType
from billing.store.writes import Author


def invoice_issued(invoice: Mapping[str, Any], author: Author) -> dict[str, Any]:
    """Return the event row that says an invoice was issued, and for what."""
    data = {
        "amount_minor": invoice["amount_minor"],
        "currency": invoice["currency"],
        "period_start": invoice["period_start"].isoformat(),
        "period_end": invoice["period_end"].isoformat(),
        "kind": invoice["kind"].value,
    }
    return _born(EventType.INVOICE_ISSUED, invoice, invoice["subscription_id"], data, author)


def source_created(source: Mapping[str, Any], subscription_id: UUID, author: Author) -> dict[str, Any]:
    """Return the event row that says a KakaoPay agreement became known, by whose first payment."""
    return _born(EventType.SOURCE_CREATED, source, subscription_id, {}, author)


def refund_created(refund: Mapping[str, Any], subscription_id: UUID, author: Author) -> dict[str, Any]:
    """Return the event row that says a refund was ordered, or, already done, was found at the gateway."""
    names = ("amount_minor", "currency", "reference", "reason", "requested_by")
    data = {"charge": str(refund["charge_id"]), **{name: refund[name] for name in names}}
    return _born(EventType.REFUND_CREATED, refund, subscription_id, data, author)


def obligation_created(obligation: Mapping[str, Any], subscription_id: UUID, author: Author) -> dict[str, Any]:
    """Return the event row that says a captured payment must go back, and why."""
    names = ("gateway_payment_id", "amount_minor", "currency", "reason")
    data = {"charge": str(obligation["charge_id"]), **{name: obligation[name] for name in names}}
    return _born(EventType.REFUND_OBLIGATION_CREATED, obligation, subscription_id, data, author)


def payment_failed(case: Case, told: Settlement, author: Author) -> dict[str, Any]:
    """Return the event row that says an attempt to take an invoice's amount failed, why, and when the next one is.

    The invoice's state is the one it has before what else the failure decides.
    """
    again = told.invoice.get("next_attempt_at")
    data = {
        "state": case.invoice_state.value,
        "charge": str(case.charge_id),
        "attempt": case.attempt_no,
        "decline_class": told.charge.get("decline_class"),
        "response_code": told.charge.get("response_code"),
        "next_attempt_at": again.isoformat() if isinstance(again, datetime) else None,
    }
    return _noted(EventType.INVOICE_PAYMENT_FAILED, case.invoice_id, case.subscription_id, data, author)


def subscription_renewed(subscription_id: UUID, paid_through: date, author: Author) -> dict[str, Any]:
    """Return the event row that says the next period of a subscription is paid; its state stays what it was."""
    data = {"paid_through": paid_through.isoformat()}
    return _noted(EventType.SUBSCRIPTION_RENEWED, subscription_id, subscription_id, data, author)


def _born(
    type_: EventType, row: Mapping[str, Any], subscription_id: UUID, data: Mapping[str, object], author: Author
) -> dict[str, Any]:
    return {**_noted(type_, row["id"], subscription_id, data, author), "to_state": row["state"].value}


def _noted(
    type_: EventType, id_: UUID, subscription_id: UUID, data: Mapping[str, object], author: Author
) -> dict[str, Any]:
    return {
        "subject_type": type_.subject,
        "subject_id": str(id_),
        "subscription_id": subscription_id,
        "type": type_,
        "from_state": None,
        "to_state": None,
        "data": dict(data),
        "at": author.now,
        "actor": author.actor,
    }
