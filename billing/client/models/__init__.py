"""Everything that the API answers with. Written by `make client` from the OpenAPI document."""

from billing.client.models.charges import Charge, ChargeKind, ChargeState
from billing.client.models.customers import Access, PlanAccess, Why
from billing.client.models.events import Event, Events
from billing.client.models.invoices import Invoice, InvoiceKind, InvoiceState
from billing.client.models.keys import FreshKey, Key, Role
from billing.client.models.plans import Plan
from billing.client.models.refunds import Refund, RefundState
from billing.client.models.shared import IntervalUnit, Money, Period, Price, SubscriptionState
from billing.client.models.subscriptions import Consent, EnrolledSubscription, SourceState, Subscription

__all__ = [
    "Access",
    "Charge",
    "ChargeKind",
    "ChargeState",
    "Consent",
    "EnrolledSubscription",
    "Event",
    "Events",
    "FreshKey",
    "IntervalUnit",
    "Invoice",
    "InvoiceKind",
    "InvoiceState",
    "Key",
    "Money",
    "Period",
    "Plan",
    "PlanAccess",
    "Price",
    "Refund",
    "RefundState",
    "Role",
    "SourceState",
    "Subscription",
    "SubscriptionState",
    "Why",
]
