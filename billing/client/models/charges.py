"""What calls about charges answer. Written by `make client` from the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import SkipValidation

from billing.client.answers import Answer
from billing.client.models.shared import Money

ChargeKind = Annotated[Literal["first", "renewal", "re_enrolment"], SkipValidation]

ChargeState = Annotated[
    Literal["sending", "unknown", "pending", "captured", "declined", "refused", "expired", "canceled", "parked"],
    SkipValidation,
]

DisputeState = Annotated[Literal["open", "won", "lost"], SkipValidation]


class Dispute(Answer):
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


DeclineClass = Annotated[
    Literal[
        "retry_later",
        "technical",
        "limit_day",
        "limit_month",
        "agreement_gone",
        "agreement_suspect",
        "stop",
        "set_up",
        "unknown",
    ],
    SkipValidation,
]


class Charge(Answer):
    """One attempt to take an invoice's amount.

    ``amount_refunded`` counts every refund that was ordered and did not fail. ``response_code`` is Checkout.com's,
    ``decline_class`` what it asks for next. A charge that is ``sending``, ``unknown``, ``pending`` or ``parked`` has
    not ended: its invoice is charged by no other. ``disputes`` are what payers asked back of it, oldest first.
    """

    object: Literal["charge"] = "charge"
    id: str
    invoice_id: str
    subscription_id: str
    customer_id: str
    source_id: str | None
    kind: ChargeKind
    state: ChargeState
    automatic: bool
    amount: Money
    amount_refunded: Money
    refund_ids: tuple[str, ...]
    disputes: tuple[Dispute, ...]
    captured_at: datetime | None
    response_code: str | None
    decline_class: DeclineClass | None
    created_at: datetime
