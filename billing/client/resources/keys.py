"""Calls about keys. Written by `make client` from the OpenAPI document."""

from typing import Literal

from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import FreshKey, Key
from billing.client.wire import Wire


class KeysResource:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(
        self, *, name: str, role: Literal["read", "backend", "admin"] | Omit = OMIT, idempotency_key: str | None = None
    ) -> FreshKey:
        """Make a key and show its secret, once."""
        return self._wire.ask(
            call("POST", "/v1/keys", body={"name": name, "role": role}, key=idempotency_key), FreshKey
        )

    def rotate(self, key_id: str, *, overlap_hours: int | Omit = OMIT, idempotency_key: str | None = None) -> FreshKey:
        """Give a key another secret and show it, once; the present one works on until the overlap ends."""
        return self._wire.ask(
            call(
                "POST", f"/v1/keys/{in_path(key_id)}/rotate", body={"overlap_hours": overlap_hours}, key=idempotency_key
            ),
            FreshKey,
        )

    def revoke(self, key_id: str, *, idempotency_key: str | None = None) -> Key:
        """Let a key open nothing any more, at most 5 seconds from now; it cannot be undone."""
        return self._wire.ask(call("POST", f"/v1/keys/{in_path(key_id)}/revoke", key=idempotency_key), Key)
