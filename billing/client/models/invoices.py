"""What calls about invoices answer. Written by `make client` from the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import SkipValidation

from billing.client.answers import Answer
from billing.client.models.shared import Money, Period

InvoiceKind = Annotated[Literal["first", "renewal", "agreement"], SkipValidation]

InvoiceState = Annotated[Literal["open", "paid", "void", "uncollectible"], SkipValidation]


class Invoice(Answer):
    """What is owed for a period.

    ``charge_ids`` are the attempts to take it, oldest first. ``next_attempt_at`` is null when it is not tried by
    itself. ``kind`` is ``first`` (paid when enrolling), ``renewal``, or ``agreement``: a token amount that only makes
    a KakaoPay agreement, and is given back at once.
    """

    object: Literal["invoice"] = "invoice"
    id: str
    subscription_id: str
    customer_id: str
    kind: InvoiceKind
    state: InvoiceState
    period: Period
    amount: Money
    next_attempt_at: datetime | None
    paid_at: datetime | None
    charge_ids: tuple[str, ...]
    created_at: datetime
