"""Looking at subscriptions, and cancelling, pausing and resuming them."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.ids import SubscriptionId
from billing.entrypoints.api.managing import managed
from billing.entrypoints.api.models import Cancellation, Pause, SubscriptionQuery
from billing.entrypoints.api.objects.previews import ChargePreview
from billing.entrypoints.api.objects.subscriptions import Subscription, SubscriptionList
from billing.entrypoints.api.paging import list_of, page_asked
from billing.entrypoints.api.shapes import Reasoned
from billing.operations.consent import record_consent
from billing.operations.engine import NotFound
from billing.operations.manage import (
    cancel_at,
    cancel_at_period_end,
    cancel_now,
    pause,
    pause_at_period_end,
    resume,
    undo_cancel,
    undo_pause,
)
from billing.operations.preview_charge import preview_charge
from billing.store.columns import AnyRow
from billing.store.subscription_views import find_subscription, list_subscriptions

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])


@router.get("", operation_id="list_subscriptions")
def read_subscriptions(query: Annotated[SubscriptionQuery, Query()], desk: DeskOfRequest) -> SubscriptionList:
    """List subscriptions, newest first."""
    page = page_asked("subscriptions", query)
    with desk.reading() as tx:
        rows = list_subscriptions(
            tx,
            page,
            customer_id=query.customer_id,
            reference=query.customer_reference,
            plan=query.plan,
            state=query.state,
            created=query.created,
        )
    return list_of(SubscriptionList, "subscriptions", page, rows, Subscription.of)


@router.get("/{subscription_id}", operation_id="get_subscription")
def read_subscription(subscription_id: SubscriptionId, desk: DeskOfRequest) -> Subscription:
    """Show a subscription."""
    return shown(desk, subscription_id)


@router.get("/{subscription_id}/preview", operation_id="preview_next_charge")
def preview(subscription_id: SubscriptionId, desk: DeskOfRequest) -> ChargePreview:
    """Show which charge comes next, or why none does

    As things stand: when, how much, for which period, and on which KakaoPay agreement. Nothing is changed.
    """
    return ChargePreview.of(preview_charge(desk.engine, subscription_id, now=desk.now()))


@router.post("/{subscription_id}/cancel", operation_id="cancel_subscription")
def cancel(subscription_id: SubscriptionId, desk: DeskOfRequest, wanted: Cancellation | None = None) -> Subscription:
    """Cancel a subscription

    At the end of the period that is paid or was forgiven, unless `at` says now or a date; at once if it is over. At
    `now` it ends at once: nothing is charged any more, nothing is given back, and what is paid may still be used up, as
    access tells. A charge under way when it ends is given back once it is captured. No body is needed.
    """
    desk = desk.because(wanted)
    how = wanted or Cancellation()

    def act(now: datetime) -> object:
        if how.on is not None:
            return cancel_at(desk.engine, subscription_id, on=how.on, reason=how.reason, now=now)
        cancel_then = cancel_now if how.at == "now" else cancel_at_period_end
        return cancel_then(desk.engine, subscription_id, reason=how.reason, now=now)

    return _managed(desk, "cancel", subscription_id, act)


@router.post("/{subscription_id}/undo-cancel", operation_id="undo_cancel_subscription")
def take_cancellation_back(
    subscription_id: SubscriptionId, desk: DeskOfRequest, wanted: Reasoned | None = None
) -> Subscription:
    """Take back a cancellation that has not come yet."""
    desk = desk.because(wanted)
    return _managed(
        desk, "undo_cancel", subscription_id, lambda now: undo_cancel(desk.engine, subscription_id, now=now)
    )


@router.post("/{subscription_id}/pause", operation_id="pause_subscription")
def pause_subscription(
    subscription_id: SubscriptionId, desk: DeskOfRequest, wanted: Pause | None = None
) -> Subscription:
    """Pause a subscription

    Nothing is billed or charged until it is resumed, by hand or at `resume_at`. No body is needed.
    """
    desk = desk.because(wanted)
    how = wanted or Pause()
    act = pause if how.at == "now" else pause_at_period_end
    return _managed(
        desk, "pause", subscription_id, lambda now: act(desk.engine, subscription_id, resume_at=how.resume_at, now=now)
    )


@router.post("/{subscription_id}/undo-pause", operation_id="undo_pause_subscription")
def take_pause_back(
    subscription_id: SubscriptionId, desk: DeskOfRequest, wanted: Reasoned | None = None
) -> Subscription:
    """Take back a pause that has not begun yet."""
    desk = desk.because(wanted)
    return _managed(desk, "undo_pause", subscription_id, lambda now: undo_pause(desk.engine, subscription_id, now=now))


@router.post("/{subscription_id}/resume", operation_id="resume_subscription")
def resume_subscription(
    subscription_id: SubscriptionId, desk: DeskOfRequest, wanted: Reasoned | None = None
) -> Subscription:
    """Resume a paused subscription; days that were paused are never billed."""
    desk = desk.because(wanted)
    return _managed(desk, "resume", subscription_id, lambda now: resume(desk.engine, subscription_id, now=now))


@router.post("/{subscription_id}/consent", operation_id="consent_to_first_charge")
def give_consent(subscription_id: SubscriptionId, desk: DeskOfRequest, wanted: Reasoned | None = None) -> Subscription:
    """Record that the subscriber agrees to be charged when the trial ends

    Asked for just now and on its own. Refused outside the 30 days before the first charge, where it does not count
    (E-Commerce Act art. 13(6)).
    """
    desk = desk.because(wanted)
    return _managed(desk, "consent", subscription_id, lambda now: record_consent(desk.engine, subscription_id, now=now))


def shown(desk: Desk, subscription_id: UUID) -> Subscription:
    """Return a subscription as it now is.

    :raises NotFound: there is none of this id.
    """
    return Subscription.of(row_of(desk, subscription_id))


def row_of(desk: Desk, subscription_id: UUID) -> AnyRow:
    """Return the row that a subscription is made of.

    :raises NotFound: there is none of this id.
    """
    with desk.reading() as tx:
        row = find_subscription(tx, subscription_id)
    if row is None:
        raise NotFound("there is no subscription of this id")
    return row


def _managed(desk: Desk, name: str, subscription_id: UUID, act: Callable[[datetime], object]) -> Subscription:
    return managed(desk, name, act, lambda: shown(desk, subscription_id), about=subscription_id)
