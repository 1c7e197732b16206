"""Every resource of the API. Written by `make client` from the OpenAPI document."""

from billing.client.async_resources.audit import AsyncAuditResource
from billing.client.async_resources.charges import AsyncChargesResource
from billing.client.async_resources.customers import AsyncCustomersResource
from billing.client.async_resources.events import AsyncEventsResource
from billing.client.async_resources.invoices import AsyncInvoicesResource
from billing.client.async_resources.keys import AsyncKeysResource
from billing.client.async_resources.plans import AsyncPlansResource
from billing.client.async_resources.prices import AsyncPricesResource
from billing.client.async_resources.refund_obligations import AsyncRefundObligationsResource
from billing.client.async_resources.refunds import AsyncRefundsResource
from billing.client.async_resources.sources import AsyncSourcesResource
from billing.client.async_resources.subscriptions import AsyncSubscriptionsResource
from billing.client.async_resources.webhook_deliveries import AsyncWebhookDeliveriesResource
from billing.client.async_resources.webhook_endpoints import AsyncWebhookEndpointsResource
from billing.client.wire import AsyncWire


class AsyncResources:
    def __init__(self, wire: AsyncWire) -> None:
        self.audit = AsyncAuditResource(wire)
        self.charges = AsyncChargesResource(wire)
        self.customers = AsyncCustomersResource(wire)
        self.events = AsyncEventsResource(wire)
        self.invoices = AsyncInvoicesResource(wire)
        self.keys = AsyncKeysResource(wire)
        self.plans = AsyncPlansResource(wire)
        self.prices = AsyncPricesResource(wire)
        self.refund_obligations = AsyncRefundObligationsResource(wire)
        self.refunds = AsyncRefundsResource(wire)
        self.sources = AsyncSourcesResource(wire)
        self.subscriptions = AsyncSubscriptionsResource(wire)
        self.webhook_deliveries = AsyncWebhookDeliveriesResource(wire)
        self.webhook_endpoints = AsyncWebhookEndpointsResource(wire)
