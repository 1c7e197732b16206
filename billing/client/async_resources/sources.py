"""Calls about sources. Written by `make client` from the OpenAPI document."""

from collections.abc import AsyncIterator
from datetime import datetime

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import Source, SourceState
from billing.client.wire import AsyncWire


class AsyncSourcesResource:
    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def list(
        self,
        *,
        customer_id: str,
        limit: int | Omit = OMIT,
        cursor: str | Omit | None = OMIT,
        created_from: datetime | Omit | None = OMIT,
        created_before: datetime | Omit | None = OMIT,
        state: SourceState | Omit | None = OMIT,
    ) -> Page[Source]:
        """List the sources of a customer, newest first."""
        return await self._wire.ask(
            call(
                "GET",
                "/v1/sources",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "created_from": created_from,
                    "created_before": created_before,
                    "customer_id": customer_id,
                    "state": state,
                },
            ),
            Page[Source],
        )

    async def get(self, source_id: str) -> Source:
        """Show a source."""
        return await self._wire.ask(call("GET", f"/v1/sources/{in_path(source_id)}"), Source)

    async def revoke(self, source_id: str, *, reason: str, idempotency_key: str | None = None) -> Source:
        """End a KakaoPay agreement."""
        return await self._wire.ask(
            call("POST", f"/v1/sources/{in_path(source_id)}/revoke", body={"reason": reason}, key=idempotency_key),
            Source,
        )

    async def settle_revocation(self, source_id: str, *, reason: str, idempotency_key: str | None = None) -> Source:
        """Write down that a revoked agreement has ended."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/sources/{in_path(source_id)}/settle-revocation",
                body={"reason": reason},
                key=idempotency_key,
            ),
            Source,
        )

    async def iterate(
        self,
        *,
        customer_id: str,
        limit: int | Omit = OMIT,
        created_from: datetime | Omit | None = OMIT,
        created_before: datetime | Omit | None = OMIT,
        state: SourceState | Omit | None = OMIT,
    ) -> AsyncIterator[Source]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = await self.list(
                limit=limit,
                created_from=created_from,
                created_before=created_before,
                customer_id=customer_id,
                state=state,
                cursor=cursor,
            )
            for each in page.data:
                yield each
            cursor, more = page.next_cursor, page.has_more
