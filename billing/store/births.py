"""The events that say a row was written down, the first link of each chain in the audit trail; and renewals."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

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
    return _born("invoice", "issued", invoice, invoice["subscription_id"], data, author)


def source_created(source: Mapping[str, Any], subscription_id: UUID, author: Author) -> dict[str, Any]:
    """Return the event row that says a KakaoPay agreement became known, by whose first payment."""
    return _born("source", "created", source, subscription_id, {}, author)


def refund_created(refund: Mapping[str, Any], subscription_id: UUID, author: Author) -> dict[str, Any]:
    """Return the event row that says a refund was ordered, or, already done, was found at the gateway."""
    names = ("amount_minor", "currency", "reference", "reason", "requested_by")
    data = {"charge": str(refund["charge_id"]), **{name: refund[name] for name in names}}
    return _born("refund", "created", refund, subscription_id, data, author)


def subscription_renewed(subscription_id: UUID, paid_through: date, author: Author) -> dict[str, Any]:
    """Return the event row that says the next period of a subscription is paid; its state stays what it was."""
    return {
        "subject_type": "subscription",
        "subject_id": str(subscription_id),
        "subscription_id": subscription_id,
        "type": "subscription.renewed",
        "from_state": None,
        "to_state": None,
        "data": {"paid_through": paid_through.isoformat()},
        "at": author.now,
        "actor": author.actor,
    }


def _born(
    subject: str, event: str, row: Mapping[str, Any], subscription_id: UUID, data: Mapping[str, object], author: Author
) -> dict[str, Any]:
    return {
        "subject_type": subject,
        "subject_id": str(row["id"]),
        "subscription_id": subscription_id,
        "type": f"{subject}.{event}",
        "from_state": None,
        "to_state": row["state"].value,
        "data": dict(data),
        "at": author.now,
        "actor": author.actor,
    }
