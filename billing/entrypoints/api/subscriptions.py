"""Looking at subscriptions, and cancelling, pausing and resuming them."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from billing.entrypoints.api.answers import SubscriptionAnswer
from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.models import Cancellation, Pause, SubscriptionQuery
from billing.operations.consent import record_consent
from billing.operations.engine import NotFound
from billing.operations.manage import cancel_at_period_end, cancel_now, pause, resume, undo_cancel
from billing.store.subscription_views import find_subscription, list_subscriptions

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])


class SubscriptionsAnswer(BaseModel):
    """A page; the next one is asked for with ``next_cursor``, null on the last."""

    subscriptions: list[SubscriptionAnswer]
    next_cursor: UUID | None


@router.get("")
def read_subscriptions(query: Annotated[SubscriptionQuery, Query()], desk: DeskOfRequest) -> SubscriptionsAnswer:
    """List subscriptions, of one customer or in one state if asked so."""
    with desk.reading() as tx:
        rows = list_subscriptions(
            tx, customer=query.customer, state=query.state, after=query.cursor, limit=query.limit + 1
        )
    page = [SubscriptionAnswer.of(row) for row in rows[: query.limit]]
    return SubscriptionsAnswer(subscriptions=page, next_cursor=page[-1].id if len(rows) > query.limit else None)


@router.get("/{subscription_id}")
def read_subscription(subscription_id: UUID, desk: DeskOfRequest) -> SubscriptionAnswer:
    """Show a subscription."""
    return _shown(desk, subscription_id)


@router.post("/{subscription_id}/cancel")
def cancel(subscription_id: UUID, desk: DeskOfRequest, wanted: Cancellation | None = None) -> SubscriptionAnswer:
    """Cancel, at the end of what is paid for unless `at` is `now`. One call, no body needed."""
    how = wanted or Cancellation()
    act = cancel_now if how.at == "now" else cancel_at_period_end
    return _managed(
        desk, "cancel", subscription_id, lambda now: act(desk.engine, subscription_id, reason=how.reason, now=now)
    )


@router.post("/{subscription_id}/undo-cancel")
def take_cancellation_back(subscription_id: UUID, desk: DeskOfRequest) -> SubscriptionAnswer:
    """Take back a cancellation at period end."""
    return _managed(
        desk, "undo_cancel", subscription_id, lambda now: undo_cancel(desk.engine, subscription_id, now=now)
    )


@router.post("/{subscription_id}/pause")
def pause_subscription(subscription_id: UUID, desk: DeskOfRequest, wanted: Pause | None = None) -> SubscriptionAnswer:
    """Pause: nothing is billed or charged until it is resumed, by hand or at `resume_at`."""
    until = wanted.resume_at if wanted is not None else None
    return _managed(
        desk, "pause", subscription_id, lambda now: pause(desk.engine, subscription_id, resume_at=until, now=now)
    )


@router.post("/{subscription_id}/resume")
def resume_subscription(subscription_id: UUID, desk: DeskOfRequest) -> SubscriptionAnswer:
    """Resume a paused subscription; days that were paused are never billed."""
    return _managed(desk, "resume", subscription_id, lambda now: resume(desk.engine, subscription_id, now=now))


@router.post("/{subscription_id}/consent")
def give_consent(subscription_id: UUID, desk: DeskOfRequest) -> SubscriptionAnswer:
    """Record that the subscriber agreed, just now and on its own, to be charged when the trial ends.

    Refused outside the 30 days before the first charge, where it does not count (E-Commerce Act art. 13(6)).
    """
    return _managed(desk, "consent", subscription_id, lambda now: record_consent(desk.engine, subscription_id, now=now))


def _managed(desk: Desk, name: str, subscription_id: UUID, act: Callable[[datetime], object]) -> SubscriptionAnswer:
    desk.act(name, act, about=subscription_id)
    return _shown(desk, subscription_id)


def _shown(desk: Desk, subscription_id: UUID) -> SubscriptionAnswer:
    with desk.reading() as tx:
        row = find_subscription(tx, subscription_id)
    if row is None:
        raise NotFound(f"there is no subscription {subscription_id}")
    return SubscriptionAnswer.of(row)
