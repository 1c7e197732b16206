"""Records that the subscriber agreed to be charged when the trial ends, where the law lets it count."""

from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.states import SubscriptionState
from billing.operations.engine import Conflict, Engine, NotFound, Refusal
from billing.operations.renew_due import CONSENT_WINDOW
from billing.operations.request_keys import done
from billing.store.cases import lock_subscriptions
from billing.store.tables import Price, Subscription
from billing.store.writes import Author, Change, change, note


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
        opens, first_charge = row.anchor - CONSENT_WINDOW, row.anchor
        today = now.astimezone(ZoneInfo(row.zone)).date()
        if not opens <= today < first_charge:
            raise OutsideConsentWindow(
                f"consent to the charge of {first_charge} counts from {opens} to {first_charge - timedelta(days=1)} "
                f"({row.zone}); today is {today}"
            )
        change(tx, Subscription, [Change(subscription_id, row.state, {"consented_at": now})])
        told = Note(
            "subscription.consented",
            {"first_charge_on": first_charge.isoformat(), "amount_minor": row.amount_minor, "currency": row.currency},
        )
        subject = ("subscription", str(subscription_id))
        note(tx, subscription_id, told, Author(engine.actor, now), subject=subject)
        return now
