"""What calls about invoices answer. Written by `make client` from the OpenAPI document."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import SkipValidation

from billing.client.answers import Answer
from billing.client.models.shared import RefundState

ChargeKind = Annotated[Literal["first", "renewal", "re_enrolment"], SkipValidation]

ChargeState = Annotated[
    Literal["sending", "unknown", "pending", "captured", "declined", "refused", "expired", "canceled", "parked"],
    SkipValidation,
]


class RefundOfCharge(Answer):
    id: str
    state: RefundState
    amount_minor: int
    currency: str


class Charge(Answer):
    id: str
    kind: ChargeKind
    state: ChargeState
    amount_minor: int
    currency: str
    captured_at: datetime | None
    response_code: str | None
    created_at: datetime
    refunds: tuple[RefundOfCharge, ...]


InvoiceKind = Annotated[Literal["first", "renewal", "agreement"], SkipValidation]

InvoiceState = Annotated[Literal["open", "paid", "void", "uncollectible"], SkipValidation]


class Invoice(Answer):
    id: str
    kind: InvoiceKind
    state: InvoiceState
    period_start: date
    period_end: date
    amount_minor: int
    currency: str
    attempts: int
    next_attempt_at: datetime | None
    paid_at: datetime | None
    created_at: datetime
    charges: tuple[Charge, ...]


class Invoices(Answer):
    invoices: tuple[Invoice, ...]
