"""Issues invoices for periods that have come due."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from billing.domain.cases import InvoiceKind
from billing.domain.identity import row_id
from billing.domain.states import InvoiceState
from billing.store.births import invoice_issued
from billing.store.tables import Event, Invoice
from billing.store.writes import Author, insert_rows
from plans.calendar import Period
from plans.money import Money


def renewal_invoice(
    subscription_id: UUID, amount: Money, period: Period, next_attempt_at: datetime, now: datetime
) -> dict[str, Any]:
    """Return the row of an invoice for a period, charged at ``next_attempt_at`` (UTC). It gives access to its end."""
    return {
        "id": row_id(subscription_id, "renewal", period.start),
        "subscription_id": subscription_id,
        "kind": InvoiceKind.RENEWAL,
        "period_start": period.start,
        "period_end": period.end,
        "amount_minor": amount.minor,
        "currency": amount.currency,
        "state": InvoiceState.OPEN,
        "grace_until": period.end,
        "next_attempt_at": next_attempt_at,
        "created_at": now,
    }


def issue_renewals(tx: Connection, invoices: Sequence[Mapping[str, Any]], author: Author) -> None:
    """Insert invoices, each with its event."""
    insert_rows(tx, Invoice, invoices)
    insert_rows(tx, Event, [invoice_issued(invoice, author) for invoice in invoices])
