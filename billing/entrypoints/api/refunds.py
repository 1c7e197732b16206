"""Giving money back."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from billing.entrypoints.api import charges
from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.errors import invalid, telling_current
from billing.entrypoints.api.ids import RefundId
from billing.entrypoints.api.managing import managed
from billing.entrypoints.api.models import NewRefund, RefundQuery, RefundSettlement
from billing.entrypoints.api.objects.refunds import Refund, RefundList
from billing.entrypoints.api.paging import list_of, page_asked
from billing.operations.engine import NotFound
from billing.operations.request_refund import request_refund
from billing.operations.settle_refund import settle_refund
from billing.store.payment_views import find_charge, find_refund, list_refunds

router = APIRouter(prefix="/v1/refunds", tags=["refunds"])


@router.post("", status_code=201, operation_id="create_refund")
def create_refund(wanted: NewRefund, desk: DeskOfRequest) -> Refund:
    """Give back a captured charge

    In part if `amount` is given, else all that is left of it. It ends nothing: the subscription is renewed unless it
    is canceled too, and what was paid may be used to its end all the same. Send an `Idempotency-Key`: without one, a
    partial refund that is sent twice is made twice.
    """
    desk = desk.because(wanted)
    amount_minor = _amount_minor(desk, wanted)
    with telling_current(lambda: charges.shown(desk, wanted.charge_id)):
        refund_id = desk.once(
            "refund",
            lambda now: request_refund(desk.engine, wanted.charge_id, amount_minor, reason=wanted.reason, now=now),
            again=lambda made, _now: UUID(made),
            about=wanted.charge_id,
        )
    return _shown(desk, refund_id)


@router.get("", operation_id="list_refunds")
def read_refunds(query: Annotated[RefundQuery, Query()], desk: DeskOfRequest) -> RefundList:
    """List the refunds of a charge, a subscription or a customer, newest first."""
    page = page_asked("refunds", query)
    with desk.reading() as tx:
        rows = list_refunds(
            tx,
            page,
            charge_id=query.charge_id,
            subscription_id=query.subscription_id,
            customer_id=query.customer_id,
            state=query.state,
            created=query.created,
        )
    return list_of(RefundList, "refunds", page, rows, Refund.of)


@router.get("/{refund_id}", operation_id="get_refund")
def read_refund(refund_id: RefundId, desk: DeskOfRequest) -> Refund:
    """Show a refund."""
    return _shown(desk, refund_id)


@router.post("/{refund_id}/settle", operation_id="settle_refund")
def settle(refund_id: RefundId, wanted: RefundSettlement, desk: DeskOfRequest) -> Refund:
    """Settle a refund that has no outcome as failed

    Checkout.com is asked first: an end that it tells is recorded, and money that went back forbids this. That it says
    pending, or does not know the refund, is no hindrance. What the refund claimed can be refunded again, what is owed
    is seen to as after a failed refund, and the customer can be erased. A refund that is made later all the same is
    booked. Done again, nothing changes.
    """
    desk = desk.because(wanted)
    return managed(
        desk,
        "settle_refund",
        lambda now: settle_refund(desk.engine, refund_id, reason=wanted.reason, now=now),
        lambda: _shown(desk, refund_id),
        about=refund_id,
    )


def _amount_minor(desk: Desk, wanted: NewRefund) -> int | None:
    if wanted.amount is None:
        return None
    with desk.reading() as tx:
        charge = find_charge(tx, wanted.charge_id)
    if charge is not None and charge.currency != wanted.amount.currency:
        raise invalid({"amount.currency": f"must be {charge.currency}, the currency of the charge"})
    return wanted.amount.amount


def _shown(desk: Desk, refund_id: UUID) -> Refund:
    with desk.reading() as tx:
        row = find_refund(tx, refund_id)
    if row is None:
        raise NotFound("there is no refund of this id")
    return Refund.of(row)
