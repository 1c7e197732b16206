"""What calls about customers answer. Written by `make client` from the OpenAPI document."""

from datetime import date
from typing import Annotated, Literal

from pydantic import SkipValidation

from billing.client.answers import Answer
from billing.client.models.shared import SubscriptionState

Why = Annotated[Literal["paid", "trial", "grace", "pending", "none"], SkipValidation]


class Entitlement(Answer):
    """``until`` is the first day on which it no longer holds, null when no day is fixed."""

    subscription_id: str
    plan: str
    state: SubscriptionState
    entitled: bool
    until: date | None
    why: Why


class Entitlements(Answer):
    customer_reference: str
    entitlements: tuple[Entitlement, ...]
