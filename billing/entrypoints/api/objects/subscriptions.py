"""What a subscription is to a client."""

from datetime import date, datetime
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from billing.domain.consent import consent_days
from billing.domain.states import (
    RENEWING_SUBSCRIPTIONS,
    STARTED_SUBSCRIPTIONS,
    TRIAL_AHEAD_SUBSCRIPTIONS,
    SourceState,
    SubscriptionState,
)
from billing.entrypoints.api.ids import ChargeId, CustomerId, SourceId, SubscriptionId
from billing.entrypoints.api.objects.prices import Price
from billing.entrypoints.api.paging import ListOf
from billing.entrypoints.api.shapes import Answered, Period
from billing.operations.first_charges import Enrolment
from billing.store.columns import AnyRow
from plans.calendar import Interval, nth_period

_S = SubscriptionState


class Consent(Answered):
    """The days on which consent to the end of the trial counts, and when it was given."""

    opens: date
    closes: date
    given_at: datetime | None


class Subscription(Answered):
    """A customer's subscription to a plan, at the price it was made with.

    ``paid_through`` is the first day that is not paid for. ``next_due_at`` is null when no renewal will come, and
    ``next_attempt_at`` when no open invoice will be tried by itself. ``source_required`` says that the subscriber
    must make a new KakaoPay agreement: replace the source.
    """

    object: Literal["subscription"] = "subscription"
    id: SubscriptionId
    customer_id: CustomerId
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
    source_id: SourceId | None
    source_state: SourceState | None
    source_required: bool
    parked_reason: str | None
    zone: str
    created_at: datetime

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        """Return the subscription of a row of :mod:`billing.store.subscription_views`."""
        return cls(**_told(row))


class EnrolledSubscription(Subscription):
    """A subscription, and where its first payment is made.

    Send the subscriber to ``redirect_url``, which is null when there is nothing left to pay. The subscription is
    active when ``charge_id`` is captured.
    """

    charge_id: ChargeId | None
    redirect_url: str | None

    @classmethod
    def made(cls, row: AnyRow, enrolment: Enrolment) -> Self:
        """Return the subscription of a row with the link that enrolling, or replacing the source, gave."""
        return cls(**_told(row), charge_id=enrolment.charge_id, redirect_url=enrolment.redirect_url)


class SubscriptionList(ListOf[Subscription]):
    """A page of subscriptions, newest first."""


def _told(row: AnyRow) -> dict[str, Any]:
    stops = [at for at in (row.cancel_at, row.pause_at) if at is not None]
    renews = row.state in RENEWING_SUBSCRIPTIONS and all(row.next_due_at < at for at in stops)
    lacks_source = row.source_state is not SourceState.ACTIVE or bool(row.waits_for_agreement)
    return {
        **row._asdict(),
        "customer_reference": row.customer,
        "plan": row.plan_code,
        "price": Price.of(row),
        "current_period": _period(row),
        "next_due_at": row.next_due_at if renews else None,
        "consent": _consent(row) if row.state is _S.TRIALING else None,
        "source_required": row.state in STARTED_SUBSCRIPTIONS and lacks_source,
    }


def _period(row: AnyRow) -> Period | None:
    """Return the period that was billed last, or the trial."""
    if row.billed_index >= 0:
        period = nth_period(row.anchor, Interval(row.interval_unit, row.interval_count), row.billed_index)
        return Period(start=period.start, end=period.end)
    start = row.created_at.astimezone(ZoneInfo(row.zone)).date()
    in_trial = row.state in TRIAL_AHEAD_SUBSCRIPTIONS and start < row.anchor
    return Period(start=start, end=row.anchor) if in_trial else None


def _consent(row: AnyRow) -> Consent:
    days = consent_days(row.anchor, row.zone)
    return Consent(opens=days.opens, closes=days.closes, given_at=row.consented_at)
