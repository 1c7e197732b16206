"""What a refund that the engine owes is to a client."""

from datetime import datetime
from typing import Literal, Self

from billing.domain.states import ObligationState
from billing.entrypoints.api.ids import ChargeId, CustomerId, ObligationId, SubscriptionId
from billing.entrypoints.api.paging import ListOf
from billing.entrypoints.api.shapes import Answered, Money
from billing.store.columns import AnyRow


class ObligationSettled(Answered):
    """How the money went back by other means, as a person said. ``amount`` is what no refund had given back."""

    amount: Money
    how: str
    reason: str
    by: str


class RefundObligation(Answered):
    """A captured payment that must go back whole. It ends ``refunded`` or ``settled``; ``ended_at`` is null before.

    While it is ``owed``, its next refund is made at ``next_try_at``. No refund is taken by the wallet after
    ``refund_by``. ``parked_reason`` says why no refund is made any more until somebody retries or settles it.
    """

    object: Literal["refund_obligation"] = "refund_obligation"
    id: ObligationId
    charge_id: ChargeId
    subscription_id: SubscriptionId
    customer_id: CustomerId
    state: ObligationState
    amount: Money
    reason: str
    gateway_payment_id: str
    tries: int
    next_try_at: datetime | None
    refund_by: datetime
    parked_reason: str | None
    settled: ObligationSettled | None
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        """Return the obligation of a row of :mod:`billing.store.obligation_views`."""
        is_owed = row.state is ObligationState.OWED
        settled = None
        if row.state is ObligationState.SETTLED:
            settled = ObligationSettled(
                amount=Money(amount=row.settled_minor, currency=row.currency),
                how=row.settled_how,
                reason=row.settled_reason,
                by=row.settled_by,
            )
        told = row._asdict() | {"next_try_at": row.check_at if is_owed else None, "settled": settled}
        return cls(**told, amount=Money.of(row))


class RefundObligationList(ListOf[RefundObligation]):
    """A page of refund obligations, newest first."""
