"""Records that the subscriber agreed to be charged when the trial ends, where the law lets it count."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.consent import CONSENT_ZONE, consent_counts, consent_days
from billing.domain.event_types import EventType
from billing.domain.states import SubscriptionState
from billing.operations.engine import Conflict, Engine, NotFound, Refusal
from billing.operations.manage import keep_plans
from billing.operations.request_keys import done
from billing.store.cases import lock_subscriptions
from billing.store.tables import Price, Subscription
from billing.store.writes import Author, Change, change, note
from plans.calendar import billing_day


class OutsideConsentWindow(Refusal):
    """Consent counts only inside the days before the first charge."""

    code = "outside_consent_window"


def record_consent(engine: Engine, subscription_id: UUID, *, now: datetime) -> datetime:
    """Record the subscriber's consent at ``now`` (UTC) and return when it was given.

    Given twice, the first stays. It must be asked for on its own, not with the enrolment: E-Commerce Act
    art. 13(6) counts what is given within the 30 days before the first charge.

    :raises NotFound: there is no such subscription. :raises OutsideConsentWindow: it would not count today.
    :raises Conflict: it is in no trial.
    """
    keep_plans(engine, subscription_id, now=now)
    with engine.database.transaction() as tx:
        done(tx, engine)
        lock_subscriptions(tx, [subscription_id])
        row = tx.execute(
            select(
                col(Subscription.state),
                col(Subscription.zone),
                col(Subscription.anchor),
                col(Subscription.consented_at),
                col(Price.amount_minor),
                col(Price.currency),
            )
            .join(Price, col(Price.id) == col(Subscription.price_id))
            .where(col(Subscription.id) == subscription_id)
        ).one_or_none()
        if row is None:
            raise NotFound(f"there is no subscription {subscription_id}")
        if row.state is not SubscriptionState.TRIALING:
            raise Conflict(f"subscription {subscription_id} is {row.state.value}: only a trial needs consent")
        if row.consented_at is not None:
            given: datetime = row.consented_at
            return given
        first_charge = row.anchor
        if not consent_counts(now, first_charge, row.zone):
            days = consent_days(first_charge, row.zone)
            raise OutsideConsentWindow(
                f"consent to the charge of {first_charge} counts from {days.opens} to {days.closes} "
                f"({CONSENT_ZONE}); today is {billing_day(now, CONSENT_ZONE)}"
            )
        change(tx, Subscription, [Change(subscription_id, row.state, {"consented_at": now})])
        told = Note(
            EventType.SUBSCRIPTION_CONSENTED,
            {"first_charge_on": first_charge.isoformat(), "amount_minor": row.amount_minor, "currency": row.currency},
        )
        subject = ("subscription", str(subscription_id))
        note(tx, subscription_id, told, Author(engine.actor, now), subject=subject)
        return now
