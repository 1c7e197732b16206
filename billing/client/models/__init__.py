"""Everything that the API answers with. Written by `make client` from the OpenAPI document."""

from billing.client.models.customers import Entitlement, Entitlements, Why
from billing.client.models.events import Event, Events
from billing.client.models.invoices import (
    Charge,
    ChargeKind,
    ChargeState,
    Invoice,
    InvoiceKind,
    Invoices,
    InvoiceState,
    RefundOfCharge,
)
from billing.client.models.keys import FreshKey, Key, Role
from billing.client.models.plans import Plan, Plans
from billing.client.models.refunds import Refund
from billing.client.models.shared import IntervalUnit, RefundState, SubscriptionState
from billing.client.models.subscriptions import (
    Consent,
    Enrolment,
    Period,
    Price,
    SourceState,
    Subscription,
    Subscriptions,
)

__all__ = [
    "Charge",
    "ChargeKind",
    "ChargeState",
    "Consent",
    "Enrolment",
    "Entitlement",
    "Entitlements",
    "Event",
    "Events",
    "FreshKey",
    "IntervalUnit",
    "Invoice",
    "InvoiceKind",
    "InvoiceState",
    "Invoices",
    "Key",
    "Period",
    "Plan",
    "Plans",
    "Price",
    "Refund",
    "RefundOfCharge",
    "RefundState",
    "Role",
    "SourceState",
    "Subscription",
    "SubscriptionState",
    "Subscriptions",
    "Why",
]
