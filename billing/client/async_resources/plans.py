"""Calls about plans. Written by `make client` from the OpenAPI document."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import Plan
from billing.client.wire import AsyncWire


class AsyncPlansResource:
    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def list(
        self, *, limit: int | Omit = OMIT, cursor: str | Omit | None = OMIT, archived: bool | Omit | None = OMIT
    ) -> Page[Plan]:
        """List the plans in the order of their codes."""
        return await self._wire.ask(
            call("GET", "/v1/plans", query={"limit": limit, "cursor": cursor, "archived": archived}), Page[Plan]
        )

    async def create(
        self,
        *,
        amount: Mapping[str, Any],
        interval: Literal["day", "week", "month", "year"],
        code: str,
        name: str,
        reason: str | Omit | None = OMIT,
        interval_count: int | Omit = OMIT,
        trial_days: int | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> Plan:
        """Create a plan with its first price."""
        return await self._wire.ask(
            call(
                "POST",
                "/v1/plans",
                body={
                    "reason": reason,
                    "amount": amount,
                    "interval": interval,
                    "interval_count": interval_count,
                    "trial_days": trial_days,
                    "code": code,
                    "name": name,
                },
                key=idempotency_key,
            ),
            Plan,
        )

    async def get(self, plan: str) -> Plan:
        """Show a plan."""
        return await self._wire.ask(call("GET", f"/v1/plans/{in_path(plan)}"), Plan)

    async def archive(self, plan: str, *, reason: str | Omit | None = OMIT, idempotency_key: str | None = None) -> Plan:
        """Archive a plan: nobody can be enrolled on it any more; its subscribers go on."""
        return await self._wire.ask(
            call("POST", f"/v1/plans/{in_path(plan)}/archive", body={"reason": reason}, key=idempotency_key), Plan
        )

    async def pause(self, plan: str, *, reason: str | Omit | None = OMIT, idempotency_key: str | None = None) -> Plan:
        """Pause a plan: nobody is enrolled on it, renewed or charged until it is resumed."""
        return await self._wire.ask(
            call("POST", f"/v1/plans/{in_path(plan)}/pause", body={"reason": reason}, key=idempotency_key), Plan
        )

    async def resume(self, plan: str, *, reason: str | Omit | None = OMIT, idempotency_key: str | None = None) -> Plan:
        """Resume a paused plan: its subscribers renew again."""
        return await self._wire.ask(
            call("POST", f"/v1/plans/{in_path(plan)}/resume", body={"reason": reason}, key=idempotency_key), Plan
        )

    async def iterate(self, *, limit: int | Omit = OMIT, archived: bool | Omit | None = OMIT) -> AsyncIterator[Plan]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = await self.list(limit=limit, archived=archived, cursor=cursor)
            for each in page.data:
                yield each
            cursor, more = page.next_cursor, page.has_more
