"""Calls about invoices. Written by `make client` from the OpenAPI document."""

from collections.abc import AsyncIterator
from datetime import datetime

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import Invoice, InvoiceState
from billing.client.wire import AsyncWire


class AsyncInvoicesResource:
    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def list(
        self,
        *,
        limit: int | Omit = OMIT,
        cursor: str | Omit | None = OMIT,
        created_from: datetime | Omit | None = OMIT,
        created_before: datetime | Omit | None = OMIT,
        subscription_id: str | Omit | None = OMIT,
        customer_id: str | Omit | None = OMIT,
        state: InvoiceState | Omit | None = OMIT,
    ) -> Page[Invoice]:
        """List the invoices of a subscription or a customer, newest first."""
        return await self._wire.ask(
            call(
                "GET",
                "/v1/invoices",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "created_from": created_from,
                    "created_before": created_before,
                    "subscription_id": subscription_id,
                    "customer_id": customer_id,
                    "state": state,
                },
            ),
            Page[Invoice],
        )

    async def get(self, invoice_id: str) -> Invoice:
        """Show an invoice."""
        return await self._wire.ask(call("GET", f"/v1/invoices/{in_path(invoice_id)}"), Invoice)

    async def void(self, invoice_id: str, *, reason: str, idempotency_key: str | None = None) -> Invoice:
        """Void an invoice that should not have been issued."""
        return await self._wire.ask(
            call("POST", f"/v1/invoices/{in_path(invoice_id)}/void", body={"reason": reason}, key=idempotency_key),
            Invoice,
        )

    async def mark_uncollectible(self, invoice_id: str, *, reason: str, idempotency_key: str | None = None) -> Invoice:
        """Write off an invoice that is rightly owed but will not be paid."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/invoices/{in_path(invoice_id)}/mark-uncollectible",
                body={"reason": reason},
                key=idempotency_key,
            ),
            Invoice,
        )

    async def retry(
        self,
        invoice_id: str,
        *,
        reason: str | Omit | None = OMIT,
        subscriber_confirmed: bool | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> Invoice:
        """Charge an open invoice again, now."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/invoices/{in_path(invoice_id)}/retry",
                body={"reason": reason, "subscriber_confirmed": subscriber_confirmed},
                key=idempotency_key,
            ),
            Invoice,
        )

    async def iterate(
        self,
        *,
        limit: int | Omit = OMIT,
        created_from: datetime | Omit | None = OMIT,
        created_before: datetime | Omit | None = OMIT,
        subscription_id: str | Omit | None = OMIT,
        customer_id: str | Omit | None = OMIT,
        state: InvoiceState | Omit | None = OMIT,
    ) -> AsyncIterator[Invoice]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = await self.list(
                limit=limit,
                created_from=created_from,
                created_before=created_before,
                subscription_id=subscription_id,
                customer_id=customer_id,
                state=state,
                cursor=cursor,
            )
            for each in page.data:
                yield each
            cursor, more = page.next_cursor, page.has_more
