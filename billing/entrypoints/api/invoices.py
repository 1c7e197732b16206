"""Looking at invoices."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.ids import InvoiceId
from billing.entrypoints.api.models import InvoiceQuery
from billing.entrypoints.api.objects.invoices import Invoice, InvoiceList
from billing.entrypoints.api.paging import list_of, page_asked
from billing.operations.engine import NotFound
from billing.store.payment_views import charge_ids_of, find_invoice, list_invoices

router = APIRouter(prefix="/v1/invoices", tags=["invoices"])


@router.get("", operation_id="list_invoices")
def read_invoices(query: Annotated[InvoiceQuery, Query()], desk: DeskOfRequest) -> InvoiceList:
    """List the invoices of a subscription or a customer, newest first."""
    page = page_asked("invoices", query)
    with desk.reading() as tx:
        rows = list_invoices(
            tx,
            page,
            subscription_id=query.subscription_id,
            customer_id=query.customer_id,
            state=query.state,
            created=query.created,
        )
        charge_ids = _charge_ids(tx, [row.id for row in rows])
    return list_of(InvoiceList, "invoices", page, rows, lambda row: Invoice.of(row, charge_ids[row.id]))


@router.get("/{invoice_id}", operation_id="get_invoice")
def read_invoice(invoice_id: InvoiceId, desk: DeskOfRequest) -> Invoice:
    """Show an invoice."""
    return shown(desk, invoice_id)


def shown(desk: Desk, invoice_id: UUID) -> Invoice:
    """Return an invoice as it now is.

    :raises NotFound: there is none of this id.
    """
    with desk.reading() as tx:
        row = find_invoice(tx, invoice_id)
        if row is None:
            raise NotFound("there is no invoice of this id")
        return Invoice.of(row, _charge_ids(tx, [invoice_id])[invoice_id])


def _charge_ids(tx: Connection, invoice_ids: Sequence[UUID]) -> defaultdict[UUID, list[UUID]]:
    found: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for row in charge_ids_of(tx, invoice_ids):
        found[row.invoice_id].append(row.id)
    return found
