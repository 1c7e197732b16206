"""What calls about refunds answer. Written by `make client` from the OpenAPI document."""

from datetime import datetime

from billing.client.answers import Answer
from billing.client.models.shared import RefundState


class Refund(Answer):
    """How a refund stands; pending until KakaoPay tells how it ended."""

    refund_id: str
    charge_id: str
    state: RefundState
    amount_minor: int
    currency: str
    reason: str
    created_at: datetime
