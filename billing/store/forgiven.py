"""Reads up to which day a subscription is forgiven what nobody paid for."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlmodel import col

from billing.domain.cases import InvoiceKind
from billing.domain.days.records import DayKind
from billing.domain.states import FORGIVEN_INVOICES
from billing.store.columns import AnyRow
from billing.store.tables import DayRecord, Invoice, Subscription


def forgiven_columns() -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return the columns of a query for subscriptions that :func:`forgiven_through` reads."""
    invoices = select(func.max(col(Invoice.period_end))).where(
        col(Invoice.subscription_id) == col(Subscription.id),
        col(Invoice.state).in_(FORGIVEN_INVOICES),
        col(Invoice.kind) == InvoiceKind.RENEWAL,
    )
    days = select(func.max(col(DayRecord.ends_on))).where(
        col(DayRecord.subscription_id) == col(Subscription.id), col(DayRecord.kind) == DayKind.FORGIVEN
    )
    return invoices.scalar_subquery().label("forgiven_by_invoice"), days.scalar_subquery().label("forgiven_by_record")


def forgiven_through(row: AnyRow) -> date | None:
    """Return the first day behind the last one that is forgiven, or None.

    It counts only while the subscription goes on: of one that has ended, invoices may have been voided because it did.
    """
    ends = [day for day in (row.forgiven_by_invoice, row.forgiven_by_record) if day is not None]
    return max(ends, default=None)
