"""The types of events that a workflow may wait for, by their source (page of event types)."""

from typing import Any, Final

TYPES: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "gateway": (
        "Payments",
        "What happens to payments and refunds",
        (
            "payment_approved", "payment_authentication_failed", "payment_canceled", "payment_capture_declined",
            "payment_capture_pending", "payment_captured", "payment_compliance_review", "payment_declined",
            "payment_expired", "payment_paid", "payment_pending", "payment_refund_declined", "payment_refund_pending",
            "payment_refunded", "payment_retry_scheduled", "payment_returned", "payment_void_declined",
            "payment_voided", "payment_instrument_verification_failed", "payment_instrument_verification_passed",
        ),
    ),
    "dispute": (
        "Disputes",
        "What happens to disputes",
        (
            "dispute_accepted", "dispute_arbitration_lost", "dispute_arbitration_sent_to_scheme",
            "dispute_arbitration_won", "dispute_canceled", "dispute_evidence_acknowledged_by_scheme",
            "dispute_evidence_required", "dispute_evidence_submitted", "dispute_expired", "dispute_lost",
            "dispute_received", "dispute_resolved", "dispute_won",
        ),
    ),
}  # fmt: skip


def source_of(event_type: str) -> str | None:
    """The source that events of this type come from; None if no workflow can wait for it."""
    return next((source for source, (_, _, types) in TYPES.items() if event_type in types), None)


def listed() -> list[dict[str, Any]]:
    """``GET /workflows/event-types``."""
    return [
        {
            "id": source,
            "display_name": name,
            "description": text,
            "events": [{"id": each, "display_name": _words(each), "description": _words(each)} for each in types],
        }
        for source, (name, text, types) in TYPES.items()
    ]


def _words(event_type: str) -> str:
    return event_type.replace("_", " ").capitalize()
