"""The trail of what people decided: which events belong in it, and the chain that shows when it was tampered with.

Each entry holds the SHA-256 of the one before it together with its own content. Whoever changes, removes or slips in an
entry breaks the chain there, unless they work it out anew to its end; then its head is another one than was noted.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

_DECISIONS: Final = frozenset(
    {
        "subscription.canceled",
        "subscription.cancel_scheduled",
        "subscription.cancel_undone",
        "subscription.paused",
        "subscription.pause_scheduled",
        "subscription.pause_undone",
        "subscription.resumed",
        "subscription.resumed_in_arrears",
        "subscription.released",
        "subscription.consented",
        "invoice.voided",
        "invoice.written_off",
        "charge.released",
        "charge.settled",
        "refund.created",
        "refund.released",
        "refund.settled",
        "refund_obligation.released",
        "refund_obligation.hastened",
        "refund_obligation.settled",
        "source.revoked",
        "source.discarded",
        "source.revocation_released",
        "source.revocation_settled",
        "webhook.released",
        "webhook.ignored",
        "payment.released",
        "payment.detached",
        "customer.updated",
        "customer.erased",
    }
)
_WHOLE_KINDS: Final = ("plan.", "price.", "installation.", "webhook_endpoint.")


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided: who, when (UTC), about what, and why. ``details`` hold nothing personal."""

    at: datetime
    actor: str
    act: str
    subject_type: str
    subject_id: str
    reason: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A decision at its place in the trail."""

    number: int
    decision: Decision
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Break:
    """Where the trail does not hold, and why."""

    number: int
    why: str


def is_decision(event_type: str) -> bool:
    """Say whether an event of this type, when a person caused it, is something that they decided."""
    return event_type in _DECISIONS or event_type.startswith(_WHOLE_KINDS)


def genesis(installation: UUID) -> str:
    """Return what stands for the hash before the first entry: the trail of one installation is not another's."""
    return hashlib.sha256(f"the audit trail of {installation}".encode()).hexdigest()


def follow(number: int, previous_hash: str, decision: Decision) -> Entry:
    """Return the entry that holds a decision and follows the one with ``previous_hash``."""
    return Entry(number, decision, previous_hash, _hash(number, previous_hash, decision))


def first_break(installation: UUID, entries: Iterable[Entry]) -> tuple[Break | None, Entry | None]:
    """Return where the trail first does not hold, and the last entry up to there; the entries come in order."""
    last: Entry | None = None
    for entry in entries:
        number = last.number + 1 if last is not None else 1
        before = last.hash if last is not None else genesis(installation)
        if entry.number != number:
            return Break(number, f"entry {number} is missing: the next one is {entry.number}"), last
        if entry.previous_hash != before:
            return Break(number, f"entry {number} does not follow the one before it"), last
        if entry.hash != _hash(entry.number, entry.previous_hash, entry.decision):
            return Break(number, f"entry {number} was changed after it was written"), last
        last = entry
    return None, last


def _hash(number: int, previous_hash: str, decision: Decision) -> str:
    told = asdict(decision) | {"at": decision.at.astimezone(UTC).isoformat(timespec="microseconds")}
    whole = {"number": number, "previous_hash": previous_hash, **told, "details": dict(decision.details)}
    canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
