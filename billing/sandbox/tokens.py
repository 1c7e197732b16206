"""OAuth access tokens of the client-credentials grant."""

from billing.sandbox.dice import Dice
from billing.sandbox.instants import Instant

#: The scopes of this API, as the official SDKs name them.
SCOPES = frozenset(
    {
        "gateway", "gateway:payment", "gateway:payment-details", "gateway:payment-refunds",
        "gateway:payment-captures", "gateway:payment-voids", "gateway:payment-authorizations",
        "gateway:payment-cancellations", "payments:search", "vault", "vault:instruments",
        "vault:customers", "disputes", "disputes:view", "disputes:accept", "disputes:provide-evidence",
        "disputes:scheme-files", "flow", "flow:workflows", "flow:events", "flow:reflow",
    }
)  # fmt: skip


class Tokens:
    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._issued: dict[str, tuple[Instant, frozenset[str]]] = {}

    def issue(self, scopes: frozenset[str], expires: Instant) -> str:
        """A new token that opens these scopes."""
        token = self._dice.name("token", len(self._issued) + 1, expires)
        self._issued[token] = (expires, scopes)
        return token

    def scopes_of(self, token: str, now: Instant) -> frozenset[str] | None:
        """What the token opens; None if it is unknown or over."""
        expires, scopes = self._issued.get(token, (0, frozenset()))
        return scopes if now < expires else None
