"""Reads the facts that a decision about charges is made from, under the subscriptions' row locks."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, exists, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from billing.domain.cases import Case
from billing.domain.states import LIVE_SUBSCRIPTIONS, RevocationState, SourceState
from billing.store.among import among
from billing.store.columns import AnyRow
from billing.store.schedules import schedule_of
from billing.store.tables import Charge, Invoice, Price, Source, Subscription
from plans.calendar import Period
from plans.money import Money


def lock_subscriptions(tx: Connection, subscription_ids: Sequence[UUID], *, skip_locked: bool = False) -> set[UUID]:
    """Lock subscription rows until the transaction ends, in one order, and return those that were locked.

    SQLite has one writer, whose lock the transaction already holds.
    """
    return set(tx.execute(_lock(skip_locked), {"ids": list(subscription_ids)}).scalars())


def load_cases(tx: Connection, charge_ids: Sequence[UUID]) -> list[Case]:
    """Lock the subscriptions of these charges and return their cases, ordered by subscription.

    The rows are read by a second statement: under READ COMMITTED the first one's view of the
    other tables is older than the lock it waited for.
    """
    owners = tx.execute(_owners(), {"ids": list(charge_ids)})
    lock_subscriptions(tx, list(owners.scalars()))
    return [_case(row) for row in tx.execute(_cases(), {"ids": list(charge_ids)})]


# The statements are built once: building one costs more than running it.


@cache
def _lock(skip_locked: bool) -> Select[UUID]:
    return (
        select(col(Subscription.id))
        .where(among(col(Subscription.id)))
        .order_by(col(Subscription.id))
        .with_for_update(skip_locked=skip_locked)
    )


@cache
def _owners() -> Select[UUID]:
    return select(col(Charge.subscription_id)).where(among(col(Charge.id)))


@cache
def _cases() -> Select[*tuple[Any, ...]]:
    current = aliased(Source)
    other = aliased(Subscription)
    lives_elsewhere = exists().where(
        col(other.customer_id) == col(Subscription.customer_id),
        col(other.plan_code) == col(Subscription.plan_code),
        col(other.id) != col(Subscription.id),
        col(other.state).in_(LIVE_SUBSCRIPTIONS)
        # It has ended, and its paid days would be paid for twice.
        | ((col(other.paid_through) > col(Invoice.period_start)) & (col(other.billed_index) >= 0)),
    )
    return (
        select(
            col(Charge.id),
            col(Charge.state),
            col(Charge.kind),
            col(Charge.automatic),
            col(Charge.attempt_no),
            col(Charge.reference),
            col(Charge.amount_minor),
            col(Charge.currency),
            col(Charge.gateway_payment_id),
            col(Charge.checks),
            col(Charge.sends),
            col(Charge.sent_at),
            col(Charge.check_at),
            col(Charge.source_id),
            col(Invoice.id).label("invoice_id"),
            col(Invoice.state).label("invoice_state"),
            col(Invoice.kind).label("invoice_kind"),
            col(Invoice.failures),
            col(Invoice.technical_failures),
            col(Invoice.first_failed_on),
            col(Invoice.grace_until),
            col(Invoice.lost_days),
            col(Invoice.lost_spans),
            col(Invoice.period_start),
            col(Invoice.period_end),
            col(Subscription.id).label("subscription_id"),
            col(Subscription.state).label("subscription_state"),
            col(Subscription.zone),
            col(Subscription.anchor),
            col(Subscription.billed_index),
            col(Price.interval_unit),
            col(Price.interval_count),
            col(Subscription.paid_through),
            col(Subscription.paused_by_dunning),
            col(Subscription.source_id).label("current_source_id"),
            col(Source.state).label("source_state"),
            col(Source.revocation).label("source_revocation"),
            col(current.state).label("current_source_state"),
            lives_elsewhere.label("lives_elsewhere"),
        )
        .join(Invoice, col(Invoice.id) == col(Charge.invoice_id))
        .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
        .join(Price, col(Price.id) == col(Subscription.price_id))
        .join(Source, col(Source.id) == col(Charge.source_id), isouter=True)
        .join(current, col(current.id) == col(Subscription.source_id), isouter=True)
        .where(among(col(Charge.id)))
        .order_by(col(Subscription.id), col(Charge.id))
    )


def _case(row: AnyRow) -> Case:
    replaced: SourceState | None = row.current_source_state
    return Case(
        charge_id=row.id,
        charge_state=row.state,
        charge_kind=row.kind,
        automatic=row.automatic,
        attempt_no=row.attempt_no,
        reference=row.reference,
        amount=Money(row.amount_minor, row.currency),
        gateway_payment_id=row.gateway_payment_id,
        checks=row.checks,
        sends=row.sends,
        sent_at=row.sent_at,
        check_at=row.check_at,
        invoice_id=row.invoice_id,
        invoice_state=row.invoice_state,
        invoice_kind=row.invoice_kind,
        failures=row.failures,
        technical_failures=row.technical_failures,
        first_failed_on=row.first_failed_on,
        grace_until=row.grace_until,
        lost_days=row.lost_days,
        lost_spans=row.lost_spans,
        period=Period(row.period_start, row.period_end),
        subscription_id=row.subscription_id,
        subscription_state=row.subscription_state,
        zone=row.zone,
        schedule=schedule_of(row, row.subscription_id),
        paid_through=row.paid_through,
        subscription_source_id=row.current_source_id,
        source_id=row.source_id,
        source_state=row.source_state,
        replaced_source_state=replaced,
        has_other_live_subscription=row.lives_elsewhere,
        paused_by_dunning=row.paused_by_dunning,
        source_revocation=row.source_revocation or RevocationState.NONE,
    )
