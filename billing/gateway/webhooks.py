"""Raw bytes + headers → a verified event, or a refusal. Pure: the body is not read before its signature is checked."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from billing.gateway.messages import Unreadable, read_json

MOST_BYTES: Final = 256 * 1024


class NotAuthentic(Exception):
    """The signature or the Authorization header is missing or wrong."""


class NotAnEvent(Exception):
    """The body is signed, but it is no event."""


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


def read_webhook(body: bytes, *, signature: str | None, authorization: str | None, keys: WebhookKeys) -> VerifiedEvent:
    """Return the event in a webhook.

    ``Cko-Signature`` is the hex HMAC-SHA256 of the raw body under the workflow's key
    (Checkout.com webhook receiver page); the optional static ``Authorization`` is compared as it is.

    :raises NotAuthentic: a header is missing or wrong. :raises NotAnEvent: the body cannot be read.
    """
    if keys.authorization is not None and not _same(keys.authorization, authorization):
        raise NotAuthentic("the Authorization header is missing or wrong")
    if not any(_same(sign(body, key), (signature or "").lower()) for key in keys.signature_keys):
        raise NotAuthentic("Cko-Signature is missing or wrong")
    try:
        event = read_json(body)
    except Unreadable as error:
        raise NotAnEvent(str(error)) from None
    data = event.get("data") if isinstance(event, dict) else None
    if not isinstance(data, dict):
        raise NotAnEvent("the event has no data")
    identity, kind = _text(event.get("id"), 100), _text(event.get("type"), 60)
    if identity is None or kind is None:
        raise NotAnEvent("the event has no id or no type")
    return VerifiedEvent(
        id=identity,
        type=kind,
        payment_id=_text(data.get("id"), 100),
        action_id=_text(data.get("action_id"), 100),
        reference=_text(data.get("reference"), 200),
    )


def sign(body: bytes, key: str) -> str:
    """Return the signature of a body."""
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def _same(expected: str, told: str | None) -> bool:
    return hmac.compare_digest(expected.encode(), (told or "").encode("utf-8", "replace"))


def _text(value: object, longest: int) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        return None
    return value if value.isprintable() else None
