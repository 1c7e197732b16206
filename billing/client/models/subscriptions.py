"""What calls about subscriptions answer. Written by `make client` from the OpenAPI document."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import SkipValidation

from billing.client.answers import Answer
from billing.client.models.shared import Money, Period, Price, SourceState, SubscriptionState


class NextCharge(Answer):
    """``on`` is the day of ``at`` in the subscription's zone. ``invoice_id`` is null while none is issued."""

    at: datetime
    on: date
    amount: Money
    period: Period
    source_id: str
    invoice_id: str | None


WhyNone = Annotated[
    Literal[
        "incomplete",
        "ended",
        "ends_first",
        "paused",
        "paused_first",
        "charge_under_way",
        "source_required",
        "consent_required",
        "dunning_over",
        "parked",
        "decision_required",
        "plan_paused",
        "charging_stopped",
    ],
    SkipValidation,
]


class ChargePreview(Answer):
    """The charge that comes next as things stand, or why none does by itself, and until when: one of them is null."""

    object: Literal["charge_preview"] = "charge_preview"
    subscription_id: str
    charge: NextCharge | None
    why_none: WhyNone | None
    until: datetime | None


class Consent(Answer):
    """The days on which consent to the end of the trial counts, and when it was given."""

    opens: date
    closes: date
    given_at: datetime | None


class EnrolledSubscription(Answer):
    """A subscription, and where its first payment is made.

    Send the subscriber to ``redirect_url``, which is null when there is nothing left to pay. The subscription is
    active when ``charge_id`` is captured.
    """

    object: Literal["subscription"] = "subscription"
    id: str
    customer_id: str
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
    pause_at: datetime | None
    resume_at: datetime | None
    source_id: str | None
    source_state: SourceState | None
    source_required: bool
    parked_reason: str | None
    zone: str
    created_at: datetime
    charge_id: str | None
    redirect_url: str | None


class Subscription(Answer):
    """A customer's subscription to a plan, at the price it was made with.

    ``paid_through`` is the first day that is not paid for. ``next_due_at`` is null when no renewal will come, and
    ``next_attempt_at`` when no open invoice will be tried by itself. ``source_required`` says that the subscriber
    must make a new KakaoPay agreement: replace the source.
    """

    object: Literal["subscription"] = "subscription"
    id: str
    customer_id: str
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
    pause_at: datetime | None
    resume_at: datetime | None
    source_id: str | None
    source_state: SourceState | None
    source_required: bool
    parked_reason: str | None
    zone: str
    created_at: datetime
