"""Calls about refund obligations. Written by `make client` from the OpenAPI document."""

from collections.abc import Iterator
from datetime import datetime

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import ObligationState, RefundObligation
from billing.client.wire import Wire


class RefundObligationsResource:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
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
        return self._wire.ask(
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

    def get(self, obligation_id: str) -> RefundObligation:
        """Show a refund that the engine owes, or owed."""
        return self._wire.ask(call("GET", f"/v1/refund_obligations/{in_path(obligation_id)}"), RefundObligation)

    def settle(
        self, obligation_id: str, *, how: str, reason: str, idempotency_key: str | None = None
    ) -> RefundObligation:
        """Write down that the money went back by other means."""
        return self._wire.ask(
            call(
                "POST",
                f"/v1/refund_obligations/{in_path(obligation_id)}/settle",
                body={"how": how, "reason": reason},
                key=idempotency_key,
            ),
            RefundObligation,
        )

    def retry(self, obligation_id: str, *, reason: str, idempotency_key: str | None = None) -> RefundObligation:
        """Make the next refund of what is owed now."""
        return self._wire.ask(
            call(
                "POST",
                f"/v1/refund_obligations/{in_path(obligation_id)}/retry",
                body={"reason": reason},
                key=idempotency_key,
            ),
            RefundObligation,
        )

    def iterate(
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
    ) -> Iterator[RefundObligation]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = self.list(
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
            yield from page.data
            cursor, more = page.next_cursor, page.has_more
