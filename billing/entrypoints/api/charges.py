"""Looking at charges, and settling by hand what hangs."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from billing.domain.disputes import DisputeState
from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.errors import invalid
from billing.entrypoints.api.ids import ChargeId
from billing.entrypoints.api.managing import managed
from billing.entrypoints.api.models import ChargeQuery, ChargeSettlement, DisputeSettlement
from billing.entrypoints.api.objects.charges import Charge, ChargeList
from billing.entrypoints.api.paging import list_of, page_asked
from billing.operations.engine import NotFound
from billing.operations.settle_charge import settle_charge
from billing.operations.settle_dispute import settle_dispute
from billing.store.columns import AnyRow
from billing.store.disputes import disputes_of
from billing.store.payment_views import find_charge, list_charges, refunds_of

router = APIRouter(prefix="/v1/charges", tags=["charges"])


@router.get("", operation_id="list_charges")
def read_charges(query: Annotated[ChargeQuery, Query()], desk: DeskOfRequest) -> ChargeList:
    """List the charges of an invoice, a subscription or a customer, newest first."""
    page = page_asked("charges", query)
    with desk.reading() as tx:
        rows = list_charges(
            tx,
            page,
            invoice_id=query.invoice_id,
            subscription_id=query.subscription_id,
            customer_id=query.customer_id,
            state=query.state,
            created=query.created,
        )
        refunds, disputes = (_by_charge(read(tx, [row.id for row in rows])) for read in (refunds_of, disputes_of))
    return list_of(ChargeList, "charges", page, rows, lambda row: Charge.of(row, refunds[row.id], disputes[row.id]))


@router.get("/{charge_id}", operation_id="get_charge")
def read_charge(charge_id: ChargeId, desk: DeskOfRequest) -> Charge:
    """Show a charge."""
    return shown(desk, charge_id)


@router.post("/{charge_id}/settle", operation_id="settle_charge")
def settle(charge_id: ChargeId, wanted: ChargeSettlement, desk: DeskOfRequest) -> Charge:
    """Settle a charge that has no outcome as failed

    Checkout.com is asked first: an end that it tells is recorded, and money that it took or holds forbids this. That
    it says pending, or does not know the payment, is no hindrance. The invoice is then charged again as after a
    technical failure, and the subscriber can pay another way, or leave. What is captured later all the same pays the
    invoice if it is still unpaid, or is given back; what was captured with another amount than was asked for is given
    back at once. Done again, nothing changes.
    """
    desk = desk.because(wanted)
    return managed(
        desk,
        "settle_charge",
        lambda now: settle_charge(desk.engine, charge_id, reason=wanted.reason, now=now),
        lambda: shown(desk, charge_id),
        about=charge_id,
    )


@router.post("/{charge_id}/settle-dispute", operation_id="settle_dispute")
def settle_a_dispute(charge_id: ChargeId, wanted: DisputeSettlement, desk: DeskOfRequest) -> Charge:
    """Write down how a dispute ended

    For one whose end Checkout.com's dashboard shows, and no event told. Refunds that it held go on when it was won;
    when it was lost the amount counts as given back. A decision that Checkout.com tells later corrects it. Sent again
    with the same outcome, nothing changes.
    """
    desk = desk.because(wanted)
    charge = shown(desk, charge_id)
    if wanted.dispute not in {each.id for each in charge.disputes}:
        raise invalid({"dispute": "must be the id of a dispute of the charge"})
    return managed(
        desk,
        "settle_dispute",
        lambda now: settle_dispute(
            desk.engine, wanted.dispute, DisputeState(wanted.outcome), reason=wanted.reason, now=now
        ),
        lambda: shown(desk, charge_id),
        about=charge_id,
    )


def shown(desk: Desk, charge_id: UUID) -> Charge:
    """Return a charge as it now is.

    :raises NotFound: there is none of this id.
    """
    with desk.reading() as tx:
        row = find_charge(tx, charge_id)
        if row is None:
            raise NotFound("there is no charge of this id")
        return Charge.of(row, refunds_of(tx, [charge_id]), disputes_of(tx, [charge_id]))


def _by_charge(rows: Sequence[AnyRow]) -> defaultdict[UUID, list[AnyRow]]:
    found: defaultdict[UUID, list[AnyRow]] = defaultdict(list)
    for row in rows:
        found[row.charge_id].append(row)
    return found
