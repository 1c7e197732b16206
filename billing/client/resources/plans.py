"""Calls about plans. Written by `make client` from the OpenAPI document."""

from billing.client.calls import call
from billing.client.models import Plans
from billing.client.wire import Wire


class PlansResource:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self) -> Plans:
        """List the plans in the order of their codes."""
        return self._wire.ask(call("GET", "/v1/plans"), Plans)
