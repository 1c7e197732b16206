"""Every resource of the API. Written by `make client` from the OpenAPI document."""

from billing.client.resources.audit import AuditResource
from billing.client.resources.charges import ChargesResource
from billing.client.resources.customers import CustomersResource
from billing.client.resources.events import EventsResource
from billing.client.resources.invoices import InvoicesResource
from billing.client.resources.keys import KeysResource
from billing.client.resources.plans import PlansResource
from billing.client.resources.prices import PricesResource
from billing.client.resources.refund_obligations import RefundObligationsResource
from billing.client.resources.refunds import RefundsResource
from billing.client.resources.sources import SourcesResource
from billing.client.resources.subscriptions import SubscriptionsResource
from billing.client.resources.webhook_deliveries import WebhookDeliveriesResource
from billing.client.resources.webhook_endpoints import WebhookEndpointsResource
from billing.client.wire import Wire


class Resources:
    def __init__(self, wire: Wire) -> None:
        self.audit = AuditResource(wire)
        self.charges = ChargesResource(wire)
        self.customers = CustomersResource(wire)
        self.events = EventsResource(wire)
        self.invoices = InvoicesResource(wire)
        self.keys = KeysResource(wire)
        self.plans = PlansResource(wire)
        self.prices = PricesResource(wire)
        self.refund_obligations = RefundObligationsResource(wire)
        self.refunds = RefundsResource(wire)
        self.sources = SourcesResource(wire)
        self.subscriptions = SubscriptionsResource(wire)
        self.webhook_deliveries = WebhookDeliveriesResource(wire)
        self.webhook_endpoints = WebhookEndpointsResource(wire)
