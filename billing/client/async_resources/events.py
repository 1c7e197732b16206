"""Calls about events. Written by `make client` from the OpenAPI document."""

from billing.client.calls import OMIT, Omit, call
from billing.client.models import Events
from billing.client.wire import AsyncWire


class AsyncEventsResource:
    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def list(self, *, after: int | Omit = OMIT, limit: int | Omit = OMIT) -> Events:
        """List events in the order of their ids, from the one behind `after`. None is ever left out."""
        return await self._wire.ask(call("GET", "/v1/events", query={"after": after, "limit": limit}), Events)
