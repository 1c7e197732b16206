"""What the sandbox uses when it is not told otherwise: keys that work, ids, limits.

None of these is a secret: they open nothing but a sandbox.
"""

from typing import Final

HOST: Final = "127.0.0.1"
PORT: Final = 8700
MERCHANT: Final = "샌드박스 상점"

#: Shaped as the official SDK demands: ``^sk_(sbox_)?[a-z2-7]{26}[a-z2-7*#$=]$``.
SECRET_KEY: Final = "sk_sbox_kakaosandbox2kakaosandbox2a"  # noqa: S105 - opens nothing but a sandbox
PROCESSING_CHANNEL_ID: Final = "pc_kakaosandboxkakaosandbox22"
ENTITY_ID: Final = "ent_kakaosandboxkakaosandbox2a"
CLIENT_ID: Final = "ack_kakaosandboxkakaosandbox2"
CLIENT_SECRET: Final = "kakaosandbox-client-secret"  # noqa: S105 - opens nothing but a sandbox

#: The webhook signature key until another is set.
WEBHOOK_KEY: Final = "kakaosandbox-webhook-key"

#: KakaoPay page of Checkout.com, July 2024: the consumer pays in won, Hong Kong or Singapore dollars.
CURRENCIES: Final = frozenset({"KRW", "HKD", "SGD"})

#: Seconds from one webhook try to the next; after the last the event is dropped (webhook receiver page).
WEBHOOK_RETRIES: Final = (300, 600, 900, 1800, 3600, 4 * 3600, 12 * 3600, 12 * 3600)

#: How many requests ``GET /_sandbox/requests`` remembers.
REQUESTS_KEPT: Final = 2000
