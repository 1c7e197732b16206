"""Calls about customers. Written by `make client` from the OpenAPI document."""

from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import Access
from billing.client.wire import AsyncWire


class AsyncCustomersResource:
    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def access(self, reference: str, *, grace_days: int | Omit | None = OMIT) -> Access:
        """Say which plans a customer may use"""
        return await self._wire.ask(
            call("GET", f"/v1/customers/{in_path(reference)}/access", query={"grace_days": grace_days}), Access
        )
