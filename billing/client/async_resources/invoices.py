"""Calls about invoices. Written by `make client` from the OpenAPI document."""

from billing.client.calls import OMIT, Omit, call
from billing.client.models import Invoices
from billing.client.wire import AsyncWire


class AsyncInvoicesResource:
    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def list(self, *, subscription: str, limit: int | Omit = OMIT) -> Invoices:
        """List the newest invoices of a subscription. The id of a captured charge is what a refund needs."""
        return await self._wire.ask(
            call("GET", "/v1/invoices", query={"subscription": subscription, "limit": limit}), Invoices
        )
