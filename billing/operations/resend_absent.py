"""Charges that the gateway surely never processed: sent again under the same key, or closed if no longer wanted."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.cases import Case, ChargeKind
from billing.domain.decline_classes import DeclineClass
from billing.domain.failing import settle_failure
from billing.domain.quiet_hours import outside_quiet_hours
from billing.domain.rechecks import AFTER_A_FAILURE, first_recheck
from billing.domain.states import (
    CHARGEABLE_SUBSCRIPTIONS,
    ChargeEvent,
    ChargeState,
    InvoiceState,
    SourceState,
)
from billing.gateway.port import PaymentRequest
from billing.operations.doubt import look_ahead
from billing.operations.engine import ABSENT_SPACING, SEND_DEADLINE, Engine, Rules, Tally
from billing.operations.forgotten_periods import park_paid_elsewhere
from billing.operations.payers import payer_of
from billing.operations.send_charges import send_charges
from billing.operations.start_charges import StartedCharge
from billing.store.among import among
from billing.store.cases import load_cases
from billing.store.columns import AnyRow
from billing.store.installation import load_installation
from billing.store.payers import PAYER_COLUMNS
from billing.store.queries import AskedAbout, load_asked_about
from billing.store.settlements import apply_settlements
from billing.store.tables import Charge, Customer, Plan, Source, Subscription
from billing.store.writes import Author, Change, Move, change, move

SET_ASIDE_FOR: Final = timedelta(days=1)
"""A charge whose subscription was paid by other days waits for a person, and is looked up once a day meanwhile."""


def resend_absent(engine: Engine, absent: Sequence[AskedAbout], *, now: datetime) -> Tally:
    """Send charges again that were absent in two looks far enough apart (``now``: UTC).

    ``absent`` is each charge as it was when it was asked about. One that has changed since proves nothing: another
    daemon may have sent it meanwhile, and its outcome be unknown again.
    A first payment is never sent again by itself: the subscriber, who must be present, has gone.
    """
    tally = Tally()
    if not absent:
        return tally
    charge_ids = [charge.id for charge in absent]
    author = Author(engine.actor, now)
    started: list[StartedCharge] = []
    ahead = look_ahead(engine, charge_ids, now=now)
    for charge in absent:
        if charge.id in ahead.elsewhere:
            park_paid_elsewhere(engine, charge.subscription_id, ahead.elsewhere[charge.id], now=now)
    since = engine.gateway.moment()
    with engine.database.transaction() as tx:
        held = load_installation(tx).why_not_charge(now) is not None
        cases = load_cases(tx, charge_ids)
        unchanged = {charge.id for charge in load_asked_about(tx, charge_ids) if charge in absent}
        set_aside = _set_aside(tx, [case.subscription_id for case in cases])
        for case in cases:
            allowed = outside_quiet_hours(now, engine.rules.window)
            if case.charge_state is not ChargeState.UNKNOWN or case.charge_id not in unchanged:
                continue  # settled or sent meanwhile
            if not _still_wanted(case) or case.charge_id in ahead.overtaken:
                rules = engine.rules.settlement
                over = settle_failure(case, ChargeEvent.REFUSE, DeclineClass.TECHNICAL, None, now, rules)
                # The gateway's list may have hidden it all the same.
                watched = {**over.charge, **first_recheck(AFTER_A_FAILURE, now)}
                apply_settlements(tx, [(case, replace(over, charge=watched))], author)
                tally.acts["charges_refused"] += 1
            elif case.charge_id in ahead.elsewhere:
                change(tx, Charge, [Change(case.charge_id, case.charge_state, {"check_at": now + SET_ASIDE_FOR})])
            elif held or case.charge_id in ahead.unread or allowed != now or case.subscription_id in set_aside:
                later = {"check_at": max(allowed, now + ABSENT_SPACING)}
                change(tx, Charge, [Change(case.charge_id, case.charge_state, later)])
            else:
                started.append(_resend(tx, engine.rules, case, author))
    if started:
        tally.acts["charges_resent"] += len(started)
        tally.add(send_charges(engine, started, now, since=since))
    return tally


def _set_aside(tx: Connection, subscription_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these subscriptions are parked or on a paused plan; nothing is sent for them now."""
    rows = tx.execute(
        select(col(Subscription.id))
        .join(Plan, col(Plan.code) == col(Subscription.plan_code))
        .where(
            among(col(Subscription.id), subscription_ids),
            col(Subscription.parked_reason).is_not(None) | col(Plan.paused_at).is_not(None),
        )
    )
    return set(rows.scalars())


def _still_wanted(case: Case) -> bool:
    return (
        case.charge_kind is ChargeKind.RENEWAL
        and case.invoice_state is InvoiceState.OPEN
        and case.subscription_state in CHARGEABLE_SUBSCRIPTIONS
        and case.source_state is SourceState.ACTIVE
    )


def _resend(tx: Connection, rules: Rules, case: Case, author: Author) -> StartedCharge:
    row: AnyRow = tx.execute(
        select(
            col(Charge.idempotency_key),
            col(Charge.sends),
            col(Plan.name).label("plan_name"),
            col(Plan.code).label("plan_code"),
            col(Source.gateway_source_id),
            col(Source.first_payment_id),
            *PAYER_COLUMNS,
        )
        .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
        .join(Plan, col(Plan.code) == col(Subscription.plan_code))
        .join(Customer, col(Customer.id) == col(Subscription.customer_id))
        .join(Source, col(Source.id) == col(Charge.source_id))
        .where(col(Charge.id) == case.charge_id)
    ).one()
    written = {
        "sends": row.sends + 1,
        "sent_at": author.now,
        "check_at": author.now + SEND_DEADLINE,
        "checks": 0,
        "absent_looks": 0,
        "last_absent_at": None,
    }
    again = Move(case.charge_id, case.charge_state, ChargeEvent.RESEND, written, case.subscription_id)
    move(tx, Charge, [again], author)
    request = PaymentRequest(
        reference=case.reference,
        idempotency_key=row.idempotency_key,
        amount=case.amount,
        item=row.plan_name,
        item_reference=row.plan_code,
        payer=payer_of(row, rules),
        source_id=row.gateway_source_id,
        previous_payment_id=row.first_payment_id,
        sent_before=True,
    )
    return StartedCharge(case.charge_id, request, sends=row.sends + 1)
