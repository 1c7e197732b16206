"""What a refund is to a client."""

from datetime import datetime
from typing import Literal, Self

from billing.domain.states import RefundState
from billing.entrypoints.api.ids import ChargeId, CustomerId, RefundId, SubscriptionId
from billing.entrypoints.api.paging import ListOf
from billing.entrypoints.api.shapes import Answered, Money
from billing.store.columns import AnyRow


class Refund(Answered):
    """Money given back of a charge. It is ``pending`` until KakaoPay tells how it ended.

    ``response_code`` is the gateway's and says why it failed, or null. Several are one text with commas.
    """

    object: Literal["refund"] = "refund"
    id: RefundId
    charge_id: ChargeId
    subscription_id: SubscriptionId
    customer_id: CustomerId
    state: RefundState
    amount: Money
    reason: str
    response_code: str | None
    created_at: datetime

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        """Return the refund of a row of :mod:`billing.store.payment_views`."""
        return cls(**row._asdict(), amount=Money.of(row))


class RefundList(ListOf[Refund]):
    """A page of refunds, newest first."""
