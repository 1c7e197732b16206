"""What a charge is to a client."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self

from billing.domain.cases import ChargeKind
from billing.domain.decline_classes import DeclineClass
from billing.domain.disputes import DisputeState
from billing.domain.states import COUNTED_REFUND_STATES, ChargeState
from billing.entrypoints.api.ids import ChargeId, CustomerId, InvoiceId, RefundId, SourceId, SubscriptionId
from billing.entrypoints.api.paging import ListOf
from billing.entrypoints.api.shapes import Answered, Money
from billing.store.columns import AnyRow


class Dispute(Answered):
    """A payer asks for the money back past the merchant. ``respond_by`` is null when no answer is asked for, or untold.

    ``open``: nothing of the charge is refunded meanwhile; ``won``: the money stays; ``lost``: it went back.
    """

    id: str
    state: DisputeState
    status: str
    amount: Money
    reason: str | None
    respond_by: datetime | None
    opened_at: datetime
    ended_at: datetime | None

    @classmethod
    def made(cls, row: AnyRow) -> Self:
        """Return the dispute of a row of :mod:`billing.store.disputes`."""
        told = row._asdict()
        names = ("state", "status", "reason", "respond_by", "opened_at", "ended_at")
        return cls(id=row.gateway_dispute_id, amount=Money.of(row), **{name: told[name] for name in names})


class Charge(Answered):
    """One attempt to take an invoice's amount.

    ``amount_refunded`` counts every refund that was ordered and did not fail. ``response_code`` is Checkout.com's,
    ``decline_class`` what it asks for next. A charge that is ``sending``, ``unknown``, ``pending`` or ``parked`` has
    not ended: its invoice is charged by no other. ``disputes`` are what payers asked back of it, oldest first.
    """

    object: Literal["charge"] = "charge"
    id: ChargeId
    invoice_id: InvoiceId
    subscription_id: SubscriptionId
    customer_id: CustomerId
    source_id: SourceId | None
    kind: ChargeKind
    state: ChargeState
    automatic: bool
    amount: Money
    amount_refunded: Money
    refund_ids: list[RefundId]
    disputes: list[Dispute]
    captured_at: datetime | None
    response_code: str | None
    decline_class: DeclineClass | None
    created_at: datetime

    @classmethod
    def of(cls, row: AnyRow, refunds: Sequence[AnyRow], disputes: Sequence[AnyRow]) -> Self:
        """Return the charge of a row of :mod:`billing.store.payment_views` with its refunds and disputes."""
        refunded = sum(refund.amount_minor for refund in refunds if refund.state in COUNTED_REFUND_STATES)
        return cls(
            **row._asdict(),
            amount=Money.of(row),
            amount_refunded=Money(amount=refunded, currency=row.currency),
            refund_ids=[refund.id for refund in refunds],
            disputes=[Dispute.made(each) for each in disputes],
        )


class ChargeList(ListOf[Charge]):
    """A page of charges, newest first."""
