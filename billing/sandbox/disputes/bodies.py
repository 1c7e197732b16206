"""Disputes in Checkout.com's shapes, as the official SDKs read them."""

from typing import Any

from billing.sandbox.disputes.records import Dispute
from billing.sandbox.instants import render
from billing.sandbox.world import World

_RELEVANT = ("recurring_transaction_agreement", "customer_communication", "additional_evidence")


def dispute_summary(world: World, dispute: Dispute, base_url: str) -> dict[str, Any]:
    """One row of the list."""
    payment = world.ledger.payments[dispute.payment_id]
    return _common(dispute, base_url) | {
        "payment_id": payment.id,
        "payment_reference": payment.reference,
        "payment_method": "KakaoPay",
        "processing_channel": payment.echo.get("processing_channel_id"),
    }


def dispute_details(world: World, dispute: Dispute, base_url: str) -> dict[str, Any]:
    payment = world.ledger.payments[dispute.payment_id]
    return _common(dispute, base_url) | {
        "relevant_evidence": list(_RELEVANT),
        "payment": {
            "id": payment.id,
            "amount": payment.captured,
            "currency": payment.currency,
            "reference": payment.reference,
            "method": "KakaoPay",
            "processing_channel_id": payment.echo.get("processing_channel_id"),
            "processed_on": render(payment.captured_at or payment.requested_at, 0),
            "has_refund": payment.refunded > 0,
        },
    }


def _common(dispute: Dispute, base_url: str) -> dict[str, Any]:
    own = f"{base_url}/disputes/{dispute.id}"
    return {
        "id": dispute.id,
        "category": dispute.category,
        "status": dispute.status,
        "amount": dispute.amount,
        "currency": dispute.currency,
        "reason_code": dispute.reason_code,
        "received_on": render(dispute.received_at, 0),
        "last_update": render(dispute.updated_at, 0),
        "evidence_required_by": render(dispute.evidence_due, 0),
        "_links": {"self": {"href": own}, "evidence": {"href": f"{own}/evidence"}},
    }
