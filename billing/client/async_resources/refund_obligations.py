"""Calls about refund obligations. Written by `make client` from the OpenAPI document."""

from collections.abc import AsyncIterator
from datetime import datetime

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import ObligationState, RefundObligation
from billing.client.wire import AsyncWire


class AsyncRefundObligationsResource:
    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def list(
        self,
        *,
        limit: int | Omit = OMIT,
        cursor: str | Omit | None = OMIT,
        created_from: datetime | Omit | None = OMIT,
        created_before: datetime | Omit | None = OMIT,
        charge_id: str | Omit | None = OMIT,
        subscription_id: str | Omit | None = OMIT,
        customer_id: str | Omit | None = OMIT,
        state: ObligationState | Omit | None = OMIT,
        open: bool | Omit | None = OMIT,
    ) -> Page[RefundObligation]:
        """List refunds that the engine owes, or owed, newest first."""
        return await self._wire.ask(
            call(
                "GET",
                "/v1/refund_obligations",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "created_from": created_from,
                    "created_before": created_before,
                    "charge_id": charge_id,
                    "subscription_id": subscription_id,
                    "customer_id": customer_id,
                    "state": state,
                    "open": open,
                },
            ),
            Page[RefundObligation],
        )

    async def get(self, obligation_id: str) -> RefundObligation:
        """Show a refund that the engine owes, or owed."""
        return await self._wire.ask(call("GET", f"/v1/refund_obligations/{in_path(obligation_id)}"), RefundObligation)

    async def settle(
        self, obligation_id: str, *, how: str, reason: str, idempotency_key: str | None = None
    ) -> RefundObligation:
        """Write down that the money went back by other means."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/refund_obligations/{in_path(obligation_id)}/settle",
                body={"how": how, "reason": reason},
                key=idempotency_key,
            ),
            RefundObligation,
        )

    async def retry(self, obligation_id: str, *, reason: str, idempotency_key: str | None = None) -> RefundObligation:
        """Make the next refund of what is owed now."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/refund_obligations/{in_path(obligation_id)}/retry",
                body={"reason": reason},
                key=idempotency_key,
            ),
            RefundObligation,
        )

    async def iterate(
        self,
        *,
        limit: int | Omit = OMIT,
        created_from: datetime | Omit | None = OMIT,
        created_before: datetime | Omit | None = OMIT,
        charge_id: str | Omit | None = OMIT,
        subscription_id: str | Omit | None = OMIT,
        customer_id: str | Omit | None = OMIT,
        state: ObligationState | Omit | None = OMIT,
        open: bool | Omit | None = OMIT,
    ) -> AsyncIterator[RefundObligation]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = await self.list(
                limit=limit,
                created_from=created_from,
                created_before=created_before,
                charge_id=charge_id,
                subscription_id=subscription_id,
                customer_id=customer_id,
                state=state,
                open=open,
                cursor=cursor,
            )
            for each in page.data:
                yield each
            cursor, more = page.next_cursor, page.has_more
