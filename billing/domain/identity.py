"""Names of things that must come out the same whenever they are worked out.

A charge is named by what it is for, never by a counter, a random number or the
clock: after a restored backup the same period gets the same reference, so the
gateway's list shows what was already charged.
"""

import base64
import hashlib
import hmac
from datetime import date
from uuid import UUID, uuid5


def charge_reference(
    installation: UUID, subscription: UUID, period_start: date, attempt_no: int, *, agreement: bool = False
) -> str:
    """Return the gateway reference of one attempt: at most 50 characters of ``[a-z0-9-]``.

    Checkout.com caps references at 50 to 80 characters depending on the page; this stays under both.
    A charge that only makes an agreement is told apart from the period that may start on the same day.
    """
    kind = "a" if agreement else ""
    day = period_start.strftime("%Y%m%d")
    return f"{reference_prefix(installation)}{_base32(subscription)}-{day}-{kind}{attempt_no}"


def reference_prefix(installation: UUID) -> str:
    """Return what every reference of this installation begins with, and nobody else's does."""
    return f"{installation.hex[:6]}-"


def subscription_of(reference: str) -> UUID | None:
    """Return the subscription that a charge's reference names, or None when it is no such reference."""
    parts = reference.split("-")
    try:
        value = base64.b32decode(parts[1].upper() + "======")
    except (IndexError, ValueError):
        return None
    return UUID(bytes=value) if len(value) == 16 else None


def refund_reference(charge_reference_: str, refund_no: int) -> str:
    """Return the gateway reference of the ``refund_no``-th refund of a charge."""
    return f"{charge_reference_}-r{refund_no}"


def foreign_refund_reference(payment_id: str, action_id: str) -> str:
    """Return the reference that a refund which was not ours is kept under: at most 80 characters, one for an action."""
    digest = hashlib.sha256(f"{payment_id}/{action_id}".encode()).hexdigest()
    return f"gateway-{digest[:40]}"


def idempotency_key(reference: str) -> str:
    """Return the ``Cko-Idempotency-Key`` of a reference: a UUID, the same for every send of that attempt."""
    return str(uuid5(_KEYS, reference))


def row_id(parent: UUID, *parts: object) -> UUID:
    """Return the id of a row that is determined by its parent and these parts."""
    return uuid5(parent, "/".join(str(part) for part in parts))


def return_token(secret: bytes, reference: str) -> str:
    """Return the unguessable part of a subscriber's return URL."""
    digest = hmac.new(secret, reference.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:24]).decode()


_KEYS = UUID("7f6d0f8e-0d36-5f0c-9a6b-6d7f1f4f4b1e")


def _base32(value: UUID) -> str:
    return base64.b32encode(value.bytes).decode().rstrip("=").lower()
