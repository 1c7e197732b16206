"""Calls about refunds. Written by `make client` from the OpenAPI document."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import Refund, RefundState
from billing.client.wire import Wire


class RefundsResource:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(
        self,
        *,
        charge_id: str,
        reason: str,
        amount: Mapping[str, Any] | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> Refund:
        """Give back a captured charge."""
        return self._wire.ask(
            call(
                "POST",
                "/v1/refunds",
                body={"charge_id": charge_id, "amount": amount, "reason": reason},
                key=idempotency_key,
            ),
            Refund,
        )

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
        state: RefundState | Omit | None = OMIT,
    ) -> Page[Refund]:
        """List the refunds of a charge, a subscription or a customer, newest first."""
        return self._wire.ask(
            call(
                "GET",
                "/v1/refunds",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "created_from": created_from,
                    "created_before": created_before,
                    "charge_id": charge_id,
                    "subscription_id": subscription_id,
                    "customer_id": customer_id,
                    "state": state,
                },
            ),
            Page[Refund],
        )

    def get(self, refund_id: str) -> Refund:
        """Show a refund."""
        return self._wire.ask(call("GET", f"/v1/refunds/{in_path(refund_id)}"), Refund)

    def settle(
        self, refund_id: str, *, reason: str, as_: Literal["failed"] | Omit = OMIT, idempotency_key: str | None = None
    ) -> Refund:
        """Settle a refund that has no outcome as failed."""
        return self._wire.ask(
            call(
                "POST",
                f"/v1/refunds/{in_path(refund_id)}/settle",
                body={"as": as_, "reason": reason},
                key=idempotency_key,
            ),
            Refund,
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
        state: RefundState | Omit | None = OMIT,
    ) -> Iterator[Refund]:
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
                cursor=cursor,
            )
            yield from page.data
            cursor, more = page.next_cursor, page.has_more
