"""What calls about refund obligations answer. Written by `make client` from the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import SkipValidation

from billing.client.answers import Answer
from billing.client.models.shared import Money


class ObligationSettled(Answer):
    """How the money went back by other means, as a person said. ``amount`` is what no refund had given back."""

    amount: Money
    how: str
    reason: str
    by: str


ObligationState = Annotated[Literal["owed", "refunding", "refunded", "parked", "settled"], SkipValidation]


class RefundObligation(Answer):
    """A captured payment that must go back whole. It ends ``refunded`` or ``settled``; ``ended_at`` is null before.

    While it is ``owed``, its next refund is made at ``next_try_at``. No refund is taken by the wallet after
    ``refund_by``. ``parked_reason`` says why no refund is made any more until somebody retries or settles it.
    """

    object: Literal["refund_obligation"] = "refund_obligation"
    id: str
    charge_id: str
    subscription_id: str
    customer_id: str
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
