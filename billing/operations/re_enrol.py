"""Replaces the KakaoPay agreement of a subscription: a new first payment, the old source kept for refunds."""

from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select, text
from sqlmodel import col

from billing.domain.cases import ChargeKind, InvoiceKind
from billing.domain.states import STARTED_SUBSCRIPTIONS, ChargeState, InvoiceState
from billing.operations.audit import decided
from billing.operations.engine import Conflict, Engine, NotFound
from billing.operations.first_charges import (
    Enrolment,
    Terminal,
    payment_under_way,
    send_present_charge,
    start_present_charge,
)
from billing.operations.first_terms import agreement_amount, open_invoice
from billing.operations.manage import keep_plans
from billing.operations.request_keys import done
from billing.store.births import invoice_issued
from billing.store.cases import lock_subscriptions
from billing.store.tables import LIVE_CHARGE, Charge, Event, Invoice, Subscription
from billing.store.writes import Author, insert_rows
from plans.calendar import Period


def re_enrol(engine: Engine, subscription_id: UUID, terminal: Terminal, *, now: datetime) -> Enrolment:
    """Return a link under which the subscriber makes a new agreement (``now``: UTC).

    It pays the open invoice; when there is none, a token amount that is refunded at once. Asked twice,
    it returns the same link.

    :raises NotFound: there is no such subscription. :raises Conflict: it cannot be re-enrolled now.
    """
    since = engine.gateway.moment()
    keep_plans(engine, subscription_id, now=now)
    with engine.database.transaction() as tx:
        invoice_id = _invoice_to_pay(tx, engine, subscription_id, now)
        found = payment_under_way(tx, subscription_id, invoice_id)
        if found is None:
            raise NotFound(f"there is no subscription {subscription_id}")
        if found.redirect_url is not None:
            done(tx, engine, found.charge_id)
            return Enrolment(subscription_id, found.state, found.charge_id, found.redirect_url)
        decided(tx, engine, "subscription.source_replacement_begun", ("subscription", str(subscription_id)), now)
        sent = start_present_charge(tx, engine, found, ChargeKind.RE_ENROLMENT, terminal, now)
        done(tx, engine, sent.charge_id)
    return send_present_charge(engine, subscription_id, sent, now, since=since)


def continue_re_enrolment(
    engine: Engine, subscription_id: UUID, charge_id: UUID, terminal: Terminal, *, now: datetime
) -> Enrolment:
    """Return the link of a charge that was begun for a new agreement; no link if the charge has ended (``now``: UTC).

    Raises what :func:`re_enrol` raises.
    """
    with engine.database.snapshot() as tx:
        state = tx.execute(select(col(Subscription.state)).where(col(Subscription.id) == subscription_id)).scalar_one()
        live = select(col(Charge.id)).where(col(Charge.id) == charge_id, text(f"charge.{LIVE_CHARGE}"))
        is_live = tx.execute(live).first() is not None
    if not is_live:
        return Enrolment(subscription_id, state, charge_id, None)
    return re_enrol(engine, subscription_id, terminal, now=now)


def _invoice_to_pay(tx: Connection, engine: Engine, subscription_id: UUID, now: datetime) -> UUID:
    lock_subscriptions(tx, [subscription_id])
    subscription = tx.execute(
        select(col(Subscription.state), col(Subscription.zone)).where(col(Subscription.id) == subscription_id)
    ).one_or_none()
    if subscription is None:
        raise NotFound(f"there is no subscription {subscription_id}")
    if subscription.state not in STARTED_SUBSCRIPTIONS:
        raise Conflict(f"subscription {subscription_id} is {subscription.state.value}; enrol the subscriber anew")
    live = tx.execute(
        select(col(Charge.invoice_id), col(Charge.kind), col(Charge.state)).where(
            col(Charge.subscription_id) == subscription_id, text(f"charge.{LIVE_CHARGE}")
        )
    ).one_or_none()
    if live is not None:
        if live.kind is ChargeKind.RENEWAL or live.state is ChargeState.PARKED:
            raise Conflict("a charge is under way whose outcome is not known yet; try again when it is settled")
        under_way: UUID = live.invoice_id
        return under_way
    # One that was opened for an agreement which was never made serves again, if nothing is owed.
    oldest = tx.execute(
        select(col(Invoice.id))
        .where(col(Invoice.subscription_id) == subscription_id, col(Invoice.state) == InvoiceState.OPEN)
        .order_by(col(Invoice.kind) == InvoiceKind.AGREEMENT, col(Invoice.period_start))
        .limit(1)
    ).scalar_one_or_none()
    return oldest or _agreement_invoice(tx, engine, subscription_id, subscription.zone, now)


def _agreement_invoice(tx: Connection, engine: Engine, subscription_id: UUID, zone: str, now: datetime) -> UUID:
    today = now.astimezone(ZoneInfo(zone)).date()
    currency, attempts = tx.execute(
        select(func.max(col(Invoice.currency)), func.coalesce(func.sum(col(Invoice.attempts)), 0)).where(
            col(Invoice.subscription_id) == subscription_id
        )
    ).one()
    period = Period(today, today + timedelta(days=1))
    amount = agreement_amount(engine, currency)
    row = open_invoice(subscription_id, InvoiceKind.AGREEMENT, period, amount, now, attempts=int(attempts))
    insert_rows(tx, Invoice, [row])
    insert_rows(tx, Event, [invoice_issued(row, Author(engine.actor, now))])
    invoice_id: UUID = row["id"]
    return invoice_id
