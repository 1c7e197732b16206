"""What calls about subscriptions answer. Written by `make client` from the OpenAPI document."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import SkipValidation

from billing.client.answers import Answer
from billing.client.models.shared import IntervalUnit, SubscriptionState


class Consent(Answer):
    """The days on which consent to the end of the trial counts, and when it was given."""

    opens: date
    closes: date
    given_at: datetime | None


class Enrolment(Answer):
    """Send the subscriber to ``redirect_url``; it is null when there is nothing left to pay."""

    subscription_id: str
    state: SubscriptionState
    charge_id: str | None
    redirect_url: str | None


class Period(Answer):
    start: date
    end: date


class Price(Answer):
    version: int
    amount_minor: int
    currency: str
    interval: IntervalUnit
    interval_count: int


SourceState = Annotated[Literal["pending", "active", "suspect", "revoked", "replaced"], SkipValidation]


class Subscription(Answer):
    """``paid_through`` is the first day that is not paid for; ``next_due_at`` is null when no renewal will come."""

    id: str
    customer_reference: str
    plan: str
    plan_name: str
    price: Price
    state: SubscriptionState
    current_period: Period | None
    paid_through: date | None
    next_due_at: datetime | None
    next_attempt_at: datetime | None
    consent: Consent | None
    cancel_at: datetime | None
    canceled_at: datetime | None
    cancel_reason: str | None
    resume_at: datetime | None
    source_state: SourceState | None
    needs_re_enrolment: bool
    parked_reason: str | None
    zone: str
    created_at: datetime


class Subscriptions(Answer):
    """A page; the next one is asked for with ``next_cursor``, null on the last."""

    subscriptions: tuple[Subscription, ...]
    next_cursor: str | None
