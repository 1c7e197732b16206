"""What several resources answer with. Written by `make client` from the OpenAPI document."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import SkipValidation

from billing.client.answers import Answer

EventType = Annotated[
    Literal[
        "subscription.created",
        "subscription.activated",
        "subscription.trial_started",
        "subscription.enrolment_expired",
        "subscription.renewed",
        "subscription.not_billed",
        "subscription.past_due",
        "subscription.recovered",
        "subscription.forgiven",
        "subscription.unpaid",
        "subscription.source_required",
        "subscription.consented",
        "subscription.paused",
        "subscription.pause_scheduled",
        "subscription.pause_undone",
        "subscription.resumed",
        "subscription.cancel_scheduled",
        "subscription.cancel_undone",
        "subscription.canceled",
        "invoice.issued",
        "invoice.payment_failed",
        "invoice.paid",
        "invoice.voided",
        "invoice.uncollectible",
        "charge.failed",
        "charge.unknown",
        "charge.captured",
        "charge.disputed",
        "charge.dispute_updated",
        "charge.dispute_won",
        "charge.dispute_lost",
        "refund.created",
        "refund.succeeded",
        "refund.failed",
        "refund_obligation.created",
        "refund_obligation.parked",
        "refund_obligation.refunded",
        "refund_obligation.settled",
        "source.activated",
        "source.revoked",
        "source.revocation_confirmed",
        "source.revocation_settled",
        "source.revocation_parked",
        "source.replaced",
        "plan.created",
        "plan.renamed",
        "plan.archived",
        "plan.paused",
        "plan.resumed",
        "price.created",
        "customer.created",
        "customer.updated",
        "customer.erased",
        "webhook_endpoint.disabled",
        "webhook_endpoint.test",
    ],
    SkipValidation,
]


class Subject(Answer):
    """What an event is about. A plan's id is its code."""

    object: str
    id: str


class Event(Answer):
    """Something that happened. The types and what is in ``data`` are listed in the documentation of webhooks.

    ``sequence`` grows with each event of the same subject: a greater one is later, whatever order they arrive in.
    ``subscription_id`` and ``customer_id`` are the ids of whom it concerns.
    """

    object: Literal["event"] = "event"
    id: str
    type: EventType
    created_at: datetime
    sequence: int
    subject: Subject
    subscription_id: str | None
    customer_id: str | None
    data: dict[str, Any]


IntervalUnit = Annotated[Literal["day", "week", "month", "year"], SkipValidation]


class Money(Answer):
    """``amount`` is in minor units of the currency: 9900 KRW is ₩9,900."""

    amount: int
    currency: str


class Period(Answer):
    """Days in the subscription's zone; ``end`` is the first day behind it."""

    start: date
    end: date


class Price(Answer):
    """A version of a plan's price: ``amount`` every so many ``interval``, after ``trial_days`` without one."""

    object: Literal["price"] = "price"
    id: str
    plan: str
    version: int
    amount: Money
    interval: IntervalUnit
    interval_count: int
    trial_days: int
    created_at: datetime


SourceState = Annotated[Literal["pending", "active", "suspect", "revoked", "replaced"], SkipValidation]

SubscriptionState = Annotated[
    Literal["incomplete", "incomplete_expired", "trialing", "active", "past_due", "paused", "unpaid", "canceled"],
    SkipValidation,
]
