"""What calls about customers answer. Written by `make client` from the OpenAPI document."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import SkipValidation

from billing.client.answers import Answer
from billing.client.models.shared import SubscriptionState

Why = Annotated[Literal["paid", "trial", "forgiven", "grace", "pending", "none"], SkipValidation]


class PlanAccess(Answer):
    """``until`` is, as things stand, the first day on which ``allowed`` no longer holds; null when it may not be used.

    ``why`` is ``paid``; ``trial``; ``forgiven``: the invoice of the period was voided or written off; ``grace``: the
    renewal failed, and is tried again or waits for a new agreement, until the day before ``until``; ``pending``: the
    renewal is due, or its outcome is not known yet, for no fault of the subscriber's; or ``none``: it may not be used.
    """

    plan: str
    allowed: bool
    until: date | None
    why: Why
    subscription_id: str
    subscription_state: SubscriptionState


class Access(Answer):
    """Which plans a customer may use: one entry for each plan they ever subscribed to, in the order of codes."""

    object: Literal["access"] = "access"
    customer_id: str
    customer_reference: str
    plans: tuple[PlanAccess, ...]


class Customer(Answer):
    """Somebody who subscribes. ``reference`` is your own id of them, and never changes.

    ``country`` is null when the configured one counts. Once ``erased_at``, name, address, phone number and country are
    null for ever.
    """

    object: Literal["customer"] = "customer"
    id: str
    reference: str
    name: str | None
    email: str | None
    phone: str | None
    locale: str
    country: str | None
    created_at: datetime
    erased_at: datetime | None
