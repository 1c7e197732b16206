"""What a gateway can answer when it is asked to move money: a closed set.

Every answer is one of four. *Unknown* is the default: whatever is not proof of
one of the others is unknown, because the gateway remembers an idempotency key
only when it answered 2xx (Checkout.com idempotency page), so a resend after a
5xx or a timeout can charge twice.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

REFUND_WINDOW: Final = timedelta(days=365)
"""KakaoPay through Alipay+ refunds within 365 days of the payment (Alipay+ wallet table)."""


class PaymentStatus(StrEnum):
    """A gateway's payment status, reduced to what the engine acts on."""

    OPEN = "open"
    """Not ended: also money that is reserved (Authorized), or that the gateway asks for again (Retry Scheduled)."""
    CAPTURED = "captured"
    DECLINED = "declined"
    EXPIRED = "expired"
    CANCELED = "canceled"
    RETURNED = "returned"
    """Captured, and the wallet's side gave all of it back to the payer."""
    UNCLEAR = "unclear"
    """Money moved, and how much is not what was asked for or cannot be told: a person must look."""


@dataclass(frozen=True, slots=True)
class GatewayPayment:
    """A payment as the gateway tells it. Amounts are in minor units; what it did not tell is None."""

    id: str
    status: PaymentStatus
    raw_status: str
    reference: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    source_id: str | None = None
    customer_id: str | None = None
    response_code: str | None = None
    """Checkout.com's code; of a decline that tells none, the best reason that could be had."""
    partner_code: str | None = None
    """The first reason that the payment itself tells, of whatever kind."""
    captured_minor: int | None = None
    refunded_minor: int | None = None
    redirect_url: str | None = None
    requested_on: datetime | None = None
    channel_id: str | None = None
    """Of the processing channel that it was taken on."""
    method: str | None = None
    """Type of the source, such as ``kakaopay``."""
    is_authorised: bool = False
    """Whether the gateway holds the money for it, and has not captured it (yet)."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """Surely not processed: the request never left, or was turned away before the payment was looked at."""

    reason: str
    stop_the_run: bool = False
    too_fast: bool = False
    """Turned away for coming too fast: the sender has slowed down, and nothing else is wrong."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Surely refused: the gateway answered 4xx with an error body it documents."""

    status: int
    codes: tuple[str, ...]
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A 2xx answer with a payment in it; its status says how far the payment is."""

    payment: GatewayPayment


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything else. The payment may exist or not; only a look-up can tell."""

    reason: str


Outcome = NotSent | Refused | Accepted | Unknown


@dataclass(frozen=True, slots=True)
class Revoked:
    """The gateway will not charge an agreement any more: it revoked it now, had done so before, or does not know it."""

    how: str = "revoked"


RevocationOutcome = NotSent | Refused | Revoked | Unknown


@dataclass(frozen=True, slots=True)
class Found:
    """A look-up that worked: every payment the gateway has for the question, none included."""

    payments: tuple[GatewayPayment, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A look-up that failed proves nothing: do nothing and ask again later."""

    reason: str
    not_found: bool = False
    """The gateway answered, and does not know the payment: its list may lag, so that it is no proof either."""


LookUp = Found | Unreadable


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of a search of all payments in a window of time. ``following`` opens the next one; None: it is the last.

    ``unread`` names payments that the page holds in a shape that cannot be read.
    """

    payments: tuple[GatewayPayment, ...]
    following: str | None = None
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchRefused:
    """Our key may not search: what carries none of our references cannot be seen."""

    reason: str


Search = SearchPage | SearchRefused | Unreadable


class RefundStatus(StrEnum):
    OPEN = "open"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class GatewayRefund:
    """A refund action as the gateway tells it. Amount in minor units of the captured currency."""

    action_id: str
    status: RefundStatus
    reference: str | None = None
    amount_minor: int | None = None
    response_code: str | None = None


@dataclass(frozen=True, slots=True)
class RefundAccepted:
    """A 202 to a refund request: accepted, not yet done."""

    action_id: str


RefundOutcome = NotSent | Refused | RefundAccepted | Unknown


@dataclass(frozen=True, slots=True)
class RefundsFound:
    """A look-up of a payment's actions that worked: its refunds, none included."""

    refunds: tuple[GatewayRefund, ...]


RefundLookUp = RefundsFound | Unreadable
