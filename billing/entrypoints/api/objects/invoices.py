"""What an invoice is to a client."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from billing.domain.cases import InvoiceKind
from billing.domain.states import InvoiceState
from billing.entrypoints.api.ids import ChargeId, CustomerId, InvoiceId, SubscriptionId
from billing.entrypoints.api.paging import ListOf
from billing.entrypoints.api.shapes import Answered, Money, Period
from billing.store.columns import AnyRow


class Invoice(Answered):
    """What is owed for a period.

    ``charge_ids`` are the attempts to take it, oldest first. ``next_attempt_at`` is null when it is not tried by
    itself. ``kind`` is ``first`` (paid when enrolling), ``renewal``, or ``agreement``: a token amount that only makes
    a KakaoPay agreement, and is given back at once.
    """

    object: Literal["invoice"] = "invoice"
    id: InvoiceId
    subscription_id: SubscriptionId
    customer_id: CustomerId
    kind: InvoiceKind
    state: InvoiceState
    period: Period
    amount: Money
    next_attempt_at: datetime | None
    paid_at: datetime | None
    charge_ids: list[ChargeId]
    created_at: datetime

    @classmethod
    def of(cls, row: AnyRow, charge_ids: Sequence[UUID]) -> Self:
        """Return the invoice of a row of :mod:`billing.store.payment_views`."""
        return cls(
            **row._asdict(),
            period=Period(start=row.period_start, end=row.period_end),
            amount=Money.of(row),
            charge_ids=list(charge_ids),
        )


class InvoiceList(ListOf[Invoice]):
    """A page of invoices, newest first."""
