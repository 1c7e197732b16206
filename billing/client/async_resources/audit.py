"""Calls about audit. Written by `make client` from the OpenAPI document."""

from collections.abc import AsyncIterator

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call
from billing.client.models import AuditEntry
from billing.client.wire import AsyncWire


class AsyncAuditResource:
    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def list(self, *, limit: int | Omit = OMIT, cursor: str | Omit | None = OMIT) -> Page[AuditEntry]:
        """List what was decided with the command line and with admins' keys, newest first."""
        return await self._wire.ask(
            call("GET", "/v1/audit", query={"limit": limit, "cursor": cursor}), Page[AuditEntry]
        )

    async def iterate(self, *, limit: int | Omit = OMIT) -> AsyncIterator[AuditEntry]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = await self.list(limit=limit, cursor=cursor)
            for each in page.data:
                yield each
            cursor, more = page.next_cursor, page.has_more
