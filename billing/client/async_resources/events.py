"""Calls about events. Written by `make client` from the OpenAPI document."""

from collections.abc import AsyncIterator

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import Event
from billing.client.wire import AsyncWire


class AsyncEventsResource:
    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def list(
        self,
        *,
        limit: int | Omit = OMIT,
        cursor: str | Omit | None = OMIT,
        after: str | Omit | None = OMIT,
        type: str | Omit | None = OMIT,
        subject_id: str | Omit | None = OMIT,
        subscription_id: str | Omit | None = OMIT,
    ) -> Page[Event]:
        """List what happened, oldest first."""
        return await self._wire.ask(
            call(
                "GET",
                "/v1/events",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "after": after,
                    "type": type,
                    "subject_id": subject_id,
                    "subscription_id": subscription_id,
                },
            ),
            Page[Event],
        )

    async def get(self, event_id: str) -> Event:
        """Show an event."""
        return await self._wire.ask(call("GET", f"/v1/events/{in_path(event_id)}"), Event)

    async def iterate(
        self,
        *,
        limit: int | Omit = OMIT,
        after: str | Omit | None = OMIT,
        type: str | Omit | None = OMIT,
        subject_id: str | Omit | None = OMIT,
        subscription_id: str | Omit | None = OMIT,
    ) -> AsyncIterator[Event]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = await self.list(
                limit=limit,
                after=after,
                type=type,
                subject_id=subject_id,
                subscription_id=subscription_id,
                cursor=cursor,
            )
            for each in page.data:
                yield each
            cursor, more = page.next_cursor, page.has_more
