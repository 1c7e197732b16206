"""What the sandbox remembers: instants in microseconds UTC, amounts in minor units, all of it plain JSON."""

from dataclasses import dataclass, field
from typing import Any

from billing.sandbox.instants import Instant


@dataclass
class Action:
    """One entry of ``GET /payments/{id}/actions``; ``approved`` is null while it is open."""

    id: str
    type: str
    at: Instant
    amount: int
    approved: bool | None = None
    response_code: str | None = None
    reference: str | None = None
    metadata: dict[str, Any] | None = None


@dataclass
class Payment:
    """One payment. ``amount`` is what was asked for, ``captured`` what was taken.

    ``charged_back`` is what open and lost disputes have taken from the merchant, in minor units.

    ``ordinal`` counts the payments of its wallet from 1. ``outcome`` is the script item it follows.
    ``echo`` holds the parts of the request that replies repeat. ``token`` opens the wallet page.
    """

    id: str
    wallet: str
    ordinal: int
    payment_type: str
    amount: int
    currency: str
    reference: str
    requested_at: Instant
    source_id: str | None = None
    token: str | None = None
    expires_at: Instant | None = None
    outcome: Any = "ok"
    status: str = "Pending"
    agreed: bool = False
    captured: int = 0
    captured_at: Instant | None = None
    refunded: int = 0
    returned: int = 0
    charged_back: int = 0
    response_code: str | None = None
    idempotency_key: str | None = None
    events: int = 0
    success_url: str = ""
    failure_url: str = ""
    echo: dict[str, Any] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)

    @property
    def refund_open(self) -> int:
        """Refunds accepted but not yet decided, in minor units."""
        return sum(each.amount for each in self.actions if each.type == "Refund" and each.approved is None)

    @property
    def refundable(self) -> int:
        return self.captured - self.refunded - self.returned - self.refund_open


@dataclass
class Source:
    """A ``src_``: one agreement between a wallet and the merchant.

    ``agreement`` is the customer's side (none, active, cut), ``revoked`` and ``deleted`` the merchant's.
    """

    id: str
    wallet: str
    payment_id: str
    agreement: str = "none"
    revoked: bool = False
    deleted: bool = False
    agreed_at: Instant | None = None
    cut_at: Instant | None = None


@dataclass
class Wallet:
    """One KakaoPay user, known by e-mail, and the customer that the gateway made of them.

    ``balance`` in minor units; null = never short of money. ``aliases`` are other e-mails of the customer,
    in lower case. ``customer_id`` is empty after the customer was deleted; ``customers`` counts them.
    """

    key: str
    customer_id: str
    email: str | None = None
    name: str | None = None
    phone: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    default_source: str | None = None
    aliases: list[str] = field(default_factory=list)
    customers: int = 1
    payments: int = 0
    balance: int | None = None
    default: Any = None
    script: list[Any] = field(default_factory=list)
    first_payment: list[Any] = field(default_factory=list)
    refunds: list[Any] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)


@dataclass
class Event:
    """One event, kept as the exact JSON text that is delivered; ``tries`` records each attempt.

    ``dispute_id`` is empty unless it tells of a dispute.
    """

    id: str
    type: str
    payment_id: str
    ordinal: int
    at: Instant
    body: str
    tries: list[dict[str, Any]] = field(default_factory=list)
    dispute_id: str = ""


@dataclass
class Answered:
    """A 2xx answer kept under an idempotency key, until ``at`` + idempotency_seconds."""

    key: str
    at: Instant
    status: int
    body: str
    asked: str


@dataclass(order=True)
class Task:
    """Something to be done at an instant; ``number`` keeps those of one instant in order."""

    due: Instant
    number: int
    kind: str = field(compare=False)
    subject: str = field(compare=False)
    detail: dict[str, Any] = field(default_factory=dict, compare=False)
