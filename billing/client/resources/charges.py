"""Calls about charges. Written by `make client` from the OpenAPI document."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import Charge, ChargeState
from billing.client.wire import Wire


class ChargesResource:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self,
        *,
        limit: int | Omit = OMIT,
        cursor: str | Omit | None = OMIT,
        created_from: datetime | Omit | None = OMIT,
        created_before: datetime | Omit | None = OMIT,
        invoice_id: str | Omit | None = OMIT,
        subscription_id: str | Omit | None = OMIT,
        customer_id: str | Omit | None = OMIT,
        state: ChargeState | Omit | None = OMIT,
    ) -> Page[Charge]:
        """List the charges of an invoice, a subscription or a customer, newest first."""
        return self._wire.ask(
            call(
                "GET",
                "/v1/charges",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "created_from": created_from,
                    "created_before": created_before,
                    "invoice_id": invoice_id,
                    "subscription_id": subscription_id,
                    "customer_id": customer_id,
                    "state": state,
                },
            ),
            Page[Charge],
        )

    def get(self, charge_id: str) -> Charge:
        """Show a charge."""
        return self._wire.ask(call("GET", f"/v1/charges/{in_path(charge_id)}"), Charge)

    def settle(
        self, charge_id: str, *, reason: str, as_: Literal["failed"] | Omit = OMIT, idempotency_key: str | None = None
    ) -> Charge:
        """Settle a charge that has no outcome as failed."""
        return self._wire.ask(
            call(
                "POST",
                f"/v1/charges/{in_path(charge_id)}/settle",
                body={"as": as_, "reason": reason},
                key=idempotency_key,
            ),
            Charge,
        )

    def settle_dispute(
        self,
        charge_id: str,
        *,
        dispute: str,
        as_: Literal["won", "lost"],
        reason: str,
        idempotency_key: str | None = None,
    ) -> Charge:
        """Write down how a dispute ended."""
        return self._wire.ask(
            call(
                "POST",
                f"/v1/charges/{in_path(charge_id)}/settle-dispute",
                body={"dispute": dispute, "as": as_, "reason": reason},
                key=idempotency_key,
            ),
            Charge,
        )

    def iterate(
        self,
        *,
        limit: int | Omit = OMIT,
        created_from: datetime | Omit | None = OMIT,
        created_before: datetime | Omit | None = OMIT,
        invoice_id: str | Omit | None = OMIT,
        subscription_id: str | Omit | None = OMIT,
        customer_id: str | Omit | None = OMIT,
        state: ChargeState | Omit | None = OMIT,
    ) -> Iterator[Charge]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = self.list(
                limit=limit,
                created_from=created_from,
                created_before=created_before,
                invoice_id=invoice_id,
                subscription_id=subscription_id,
                customer_id=customer_id,
                state=state,
                cursor=cursor,
            )
            yield from page.data
            cursor, more = page.next_cursor, page.has_more
