"""Everything that the API answers with. Written by `make client` from the OpenAPI document."""

from billing.client.models.audit import AuditEntry
from billing.client.models.charges import Charge, ChargeKind, ChargeState, DeclineClass, Dispute, DisputeState
from billing.client.models.customers import Access, Customer, PlanAccess, Why
from billing.client.models.invoices import Invoice, InvoiceKind, InvoiceState
from billing.client.models.keys import ApiKey, FreshApiKey, Role
from billing.client.models.plans import Plan
from billing.client.models.refund_obligations import ObligationSettled, ObligationState, RefundObligation
from billing.client.models.refunds import Refund, RefundState
from billing.client.models.shared import (
    Event,
    EventType,
    IntervalUnit,
    Money,
    Period,
    Price,
    SourceState,
    Subject,
    SubscriptionState,
)
from billing.client.models.sources import RevocationState, Source
from billing.client.models.subscriptions import (
    ChargePreview,
    Consent,
    EnrolledSubscription,
    NextCharge,
    Subscription,
    WhyNone,
)
from billing.client.models.webhook_deliveries import DeliveryState, WebhookDelivery
from billing.client.models.webhook_endpoints import (
    DeletedWebhookEndpoint,
    EndpointState,
    FreshWebhookEndpoint,
    WebhookEndpoint,
)

__all__ = [
    "Access",
    "ApiKey",
    "AuditEntry",
    "Charge",
    "ChargeKind",
    "ChargePreview",
    "ChargeState",
    "Consent",
    "Customer",
    "DeclineClass",
    "DeletedWebhookEndpoint",
    "DeliveryState",
    "Dispute",
    "DisputeState",
    "EndpointState",
    "EnrolledSubscription",
    "Event",
    "EventType",
    "FreshApiKey",
    "FreshWebhookEndpoint",
    "IntervalUnit",
    "Invoice",
    "InvoiceKind",
    "InvoiceState",
    "Money",
    "NextCharge",
    "ObligationSettled",
    "ObligationState",
    "Period",
    "Plan",
    "PlanAccess",
    "Price",
    "Refund",
    "RefundObligation",
    "RefundState",
    "RevocationState",
    "Role",
    "Source",
    "SourceState",
    "Subject",
    "Subscription",
    "SubscriptionState",
    "WebhookDelivery",
    "WebhookEndpoint",
    "Why",
    "WhyNone",
]
