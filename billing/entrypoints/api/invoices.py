"""A subscription's invoices, with every attempt to take their amounts."""

from collections import defaultdict
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from billing.domain.cases import ChargeKind, InvoiceKind
from billing.domain.states import ChargeState, InvoiceState, RefundState
from billing.entrypoints.api.desk import DeskOfRequest
from billing.entrypoints.api.models import InvoiceQuery
from billing.operations.engine import NotFound
from billing.store.subscription_views import charges_of_invoices, find_subscription, list_invoices, refunds_of_charges

router = APIRouter(prefix="/v1/invoices", tags=["invoices"])


class RefundOfCharge(BaseModel):
    id: UUID
    state: RefundState
    amount_minor: int
    currency: str


class ChargeAnswer(BaseModel):
    id: UUID
    kind: ChargeKind
    state: ChargeState
    amount_minor: int
    currency: str
    captured_at: datetime | None
    response_code: str | None
    created_at: datetime
    refunds: list[RefundOfCharge]


class InvoiceAnswer(BaseModel):
    id: UUID
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
    charges: list[ChargeAnswer]


class InvoicesAnswer(BaseModel):
    invoices: list[InvoiceAnswer]


@router.get("")
def read_invoices(query: Annotated[InvoiceQuery, Query()], desk: DeskOfRequest) -> InvoicesAnswer:
    """List the newest invoices of a subscription. The id of a captured charge is what a refund needs."""
    with desk.reading() as tx:
        if find_subscription(tx, query.subscription) is None:
            raise NotFound(f"there is no subscription {query.subscription}")
        rows = list_invoices(tx, query.subscription, query.limit)
        charges = charges_of_invoices(tx, [row.id for row in rows])
        refunds = refunds_of_charges(tx, [row.id for row in charges])
    refunds_of, charges_of = defaultdict(list), defaultdict(list)
    for row in refunds:
        refunds_of[row.charge_id].append(RefundOfCharge.model_validate(row._asdict()))
    for row in charges:
        charges_of[row.invoice_id].append(ChargeAnswer.model_validate({**row._asdict(), "refunds": refunds_of[row.id]}))
    return InvoicesAnswer(
        invoices=[InvoiceAnswer.model_validate({**row._asdict(), "charges": charges_of[row.id]}) for row in rows]
    )
