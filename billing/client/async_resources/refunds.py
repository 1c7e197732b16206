"""Calls about refunds. Written by `make client` from the OpenAPI document."""

from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import Refund
from billing.client.wire import AsyncWire


class AsyncRefundsResource:
    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def create(
        self, charge_id: str, *, reason: str, amount_minor: int | Omit | None = OMIT, idempotency_key: str | None = None
    ) -> Refund:
        """Order a refund of a captured charge, in minor units; without an amount, of all that is left."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/charges/{in_path(charge_id)}/refunds",
                body={"amount_minor": amount_minor, "reason": reason},
                key=idempotency_key,
            ),
            Refund,
        )

    async def get(self, refund_id: str) -> Refund:
        """Show a refund."""
        return await self._wire.ask(call("GET", f"/v1/refunds/{in_path(refund_id)}"), Refund)
