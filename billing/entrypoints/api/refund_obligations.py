"""Refunds that the engine owes: looking at them, and what people decide about them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.ids import ObligationId
from billing.entrypoints.api.managing import managed
from billing.entrypoints.api.models import ObligationQuery, ObligationRetry, ObligationSettlement
from billing.entrypoints.api.objects.refund_obligations import RefundObligation, RefundObligationList
from billing.entrypoints.api.paging import list_of, page_asked
from billing.operations.engine import NotFound
from billing.operations.obligations import retry_obligation, settle_obligation
from billing.store.obligation_views import find_obligation, list_obligations

router = APIRouter(prefix="/v1/refund_obligations", tags=["refund obligations"])


@router.get("", operation_id="list_refund_obligations")
def read_obligations(query: Annotated[ObligationQuery, Query()], desk: DeskOfRequest) -> RefundObligationList:
    """List refunds that the engine owes, or owed, newest first."""
    page = page_asked("refund_obligations", query)
    with desk.reading() as tx:
        rows = list_obligations(
            tx,
            page,
            charge_id=query.charge_id,
            subscription_id=query.subscription_id,
            customer_id=query.customer_id,
            state=query.state,
            is_open=query.open,
            created=query.created,
        )
    return list_of(RefundObligationList, "refund_obligations", page, rows, RefundObligation.of)


@router.get("/{obligation_id}", operation_id="get_refund_obligation")
def read_obligation(obligation_id: ObligationId, desk: DeskOfRequest) -> RefundObligation:
    """Show a refund that the engine owes, or owed."""
    return shown(desk, obligation_id)


@router.post("/{obligation_id}/settle", operation_id="settle_refund_obligation")
def settle(obligation_id: ObligationId, wanted: ObligationSettlement, desk: DeskOfRequest) -> RefundObligation:
    """Write down that the money went back by other means

    Nothing is refunded by the engine after that, and `billing verify` names it no more. Checkout.com is asked first:
    what went back by a refund, the dashboard's included, is booked as that. Sent again, it changes nothing.
    """
    desk = desk.because(wanted)
    return managed(
        desk,
        "settle_refund_obligation",
        lambda now: settle_obligation(desk.engine, obligation_id, how=wanted.how, reason=wanted.reason, now=now),
        lambda: shown(desk, obligation_id),
        about=obligation_id,
    )


@router.post("/{obligation_id}/retry", operation_id="retry_refund_obligation")
def retry(obligation_id: ObligationId, wanted: ObligationRetry, desk: DeskOfRequest) -> RefundObligation:
    """Make the next refund of what is owed now

    It is made at the next sweep, whether it was parked or waited for its time.
    """
    desk = desk.because(wanted)
    return managed(
        desk,
        "retry_refund_obligation",
        lambda now: retry_obligation(desk.engine, obligation_id, reason=wanted.reason, now=now),
        lambda: shown(desk, obligation_id),
        about=obligation_id,
    )


def shown(desk: Desk, obligation_id: UUID) -> RefundObligation:
    """Return an obligation as it now is.

    :raises NotFound: there is none of this id.
    """
    with desk.reading() as tx:
        row = find_obligation(tx, obligation_id)
    if row is None:
        raise NotFound("there is no refund obligation of this id")
    return RefundObligation.of(row)
