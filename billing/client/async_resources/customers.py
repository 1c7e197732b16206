"""Calls about customers. Written by `make client` from the OpenAPI document."""

from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import Entitlements
from billing.client.wire import AsyncWire


class AsyncCustomersResource:
    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def entitlements(self, reference: str, *, grace_days: int | Omit | None = OMIT) -> Entitlements:
        """Say for each subscription of a customer whether they may use the plan today, until when, and why."""
        return await self._wire.ask(
            call("GET", f"/v1/customers/{in_path(reference)}/entitlements", query={"grace_days": grace_days}),
            Entitlements,
        )
