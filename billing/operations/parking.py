"""Parked rows: set aside with a reason, so that they are seen by a person and disturb nothing else."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select, update
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.invoicing import BillingSchedule, CatchUp, due_at
from billing.domain.states import (
    ENDED_SUBSCRIPTIONS,
    ChargeEvent,
    ChargeState,
    RefundEvent,
    RefundState,
    SubscriptionState,
)
from billing.operations.engine import Conflict, Engine, NotFound, Refusal
from billing.store.cases import lock_subscriptions
from billing.store.columns import AnyRow
from billing.store.tables import Charge, Price, Refund, StrayPayment, Subscription, Webhook
from billing.store.writes import Author, Change, Move, change, move, note
from plans.calendar import Interval, Period, nth_period, period_index


def park_subscription(engine: Engine, subscription_id: UUID, why: str, now: datetime) -> None:
    """Set a subscription aside: it is neither renewed nor charged until it is released."""
    with engine.database.transaction() as tx:
        lock_subscriptions(tx, [subscription_id])
        state = tx.execute(
            select(col(Subscription.state)).where(col(Subscription.id) == subscription_id)
        ).scalar_one_or_none()
        if state is None or state in ENDED_SUBSCRIPTIONS:
            return
        author = Author(engine.actor, now)
        change(tx, Subscription, [Change(subscription_id, state, {"parked_reason": why[:500]})])
        told = Note("subscription.parked", {"reason": why[:500]})
        note(tx, subscription_id, told, author, subject=("subscription", str(subscription_id)))


class Bill(StrEnum):
    """What becomes of periods that passed while a subscription was parked."""

    LATEST = "latest"
    """Bill the period that contains now; earlier ones are not charged."""
    NONE = "none"
    """Bill from the next period on; what has passed, and the present period, are not charged."""


def release_subscription(
    engine: Engine, subscription_id: UUID, reason: str, now: datetime, *, bill: Bill | None = None
) -> int:
    """Let a parked subscription be renewed and charged again; what is due is due at once.

    ``bill`` decides about periods that passed; without it they follow the catch-up policy. Returns how many
    of them will not be charged.

    :raises NotFound: there is no such subscription.
    :raises Conflict: it has ended.
    :raises Refusal: it is not parked, or the catch-up policy would park it again because ``bill`` is not told.
    """
    author = Author(engine.actor, now)
    subject = ("subscription", str(subscription_id))
    with engine.database.transaction() as tx:
        row = _locked_subscription(tx, subscription_id)
        if row is None:
            raise NotFound(f"there is no subscription {subscription_id}")
        if row.state in ENDED_SUBSCRIPTIONS:
            raise Conflict(f"subscription {subscription_id} is {row.state.value}: it has ended, and is not renewed")
        if row.parked_reason is None:
            raise Refusal(f"subscription {subscription_id} is not parked")
        written, missed = _caught_up(engine, row, now, bill)
        change(tx, Subscription, [Change(subscription_id, row.state, {"parked_reason": None, **written})])
        if missed:
            told = {
                "count": len(missed),
                "from": missed[0].start.isoformat(),
                "to": missed[-1].end.isoformat(),
            }
            note(tx, subscription_id, Note("subscription.periods_missed", told), author, subject=subject)
        released = Note("subscription.released", {"reason": reason, "was": row.parked_reason})
        note(tx, subscription_id, released, author, subject=subject)
    return len(missed)


def _locked_subscription(tx: Connection, subscription_id: UUID) -> AnyRow | None:
    lock_subscriptions(tx, [subscription_id])
    return tx.execute(
        select(
            col(Subscription.id),
            col(Subscription.state),
            col(Subscription.parked_reason),
            col(Subscription.anchor),
            col(Subscription.zone),
            col(Subscription.billed_index),
            col(Price.interval_unit),
            col(Price.interval_count),
        )
        .join(Price, col(Price.id) == col(Subscription.price_id))
        .where(col(Subscription.id) == subscription_id)
    ).one_or_none()


def _caught_up(
    engine: Engine, row: AnyRow, now: datetime, bill: Bill | None
) -> tuple[dict[str, object], Sequence[Period]]:
    """Return the columns that place the subscription in time, and the periods that are left out by it."""
    interval = Interval(row.interval_unit, row.interval_count)
    schedule = BillingSchedule(row.id, row.anchor, interval, row.zone, row.billed_index)
    today = now.astimezone(ZoneInfo(row.zone)).date()
    following = row.billed_index + 1
    current = period_index(row.anchor, interval, today) if today >= row.anchor else following - 1
    behind = current - following  # periods before the present one that have no invoice
    if bill is None:
        renews = row.state in (SubscriptionState.ACTIVE, SubscriptionState.TRIALING)
        if behind > 0 and renews and engine.rules.catch_up is CatchUp.HOLD:
            raise Refusal(
                f"{behind} periods passed unbilled, and catch_up = hold would park it again: "
                "release it with --bill latest or --bill none"
            )
        return {}, ()
    last = current - 1 if bill is Bill.LATEST else current
    if last < following:
        return {}, ()
    missed = [nth_period(row.anchor, interval, index) for index in range(following, last + 1)]
    return {"billed_index": last, "next_due_at": due_at(schedule, last + 1, engine.rules.window)}, missed


def release_charge(engine: Engine, charge_id: UUID, reason: str, now: datetime) -> None:
    """Let a parked charge be looked up again; its outcome is whatever the gateway then tells.

    :raises NotFound: there is no such charge. :raises Refusal: it is not parked.
    """
    with engine.database.transaction() as tx:
        row = tx.execute(
            select(col(Charge.state), col(Charge.subscription_id)).where(col(Charge.id) == charge_id)
        ).one_or_none()
        if row is None:
            raise NotFound(f"there is no charge {charge_id}")
        if row.state is not ChargeState.PARKED:
            raise Refusal(f"charge {charge_id} is {row.state.value}, not parked")
        lock_subscriptions(tx, [row.subscription_id])
        fresh = {"check_at": now, "checks": 0, "absent_looks": 0, "error": None}
        told = Move(charge_id, row.state, ChargeEvent.RELEASE, fresh, row.subscription_id, {"reason": reason})
        move(tx, Charge, [told], Author(engine.actor, now))


def release_refund(engine: Engine, refund_id: UUID, reason: str, now: datetime) -> None:
    """Let a parked refund be looked up again, and sent again if the gateway does not know it.

    :raises NotFound: there is no such refund. :raises Refusal: it is not parked.
    """
    with engine.database.transaction() as tx:
        row = tx.execute(
            select(col(Refund.state), col(Charge.subscription_id))
            .join(Charge, col(Charge.id) == col(Refund.charge_id))
            .where(col(Refund.id) == refund_id)
        ).one_or_none()
        if row is None:
            raise NotFound(f"there is no refund {refund_id}")
        if row.state is not RefundState.PARKED:
            raise Refusal(f"refund {refund_id} is {row.state.value}, not parked")
        fresh = {"check_at": now, "sends": 0, "checks": 0, "absent_looks": 0, "error": None}
        told = Move(refund_id, row.state, RefundEvent.RELEASE, fresh, row.subscription_id, {"reason": reason})
        move(tx, Refund, [told], Author(engine.actor, now))


def release_webhook(engine: Engine, webhook_id: int, reason: str, now: datetime) -> None:
    """Let a parked webhook be processed again by the next sweep.

    :raises NotFound: there is no such webhook. :raises Refusal: it is not parked.
    """
    with engine.database.transaction() as tx:
        state = tx.execute(select(col(Webhook.state)).where(col(Webhook.id) == webhook_id)).scalar_one_or_none()
        if state is None:
            raise NotFound(f"there is no webhook {webhook_id}")
        fresh = {"state": "received", "tries": 0, "next_try_at": now, "why": None}
        parked = (col(Webhook.id) == webhook_id, col(Webhook.state) == "parked")
        if tx.execute(update(Webhook).where(*parked).values(**fresh)).rowcount != 1:
            raise Refusal(f"webhook {webhook_id} is {state}, not parked")
        told = Note("webhook.released", {"reason": reason})
        note(tx, None, told, Author(engine.actor, now), subject=("webhook", str(webhook_id)))


def close_stray(engine: Engine, payment_id: str, reason: str, now: datetime) -> None:
    """Write down that a person has dealt with a stray payment; it is not asked about any more.

    :raises NotFound: no such payment was ever found astray. :raises Refusal: it is resolved already.
    """
    with engine.database.transaction() as tx:
        row = tx.execute(
            select(col(StrayPayment.resolution), col(StrayPayment.resolved_at), col(Charge.subscription_id))
            .join(Charge, col(Charge.id) == col(StrayPayment.charge_id), isouter=True)
            .where(col(StrayPayment.gateway_payment_id) == payment_id)
        ).one_or_none()
        if row is None:
            raise NotFound(f"there is no stray payment {payment_id}")
        is_open = (col(StrayPayment.gateway_payment_id) == payment_id, col(StrayPayment.resolved_at).is_(None))
        done = {"resolved_at": now, "resolution": f"by hand: {reason}"[:200]}
        if tx.execute(update(StrayPayment).where(*is_open).values(**done)).rowcount != 1:
            raise Refusal(f"payment {payment_id} is resolved already: {row.resolution}")
        told = Note("payment.released", {"reason": reason})
        note(tx, row.subscription_id, told, Author(engine.actor, now), subject=("payment", payment_id))
