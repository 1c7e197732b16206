"""Looking at invoices, forgiving them, and charging them again."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.ids import InvoiceId
from billing.entrypoints.api.managing import managed
from billing.entrypoints.api.models import Forgiveness, InvoiceQuery, InvoiceRetry
from billing.entrypoints.api.objects.invoices import Invoice, InvoiceList
from billing.entrypoints.api.paging import list_of, page_asked
from billing.operations.engine import NotFound
from billing.operations.forgive_invoice import mark_uncollectible, void_invoice
from billing.operations.retry_charge import retry_invoice
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


@router.post("/{invoice_id}/void", operation_id="void_invoice")
def void(invoice_id: InvoiceId, wanted: Forgiveness, desk: DeskOfRequest) -> Invoice:
    """Void an invoice that should not have been issued

    Nothing is owed for it, and its period is not invoiced again. If it was the last one owed, the subscription is
    active again.
    """
    desk = desk.because(wanted)
    return _managed(
        desk,
        "void_invoice",
        invoice_id,
        lambda now: void_invoice(desk.engine, invoice_id, reason=wanted.reason, now=now),
    )


@router.post("/{invoice_id}/mark-uncollectible", operation_id="mark_invoice_uncollectible")
def write_off(invoice_id: InvoiceId, wanted: Forgiveness, desk: DeskOfRequest) -> Invoice:
    """Write off an invoice that is rightly owed but will not be paid

    It is not charged any more. If it was the last one owed, the subscription is active again.
    """
    desk = desk.because(wanted)
    return _managed(
        desk,
        "mark_uncollectible",
        invoice_id,
        lambda now: mark_uncollectible(desk.engine, invoice_id, reason=wanted.reason, now=now),
    )


@router.post("/{invoice_id}/retry", operation_id="retry_invoice")
def retry(invoice_id: InvoiceId, desk: DeskOfRequest, wanted: InvoiceRetry | None = None) -> Invoice:
    """Charge an open invoice again, now

    Whatever the plan of retries says, and without moving it. The last of `charge_ids` is the charge that was made; a
    wallet's answer comes later. A debt of which more than 31 days gave no access needs `subscriber_confirmed`, and
    buys a new period from the day of its payment.
    """
    desk = desk.because(wanted)
    confirmed = wanted is not None and wanted.subscriber_confirmed
    return _managed(
        desk,
        "retry_invoice",
        invoice_id,
        lambda now: retry_invoice(desk.engine, invoice_id, now=now, subscriber_confirmed=confirmed),
    )


def _managed(desk: Desk, name: str, invoice_id: UUID, act: Callable[[datetime], object]) -> Invoice:
    return managed(desk, name, act, lambda: shown(desk, invoice_id), about=invoice_id)


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
