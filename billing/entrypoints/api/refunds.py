"""Giving money back."""

from datetime import datetime
from uuid import UUID

import structlog
from fastapi import APIRouter
from pydantic import BaseModel

from billing.domain.states import RefundState
from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.models import NewRefund
from billing.operations.engine import NotFound
from billing.operations.request_refund import request_refund
from billing.store.subscription_views import find_refund

log = structlog.get_logger()
router = APIRouter(prefix="/v1", tags=["refunds"])


class RefundAnswer(BaseModel):
    """How a refund stands; pending until KakaoPay tells how it ended."""

    refund_id: UUID
    charge_id: UUID
    state: RefundState
    amount_minor: int
    currency: str
    reason: str
    created_at: datetime


@router.post("/charges/{charge_id}/refunds", status_code=202)
def create_refund(charge_id: UUID, wanted: NewRefund, desk: DeskOfRequest) -> RefundAnswer:
    """Order a refund of a captured charge, in minor units; without an amount, of all that is left.

    Send an `Idempotency-Key`: without one, a partial refund that is sent twice is made twice.
    """
    refund_id = request_refund(
        desk.engine, charge_id, wanted.amount_minor, reason=wanted.reason, now=desk.now(), claim=desk.claim
    )
    log.info("api_act", act="refund", about=str(refund_id))
    return _shown(desk, refund_id)


@router.get("/refunds/{refund_id}")
def read_refund(refund_id: UUID, desk: DeskOfRequest) -> RefundAnswer:
    """Show a refund."""
    return _shown(desk, refund_id)


def _shown(desk: Desk, refund_id: UUID) -> RefundAnswer:
    with desk.reading() as tx:
        row = find_refund(tx, refund_id)
    if row is None:
        raise NotFound(f"there is no refund {refund_id}")
    return RefundAnswer(
        refund_id=row.id,
        charge_id=row.charge_id,
        state=row.state,
        amount_minor=row.amount_minor,
        currency=row.currency,
        reason=row.reason,
        created_at=row.created_at,
    )
