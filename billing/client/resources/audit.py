"""Calls about audit. Written by `make client` from the OpenAPI document."""

from collections.abc import Iterator

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call
from billing.client.models import AuditEntry
from billing.client.wire import Wire


class AuditResource:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self, *, limit: int | Omit = OMIT, cursor: str | Omit | None = OMIT) -> Page[AuditEntry]:
        """List what was decided with the command line and with admins' keys, newest first."""
        return self._wire.ask(call("GET", "/v1/audit", query={"limit": limit, "cursor": cursor}), Page[AuditEntry])

    def iterate(self, *, limit: int | Omit = OMIT) -> Iterator[AuditEntry]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = self.list(limit=limit, cursor=cursor)
            yield from page.data
            cursor, more = page.next_cursor, page.has_more
