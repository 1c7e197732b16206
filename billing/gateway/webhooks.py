"""Raw bytes + headers → a verified event, or a refusal. Pure: the body is not read before its signature is checked."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from billing.domain.disputes import CHARGEBACK, is_about_dispute
from billing.gateway.disputes import dispute_facts

MOST_BYTES: Final = 256 * 1024
UNREADABLE: Final = "unreadable"
"""The type under which a signed body without a usable one is kept."""


class WhyRefused(StrEnum):
    """Why a webhook is turned away."""

    NO_SIGNATURE = "no_signature"
    WRONG_SIGNATURE = "wrong_signature"
    WRONG_AUTHORIZATION = "wrong_authorization"


class NotAuthentic(Exception):
    """The signature or the Authorization header is missing or wrong."""

    def __init__(self, why: WhyRefused, told: str) -> None:
        super().__init__(told)
        self.why = why


@dataclass(frozen=True, slots=True)
class WebhookKeys:
    """The signature keys that are valid now (two while one replaces the other) and the static header, if any."""

    signature_keys: Sequence[str] = field(repr=False)
    authorization: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class VerifiedEvent:
    """What is kept of an event. It names a payment; what is true of the payment is read from the gateway."""

    id: str
    type: str
    payment_id: str | None
    action_id: str | None
    reference: str | None
    dispute: Mapping[str, str | int] | None = None
    """What it tells of a dispute, or None: it is about none."""
    ignored: str | None = None
    """Why nothing can be done with it, or None. It is kept and answered all the same: sent again it says no more."""


def read_webhook(body: bytes, *, signature: str | None, authorization: str | None, keys: WebhookKeys) -> VerifiedEvent:
    """Return the event in a webhook.

    ``Cko-Signature`` is the hex HMAC-SHA256 of the raw body under the workflow's key
    (Checkout.com webhook receiver page); the optional static ``Authorization`` is compared as it is.
    A body that is signed is never refused, whatever is in it: what of it makes sense is a hint, and no more.

    :raises NotAuthentic: a header is missing or wrong.
    """
    if keys.authorization is not None and not _same(keys.authorization, authorization):
        raise NotAuthentic(WhyRefused.WRONG_AUTHORIZATION, "the Authorization header is missing or wrong")
    if not any(_same(sign(body, key), (signature or "").lower()) for key in keys.signature_keys):
        why = WhyRefused.WRONG_SIGNATURE if signature else WhyRefused.NO_SIGNATURE
        raise NotAuthentic(why, "Cko-Signature is missing or wrong")
    return _event(body)


def sign(body: bytes, key: str) -> str:
    """Return the signature of a body."""
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def _event(body: bytes) -> VerifiedEvent:
    document = _read_leniently(body)
    told = document if isinstance(document, dict) else {}
    data = told.get("data")
    facts = data if isinstance(data, dict) else {}
    identity, kind = _text(told.get("id"), 100), _text(told.get("type"), 60)
    dispute = _dispute_facts(kind, facts, told) if kind is not None and is_about_dispute(kind) else None
    if dispute is not None:
        facts = {**facts, "id": dispute.get("payment_id")}
    return VerifiedEvent(
        # What has no id of its own is known again by its bytes.
        id=identity or f"sha256:{hashlib.sha256(body).hexdigest()}",
        type=kind or UNREADABLE,
        payment_id=_text(facts.get("id"), 100),
        action_id=_text(facts.get("action_id"), 100),
        reference=_text(facts.get("reference"), 200),
        dispute=dispute,
        ignored=_why_ignored(document, kind, facts),
    )


def _why_ignored(document: object, kind: str | None, facts: dict[str, Any]) -> str | None:
    if not isinstance(document, dict):
        return "it is no JSON object"
    if kind is None:
        return "it has no type"
    if "data" not in document:
        return "it has no data"
    if not isinstance(document["data"], dict):
        return "its data is no object"
    if (kind.startswith("payment_") or is_about_dispute(kind)) and _text(facts.get("id"), 100) is None:
        return "it names no payment"
    return None


def _dispute_facts(kind: str, data: dict[str, Any], event: dict[str, Any]) -> dict[str, str | int]:
    """Return what an event tells of a dispute, as plain JSON; what cannot be read is left out.

    A chargeback names the payment only, so its dispute is called by the payment's id.
    """
    payment = data.get("id") if kind == CHARGEBACK else data.get("payment_id")
    updated = data.get("last_update") or event.get("timestamp") or event.get("created_on")
    reference = data.get("payment_reference") or data.get("reference")
    return dispute_facts(data, payment=payment, reference=reference, updated=updated)


def _read_leniently(body: bytes) -> Any:
    """Return what JSON there is in a signed body, or None. A hint may be sloppy: only an answer must be exact."""
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def _same(expected: str, told: str | None) -> bool:
    return hmac.compare_digest(expected.encode(), (told or "").encode("utf-8", "replace"))


def _text(value: object, longest: int) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        return None
    return value if value.isprintable() else None
