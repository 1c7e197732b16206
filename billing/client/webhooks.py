"""What the engine sends to your backend, verified as Standard Webhooks says (standardwebhooks.com)."""

import binascii
from collections.abc import Mapping

from pydantic import ValidationError
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError, WebhookVerificationError

from billing.client.models import Event
from billing.client.problems import BillingError


class NotAuthentic(BillingError):
    """Nobody who knows the secret signed this, or too long ago. Answer 401, and believe nothing of it."""


def verify_webhook(body: bytes, headers: Mapping[str, str], *secrets: str) -> Event:
    """Return the event of a request's body and headers, if it was signed with one of the secrets within five minutes.

    Hand over the body as it came, byte for byte. Two secrets are for the day on which one replaces the other. The event
    may come more than once, with the same ``id``: do nothing the second time.

    :raises NotAuthentic: it was not, or it holds no event.
    :raises ValueError: a secret is not one that the engine shows (``whsec_…``), or there is none.
    """
    if not secrets:
        raise ValueError("a secret is needed: whsec_…, as it was shown when the endpoint was made")
    keys = [_key(secret) for secret in secrets]
    if not any(_is_signed(key, body, headers) for key in keys):
        raise NotAuthentic("the signature is missing, too old, or not made with this secret")
    try:
        return Event.model_validate_json(body)
    except ValidationError:
        raise NotAuthentic("it is signed, but holds no event") from None


def _key(secret: str) -> Webhook:
    try:
        return Webhook(secret)
    except (EmptyWebhookSecretError, binascii.Error, RuntimeError):
        raise ValueError("a secret must be as it was shown when the endpoint was made: whsec_…") from None


def _is_signed(key: Webhook, body: bytes, headers: Mapping[str, str]) -> bool:
    try:
        key.verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):  # a header or body that nobody who signs would send
        return False
    return True
