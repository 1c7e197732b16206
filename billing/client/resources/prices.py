"""Calls about prices. Written by `make client` from the OpenAPI document."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import Price
from billing.client.wire import Wire


class PricesResource:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self, *, limit: int | Omit = OMIT, cursor: str | Omit | None = OMIT, plan: str | Omit | None = OMIT
    ) -> Page[Price]:
        """List the prices, of one plan if asked so, in the order of plans and versions."""
        return self._wire.ask(
            call("GET", "/v1/prices", query={"limit": limit, "cursor": cursor, "plan": plan}), Page[Price]
        )

    def create(
        self,
        *,
        amount: Mapping[str, Any],
        interval: Literal["day", "week", "month", "year"],
        plan: str,
        reason: str | Omit | None = OMIT,
        interval_count: int | Omit = OMIT,
        trial_days: int | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> Price:
        """Give a plan another price."""
        return self._wire.ask(
            call(
                "POST",
                "/v1/prices",
                body={
                    "reason": reason,
                    "amount": amount,
                    "interval": interval,
                    "interval_count": interval_count,
                    "trial_days": trial_days,
                    "plan": plan,
                },
                key=idempotency_key,
            ),
            Price,
        )

    def get(self, price_id: str) -> Price:
        """Show a price."""
        return self._wire.ask(call("GET", f"/v1/prices/{in_path(price_id)}"), Price)

    def iterate(self, *, limit: int | Omit = OMIT, plan: str | Omit | None = OMIT) -> Iterator[Price]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = self.list(limit=limit, plan=plan, cursor=cursor)
            yield from page.data
            cursor, more = page.next_cursor, page.has_more
