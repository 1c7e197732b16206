"""What calls about refunds answer. Written by `make client` from the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import SkipValidation

from billing.client.answers import Answer
from billing.client.models.shared import Money

RefundState = Annotated[
    Literal["requested", "sending", "unknown", "pending", "refunded", "declined", "refused", "parked"], SkipValidation
]


class Refund(Answer):
    """Money given back of a charge. It is ``pending`` until KakaoPay tells how it ended.

    ``response_code`` is the gateway's and says why it failed, or null. Several are one text with commas.
    """

    object: Literal["refund"] = "refund"
    id: str
    charge_id: str
    subscription_id: str
    customer_id: str
    state: RefundState
    amount: Money
    reason: str
    response_code: str | None
    created_at: datetime
