"""Parked rows: set aside with a reason, so that they are seen by a person and disturb nothing else."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.states import ChargeEvent, ChargeState, RefundEvent, RefundState
from billing.operations.engine import Engine, NotFound, Refusal
from billing.store.cases import lock_subscriptions
from billing.store.tables import Charge, Refund, Subscription
from billing.store.writes import Author, Change, Move, change, move, note


def park_subscription(engine: Engine, subscription_id: UUID, why: str, now: datetime) -> None:
    """Set a subscription aside: it is neither renewed nor charged until it is released."""
    with engine.database.transaction() as tx:
        lock_subscriptions(tx, [subscription_id])
        state = tx.execute(
            select(col(Subscription.state)).where(col(Subscription.id) == subscription_id)
        ).scalar_one_or_none()
        if state is None:
            return
        author = Author(engine.actor, now)
        change(tx, Subscription, [Change(subscription_id, state, {"parked_reason": why[:500]})])
        told = Note("subscription.parked", {"reason": why[:500]})
        note(tx, subscription_id, told, author, subject=("subscription", str(subscription_id)))


def release_subscription(engine: Engine, subscription_id: UUID, reason: str, now: datetime) -> None:
    """Let a parked subscription be renewed and charged again; what is due is due at once.

    :raises NotFound: there is no such subscription. :raises Refusal: it is not parked.
    """
    with engine.database.transaction() as tx:
        lock_subscriptions(tx, [subscription_id])
        row = tx.execute(
            select(col(Subscription.state), col(Subscription.parked_reason)).where(
                col(Subscription.id) == subscription_id
            )
        ).one_or_none()
        if row is None:
            raise NotFound(f"there is no subscription {subscription_id}")
        if row.parked_reason is None:
            raise Refusal(f"subscription {subscription_id} is not parked")
        change(tx, Subscription, [Change(subscription_id, row.state, {"parked_reason": None})])
        told = Note("subscription.released", {"reason": reason, "was": row.parked_reason})
        subject = ("subscription", str(subscription_id))
        note(tx, subscription_id, told, Author(engine.actor, now), subject=subject)


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
    """Let a parked refund be looked up again.

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
        fresh = {"check_at": now, "checks": 0, "absent_looks": 0, "error": None}
        told = Move(refund_id, row.state, RefundEvent.RELEASE, fresh, row.subscription_id, {"reason": reason})
        move(tx, Refund, [told], Author(engine.actor, now))
