"""What the next charge of a subscription will be, as a client sees it."""

from datetime import date, datetime
from typing import Literal, Self

from billing.domain.preview import NextCharge as Coming
from billing.domain.preview import Preview, WhyNone
from billing.entrypoints.api.ids import InvoiceId, SourceId, SubscriptionId
from billing.entrypoints.api.shapes import Answered, Money, Period


class NextCharge(Answered):
    """``on`` is the day of ``at`` in the subscription's zone. ``invoice_id`` is null while none is issued."""

    at: datetime
    on: date
    amount: Money
    period: Period
    source_id: SourceId
    invoice_id: InvoiceId | None

    @classmethod
    def of(cls, coming: Coming) -> Self:
        """Return the charge that comes next."""
        return cls(
            at=coming.at,
            on=coming.on,
            amount=Money(amount=coming.amount.minor, currency=coming.amount.currency),
            period=Period(start=coming.period.start, end=coming.period.end),
            source_id=coming.source_id,
            invoice_id=coming.invoice_id,
        )


class ChargePreview(Answered):
    """The charge that comes next as things stand, or why none does by itself, and until when: one of them is null."""

    object: Literal["charge_preview"] = "charge_preview"
    subscription_id: SubscriptionId
    charge: NextCharge | None
    why_none: WhyNone | None
    until: datetime | None

    @classmethod
    def of(cls, preview: Preview) -> Self:
        """Return a preview."""
        return cls(
            subscription_id=preview.subscription_id,
            charge=NextCharge.of(preview.charge) if preview.charge is not None else None,
            why_none=preview.why_none,
            until=preview.until,
        )
