"""Calls about customers. Written by `make client` from the OpenAPI document."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import Access, Customer
from billing.client.wire import Wire


class CustomersResource:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self,
        *,
        limit: int | Omit = OMIT,
        cursor: str | Omit | None = OMIT,
        created_from: datetime | Omit | None = OMIT,
        created_before: datetime | Omit | None = OMIT,
        reference: str | Omit | None = OMIT,
    ) -> Page[Customer]:
        """List customers, newest first; with `reference`, the one who has it."""
        return self._wire.ask(
            call(
                "GET",
                "/v1/customers",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "created_from": created_from,
                    "created_before": created_before,
                    "reference": reference,
                },
            ),
            Page[Customer],
        )

    def create(
        self,
        *,
        reference: str,
        name: str,
        email: str,
        phone: str | Omit | None = OMIT,
        locale: Literal["ko", "en"] | Omit = OMIT,
        country: str | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> Customer:
        """Make a customer known before they subscribe."""
        return self._wire.ask(
            call(
                "POST",
                "/v1/customers",
                body={
                    "reference": reference,
                    "name": name,
                    "email": email,
                    "phone": phone,
                    "locale": locale,
                    "country": country,
                },
                key=idempotency_key,
            ),
            Customer,
        )

    def get(self, customer_id: str) -> Customer:
        """Show a customer."""
        return self._wire.ask(call("GET", f"/v1/customers/{in_path(customer_id)}"), Customer)

    def update(
        self,
        customer_id: str,
        *,
        reason: str | Omit | None = OMIT,
        name: str | Omit = OMIT,
        email: str | Omit = OMIT,
        phone: str | Omit | None = OMIT,
        locale: Literal["ko", "en"] | Omit = OMIT,
        country: str | Omit | None = OMIT,
    ) -> Customer:
        """Change what is known of a customer; what is left out stays as it is."""
        return self._wire.ask(
            call(
                "PATCH",
                f"/v1/customers/{in_path(customer_id)}",
                body={
                    "reason": reason,
                    "name": name,
                    "email": email,
                    "phone": phone,
                    "locale": locale,
                    "country": country,
                },
            ),
            Customer,
        )

    def erase(self, customer_id: str, *, reason: str, idempotency_key: str | None = None) -> Customer:
        """Erase the personal data of a customer, for ever."""
        return self._wire.ask(
            call("POST", f"/v1/customers/{in_path(customer_id)}/erase", body={"reason": reason}, key=idempotency_key),
            Customer,
        )

    def access(self, reference: str, *, grace_days: int | Omit | None = OMIT) -> Access:
        """Say which plans a customer may use."""
        return self._wire.ask(
            call("GET", f"/v1/customers/{in_path(reference)}/access", query={"grace_days": grace_days}), Access
        )

    def iterate(
        self,
        *,
        limit: int | Omit = OMIT,
        created_from: datetime | Omit | None = OMIT,
        created_before: datetime | Omit | None = OMIT,
        reference: str | Omit | None = OMIT,
    ) -> Iterator[Customer]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = self.list(
                limit=limit,
                created_from=created_from,
                created_before=created_before,
                reference=reference,
                cursor=cursor,
            )
            yield from page.data
            cursor, more = page.next_cursor, page.has_more
