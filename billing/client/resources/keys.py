"""Calls about keys. Written by `make client` from the OpenAPI document."""

from collections.abc import Iterator
from typing import Literal

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import ApiKey, FreshApiKey
from billing.client.wire import Wire


class KeysResource:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self, *, limit: int | Omit = OMIT, cursor: str | Omit | None = OMIT) -> Page[ApiKey]:
        """List the keys, revoked ones too, newest first; no secret is among them."""
        return self._wire.ask(call("GET", "/v1/keys", query={"limit": limit, "cursor": cursor}), Page[ApiKey])

    def create(
        self,
        *,
        name: str,
        reason: str | Omit | None = OMIT,
        role: Literal["read", "backend", "admin"] | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> FreshApiKey:
        """Make a key and show its secret, once."""
        return self._wire.ask(
            call("POST", "/v1/keys", body={"reason": reason, "name": name, "role": role}, key=idempotency_key),
            FreshApiKey,
        )

    def rotate(
        self,
        key_id: str,
        *,
        reason: str | Omit | None = OMIT,
        overlap_hours: int | Omit = OMIT,
        end_previous: bool | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> FreshApiKey:
        """Give a key another secret and show it, once."""
        return self._wire.ask(
            call(
                "POST",
                f"/v1/keys/{in_path(key_id)}/rotate",
                body={"reason": reason, "overlap_hours": overlap_hours, "end_previous": end_previous},
                key=idempotency_key,
            ),
            FreshApiKey,
        )

    def revoke(self, key_id: str, *, reason: str | Omit | None = OMIT, idempotency_key: str | None = None) -> ApiKey:
        """Let a key open nothing any more, at most 5 seconds from now; it cannot be undone."""
        return self._wire.ask(
            call("POST", f"/v1/keys/{in_path(key_id)}/revoke", body={"reason": reason}, key=idempotency_key), ApiKey
        )

    def iterate(self, *, limit: int | Omit = OMIT) -> Iterator[ApiKey]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = self.list(limit=limit, cursor=cursor)
            yield from page.data
            cursor, more = page.next_cursor, page.has_more
