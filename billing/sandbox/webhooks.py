"""Where events go, and how a delivery is signed."""

import hashlib
import hmac
from dataclasses import dataclass

from billing.sandbox import defaults
from billing.sandbox.options import Options


@dataclass(frozen=True)
class Webhooks:
    """One receiver. ``events`` None = all types; ``authorization`` is sent verbatim, without Bearer."""

    url: str | None = None
    key: str = defaults.WEBHOOK_KEY
    authorization: str | None = None
    events: list[str] | None = None

    @classmethod
    def from_options(cls, options: Options) -> "Webhooks":
        key = options.webhook_key or defaults.WEBHOOK_KEY
        return cls(options.webhook_url, key, options.webhook_authorization)

    def wants(self, event_type: str) -> bool:
        return self.url is not None and (self.events is None or event_type in self.events)


def sign(body: bytes, key: str) -> str:
    """``Cko-Signature``: bare lower-case hex HMAC-SHA256 of the raw body (webhook receiver page)."""
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
