"""Calls about plans. Written by `make client` from the OpenAPI document."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import Plan
from billing.client.wire import Wire


class PlansResource:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self, *, limit: int | Omit = OMIT, cursor: str | Omit | None = OMIT, archived: bool | Omit | None = OMIT
    ) -> Page[Plan]:
        """List the plans in the order of their codes."""
        return self._wire.ask(
            call("GET", "/v1/plans", query={"limit": limit, "cursor": cursor, "archived": archived}), Page[Plan]
        )

    def create(
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
        return self._wire.ask(
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

    def get(self, plan: str) -> Plan:
        """Show a plan."""
        return self._wire.ask(call("GET", f"/v1/plans/{in_path(plan)}"), Plan)

    def archive(self, plan: str, *, reason: str | Omit | None = OMIT, idempotency_key: str | None = None) -> Plan:
        """Archive a plan: nobody can be enrolled on it any more; its subscribers go on."""
        return self._wire.ask(
            call("POST", f"/v1/plans/{in_path(plan)}/archive", body={"reason": reason}, key=idempotency_key), Plan
        )

    def pause(self, plan: str, *, reason: str | Omit | None = OMIT, idempotency_key: str | None = None) -> Plan:
        """Pause a plan: nobody is enrolled on it, renewed or charged until it is resumed."""
        return self._wire.ask(
            call("POST", f"/v1/plans/{in_path(plan)}/pause", body={"reason": reason}, key=idempotency_key), Plan
        )

    def resume(self, plan: str, *, reason: str | Omit | None = OMIT, idempotency_key: str | None = None) -> Plan:
        """Resume a paused plan: its subscribers renew again."""
        return self._wire.ask(
            call("POST", f"/v1/plans/{in_path(plan)}/resume", body={"reason": reason}, key=idempotency_key), Plan
        )

    def iterate(self, *, limit: int | Omit = OMIT, archived: bool | Omit | None = OMIT) -> Iterator[Plan]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = self.list(limit=limit, archived=archived, cursor=cursor)
            yield from page.data
            cursor, more = page.next_cursor, page.has_more
