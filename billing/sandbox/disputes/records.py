"""What the sandbox remembers of disputes."""

from dataclasses import dataclass, field
from typing import Any, Final

from billing.sandbox.instants import Instant
from billing.sandbox.store import Store

#: Status → the event that tells of it (event pages of disputes; statuses as the official SDKs name them).
EVENTS: Final = {
    "evidence_required": "dispute_evidence_required",
    "evidence_under_review": "dispute_evidence_submitted",
    "won": "dispute_won",
    "lost": "dispute_lost",
    "accepted": "dispute_accepted",
    "expired": "dispute_expired",
    "canceled": "dispute_canceled",
    "resolved": "dispute_resolved",
    "arbitration_under_review": "dispute_arbitration_sent_to_scheme",
    "arbitration_won": "dispute_arbitration_won",
    "arbitration_lost": "dispute_arbitration_lost",
}

#: What tells that there is a dispute, before anything is asked of the merchant.
RECEIVED: Final = "dispute_received"

#: In these the merchant may still act, or the scheme has not decided.
OPEN: Final = frozenset({"evidence_required", "evidence_under_review", "arbitration_under_review"})

#: In these the merchant has its money again.
GIVEN_BACK: Final = frozenset({"won", "canceled", "resolved", "arbitration_won"})

CATEGORIES: Final = frozenset(
    {
        "general", "duplicate", "fraudulent", "unrecognized", "incorrect_amount", "not_as_described",
        "credit_not_issued", "canceled_recurring", "product_service_not_received",
    }
)  # fmt: skip


@dataclass
class Dispute:
    """One dispute of one payment. ``amount`` in minor units.

    ``submitted_at`` and ``arbitrated_at`` are when evidence was sent in, the second time for arbitration.
    """

    id: str
    payment_id: str
    amount: int
    currency: str
    category: str
    reason_code: str
    received_at: Instant
    updated_at: Instant
    evidence_due: Instant
    status: str = "evidence_required"
    evidence: dict[str, Any] = field(default_factory=dict)
    submitted_at: Instant | None = None
    arbitrated_at: Instant | None = None


class Disputes:
    """All disputes, in the order in which they came."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.by_id: dict[str, Dispute] = {}

    def load(self) -> None:
        disputes = [Dispute(**document) for document in self._store.load("dispute")]
        self.by_id = {each.id: each for each in sorted(disputes, key=lambda each: (each.received_at, each.id))}

    def keep(self, dispute: Dispute) -> None:
        self.by_id[dispute.id] = dispute
        self._store.put("dispute", dispute.id, dispute)
