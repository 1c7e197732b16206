"""Parked rows: set aside with a reason, so that they are seen by a person and disturb nothing else."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select, update
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.consent import consent_counts
from billing.domain.days.records import DayKind
from billing.domain.days.releasing import Bill, Release, first_unbilled, release
from billing.domain.days.renewing import CatchUp
from billing.domain.event_types import EventType
from billing.domain.states import (
    ENDED_SUBSCRIPTIONS,
    RENEWING_SUBSCRIPTIONS,
    ChargeEvent,
    ChargeState,
    RefundEvent,
    RefundState,
    SubscriptionState,
)
from billing.operations.engine import Conflict, Engine, NotFound, Refusal
from billing.operations.issuing import issue_renewals, renewal_invoice
from billing.operations.manage import keep_plans
from billing.operations.owed_days import forgive_invoices
from billing.store.cases import lock_subscriptions
from billing.store.columns import AnyRow
from billing.store.day_records import write_day_records
from billing.store.queries import open_invoices
from billing.store.schedules import schedule_of
from billing.store.tables import Charge, Price, Refund, StrayPayment, Subscription, Webhook
from billing.store.writes import Author, Change, Move, change, move, note
from plans.calendar import billing_day
from plans.money import Money


def park_subscription(engine: Engine, subscription_id: UUID, why: str, now: datetime) -> None:
    """Set a subscription aside: it is neither renewed nor charged until it is released.

    It is told of once: a subscription that is parked for the same reason stays as it is.
    """
    with engine.database.transaction() as tx:
        lock_subscriptions(tx, [subscription_id])
        row = tx.execute(
            select(col(Subscription.state), col(Subscription.parked_reason)).where(
                col(Subscription.id) == subscription_id
            )
        ).one_or_none()
        if row is None or row.state in ENDED_SUBSCRIPTIONS or row.parked_reason == why[:500]:
            return
        author = Author(engine.actor, now)
        change(tx, Subscription, [Change(subscription_id, row.state, {"parked_reason": why[:500]})])
        told = Note(EventType.SUBSCRIPTION_PARKED, {"reason": why[:500]})
        note(tx, subscription_id, told, author, subject=("subscription", str(subscription_id)))


def release_subscription(
    engine: Engine, subscription_id: UUID, reason: str, now: datetime, *, bill: Bill | None = None
) -> int:
    """Let a parked subscription be renewed and charged again; what is due is due at once.

    ``bill`` decides about the period that came due meanwhile; without it the period is billed if it is still running.
    Returns how many days are forgiven.

    :raises NotFound: there is no such subscription.
    :raises Conflict: it has ended.
    :raises Refusal: it is not parked, or the catch-up policy is to hold and ``bill`` is not told.
    """
    author = Author(engine.actor, now)
    subject = ("subscription", str(subscription_id))
    keep_plans(engine, subscription_id, now=now)
    with engine.database.transaction() as tx:
        row = _locked_subscription(tx, subscription_id)
        if row is None:
            raise NotFound(f"there is no subscription {subscription_id}")
        if row.state in ENDED_SUBSCRIPTIONS:
            raise Conflict(f"subscription {subscription_id} is {row.state.value}: it has ended, and is not renewed")
        if row.parked_reason is None:
            raise Refusal(f"subscription {subscription_id} is not parked")
        released = _release(tx, engine, row, now, bill)
        written = {"parked_reason": None, **released.columns}
        change(tx, Subscription, [Change(subscription_id, row.state, written)])
        if released.issued is not None:
            issue_renewals(tx, [renewal_invoice(subscription_id, _price(row), released.issued, now, now)], author)
        forgive_invoices(tx, released.forgiven_invoices, subscription_id, author)
        write_day_records(tx, [(subscription_id, each) for each in released.records], author)
        told = Note(EventType.SUBSCRIPTION_RELEASED, {"reason": reason, "was": row.parked_reason})
        note(tx, subscription_id, told, author, subject=subject)
    return sum((each.end - each.start).days for each in released.records if each.kind is DayKind.FORGIVEN)


def _locked_subscription(tx: Connection, subscription_id: UUID) -> AnyRow | None:
    lock_subscriptions(tx, [subscription_id])
    return tx.execute(
        select(
            col(Subscription.id),
            col(Subscription.state),
            col(Subscription.parked_reason),
            col(Subscription.consented_at),
            col(Subscription.anchor),
            col(Subscription.zone),
            col(Subscription.billed_index),
            col(Price.amount_minor),
            col(Price.currency),
            col(Price.interval_unit),
            col(Price.interval_count),
        )
        .join(Price, col(Price.id) == col(Subscription.price_id))
        .where(col(Subscription.id) == subscription_id)
    ).one_or_none()


def _release(tx: Connection, engine: Engine, row: AnyRow, now: datetime, bill: Bill | None) -> Release:
    if row.state not in RENEWING_SUBSCRIPTIONS:
        return Release()
    schedule, today = schedule_of(row), billing_day(now, row.zone)
    if row.state is SubscriptionState.TRIALING and schedule.next_start <= today:
        given: datetime | None = row.consented_at
        if given is None or not consent_counts(given, today, row.zone):
            return Release()  # the next sweep ends it
    owed = open_invoices(tx, [row.id]).get(row.id, [])
    first = first_unbilled(schedule, today, owed)
    if bill is None and first is not None and first.end <= today and engine.rules.catch_up is CatchUp.HOLD:
        raise Refusal(
            f"the period from {first.start} to {first.end} passed unbilled, and catch_up = hold asks for a decision: "
            "release it with --bill latest, --bill first or --bill none"
        )
    return release(schedule, today, owed, bill or Bill.LATEST, engine.rules.window)


def _price(row: AnyRow) -> Money:
    return Money(row.amount_minor, row.currency)


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
        told = Note(EventType.WEBHOOK_RELEASED, {"reason": reason})
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
        told = Note(EventType.PAYMENT_RELEASED, {"reason": reason})
        note(tx, row.subscription_id, told, Author(engine.actor, now), subject=("payment", payment_id))
