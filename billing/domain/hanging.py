"""When a charge or a refund without an end is parked for a person, and what the gateway may say while one ends it.

An Alipay+ auto-debit order lives for a minute, and a link to the wallet for minutes. What has no end after days is
asked about further, for a capture may still come; but whatever waits for it must be able to go on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.domain.charging import GatewayPayment


@dataclass(frozen=True, slots=True)
class HangingBounds:
    """How long after it was sent a payment, or a refund, without an end is parked."""

    renewal: timedelta = timedelta(days=3)
    present: timedelta = timedelta(days=3)
    """With the subscriber in the wallet: not before an enrolment would expire."""
    refund: timedelta = timedelta(days=3)

    def hangs(self, sent_at: datetime, now: datetime, *, subscriber_is_present: bool) -> bool:
        """Say whether a payment that was sent at ``sent_at`` has gone without an end for too long; both are UTC."""
        return now - sent_at >= (self.present if subscriber_is_present else self.renewal)

    def refund_hangs(self, since: datetime | None, now: datetime) -> bool:
        """Say whether a refund that was sent at ``since`` (UTC; None: it was not) has no end for too long."""
        return since is not None and now - since >= self.refund


def why_open(payment: GatewayPayment, sent_at: datetime, now: datetime) -> str:
    """Return why a payment that is still open is parked."""
    return f"still {payment.raw_status} at Checkout.com after {_for(sent_at, now)}; settle it by hand if it stays so"


def why_refund_open(sent_at: datetime, now: datetime) -> str:
    """Return why a refund that is still open is parked."""
    return f"still Pending at Checkout.com after {_for(sent_at, now)}; settle it by hand if it stays so"


def why_refund_not_shown(sent_at: datetime, now: datetime) -> str:
    """Return why a refund is parked that the gateway accepted, and does not show."""
    return f"accepted, and not shown by Checkout.com for {_for(sent_at, now)}; settle it by hand if it stays so"


def why_unread(reason: str, sent_at: datetime, now: datetime) -> str:
    """Return why a charge or a refund is parked about which the gateway gave no answer."""
    return f"without an outcome for {_for(sent_at, now)}: Checkout.com was asked, and the answer was {reason}"


def _for(sent_at: datetime, now: datetime) -> str:
    hours = (now - sent_at) // timedelta(hours=1)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"
