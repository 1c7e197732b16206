"""Calls about customers. Written by `make client` from the OpenAPI document."""

from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import Access
from billing.client.wire import Wire


class CustomersResource:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def access(self, reference: str, *, grace_days: int | Omit | None = OMIT) -> Access:
        """Say which plans a customer may use"""
        return self._wire.ask(
            call("GET", f"/v1/customers/{in_path(reference)}/access", query={"grace_days": grace_days}), Access
        )
