"""A retry that a person asks for. It is no step of the ladder and does not move it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import Connection, Select, select
from sqlmodel import col

from billing.domain.cases import InvoiceKind
from billing.domain.days.grace import MOST_DAYS_WITHOUT_ACCESS
from billing.domain.instants import in_utc
from billing.domain.public_ids import Kind, public_id
from billing.domain.quiet_hours import outside_quiet_hours
from billing.domain.states import (
    CHARGEABLE_SUBSCRIPTIONS,
    ENDED_SUBSCRIPTIONS,
    InvoiceState,
    SourceState,
    SubscriptionState,
)
from billing.operations.audit import decided
from billing.operations.engine import Conflict, Engine, NotFound, Refusal, Tally
from billing.operations.first_charges import ChargingStopped
from billing.operations.manage import keep_plans
from billing.operations.request_keys import done
from billing.operations.send_charges import send_charges
from billing.operations.start_charges import StartedCharge, start_charges
from billing.store.billable import ChargeableInvoice, load_chargeable
from billing.store.installation import load_installation
from billing.store.queries import has_live_charge, subscription_of_invoice
from billing.store.tables import Charge, Invoice, Plan, Subscription
from billing.store.writes import Author
from plans.calendar import billing_day

log = structlog.get_logger()
_S = SubscriptionState
_NOT_ANY_MORE: Final = "nothing of it is charged any more"
_INSTEAD: Final = {
    **dict.fromkeys(ENDED_SUBSCRIPTIONS, _NOT_ANY_MORE),
    **dict.fromkeys(CHARGEABLE_SUBSCRIPTIONS, _NOT_ANY_MORE),
    _S.INCOMPLETE: "the subscriber makes the first payment in the wallet: send the enrolment again for its link",
    _S.PAUSED: "resume it, and its open invoice is charged",
}
_NOTHING_OWED: Final = {
    InvoiceState.PAID: "it is paid already",
    InvoiceState.VOID: "it was voided, so nothing is owed for it",
    InvoiceState.UNCOLLECTIBLE: "it was written off, and is not charged any more",
}


class ConfirmationRequired(Conflict):
    """Most days of the debt gave no access, so the subscriber is asked before it is charged."""

    code = "confirmation_required"


class NotNow(Refusal):
    """Nothing is charged at this time of day, or while charging is held for a while."""

    code = "not_now"


@dataclass(frozen=True, slots=True)
class Retry:
    """The charge that was made, and what came of sending it; its outcome may still be to come."""

    charge_id: UUID
    invoice_id: UUID
    tally: Tally


def retry_charge(engine: Engine, charge_id: UUID, *, now: datetime, subscriber_confirmed: bool = False) -> Retry:
    """Charge the invoice of a failed charge again, now (UTC). Raises what :func:`retry_invoice` raises."""
    with engine.database.snapshot() as tx:
        invoice_id = tx.execute(select(col(Charge.invoice_id)).where(col(Charge.id) == charge_id)).scalar_one_or_none()
    if invoice_id is None:
        raise NotFound(f"there is no charge {charge_id}")
    return retry_invoice(engine, invoice_id, now=now, subscriber_confirmed=subscriber_confirmed)


def retry_invoice(engine: Engine, invoice_id: UUID, *, now: datetime, subscriber_confirmed: bool = False) -> Retry:
    """Charge an open invoice to the stored agreement, now (UTC), whatever the plan of retries says.

    One that a person asks for is not held to one charge a day. A debt of which more than 31 days gave no access is
    charged only if the subscriber confirmed it; once captured, it buys a new period from that day.

    :raises NotFound: there is no such invoice. :raises Conflict: nothing is owed, a charge is under way, or what the
        invoice belongs to is set aside. :raises Refusal: it cannot be charged now; the text says why.
    """
    since = engine.gateway.moment()
    with engine.database.snapshot() as tx:
        owner = subscription_of_invoice(tx, invoice_id)
    if owner is not None:
        keep_plans(engine, owner, now=now)
    with engine.database.transaction() as tx:
        rows = load_chargeable(tx, [invoice_id], skip_locked=False)
        if not rows:
            raise _why_not(tx, invoice_id)
        installation = load_installation(tx).as_of(now)
        if installation.why_stopped is not None:
            raise ChargingStopped(installation.why_stopped)
        why_not = installation.why_not_charge(now)
        if why_not is not None:
            raise NotNow(why_not)
        _refuse_unless_chargeable(engine, rows[0], now)
        if not subscriber_confirmed and rows[0].needs_confirmation(billing_day(now, rows[0].zone)):
            raise ConfirmationRequired(_why_confirm(rows[0]))
        started = start_charges(tx, engine.rules, installation, rows, Author(engine.actor, now), automatic=False)
        told = {"subscriber_confirmed": True} if subscriber_confirmed else None
        decided(tx, engine, "invoice.retried", ("invoice", str(invoice_id)), now, details=told)
        done(tx, engine)
    return Retry(started[0].id, invoice_id, _sent(engine, started, now, since))


def _sent(engine: Engine, started: Sequence[StartedCharge], now: datetime, since: float) -> Tally:
    try:
        return send_charges(engine, started, now, since=since)
    except Exception as error:  # noqa: BLE001 - it is written down, so the sweep looks it up; nobody must retry again
        log.warning("retry_left_to_the_sweep", charge=str(started[0].id), error=type(error).__name__)
        return Tally(problems=["what came of it could not be written down; it is looked up"])


def _refuse_unless_chargeable(engine: Engine, row: ChargeableInvoice, now: datetime) -> None:
    if row.subscription_state not in CHARGEABLE_SUBSCRIPTIONS:
        raise _wrong_state(row.subscription_id, row.subscription_state)
    if row.kind is InvoiceKind.AGREEMENT:
        raise Conflict(f"invoice {row.id} only makes an agreement: {_replace(row)}")
    if row.source_state is not SourceState.ACTIVE:
        state = row.source_state.value if row.source_state else "missing"
        raise Conflict(f"its KakaoPay agreement is {state}: {_replace(row)}")
    allowed = outside_quiet_hours(now, engine.rules.window)
    if allowed != now:
        raise NotNow(f"wallets are not charged now (bank maintenance); try again after {in_utc(allowed)}")


def _why_confirm(row: ChargeableInvoice) -> str:
    return (
        f"of the period from {row.period.start} to {row.period.end} more than {MOST_DAYS_WITHOUT_ACCESS} days gave no "
        "access: ask the subscriber, who then pays for a new period from that day"
    )


def _replace(row: ChargeableInvoice) -> str:
    path = f"/v1/subscriptions/{public_id(Kind.SUBSCRIPTION, row.subscription_id)}/replace-source"
    return f"replace the source (POST {path}), and the subscriber makes a new agreement in the wallet"


def _wrong_state(subscription_id: UUID, state: SubscriptionState) -> Conflict:
    instead = _INSTEAD[state]
    return Conflict(f"subscription {subscription_id} is {state.value}: {instead}")


def _why_not(tx: Connection, invoice_id: UUID) -> Refusal:
    """Return why nothing can be charged for an invoice: the first reason that holds."""
    query: Select[*tuple[Any, ...]] = (
        select(
            col(Invoice.state),
            col(Invoice.subscription_id),
            col(Subscription.state).label("subscription_state"),
            col(Subscription.parked_reason),
            col(Plan.paused_at),
        )
        .join(Subscription, col(Subscription.id) == col(Invoice.subscription_id))
        .join(Plan, col(Plan.code) == col(Subscription.plan_code))
        .where(col(Invoice.id) == invoice_id)
    )
    row = tx.execute(query).one_or_none()
    if row is None:
        return NotFound(f"there is no invoice {invoice_id}")
    if row.state in _NOTHING_OWED:
        return Conflict(f"invoice {invoice_id} cannot be charged: {_NOTHING_OWED[row.state]}")
    if row.subscription_state not in CHARGEABLE_SUBSCRIPTIONS:
        return _wrong_state(row.subscription_id, row.subscription_state)
    if has_live_charge(tx, row.subscription_id):
        return Conflict("another charge of its subscription is under way: try again when it is settled")
    if row.parked_reason is not None:
        return Conflict(f"its subscription is parked for a person to look at ({row.parked_reason}): release it first")
    return Conflict("its plan is paused: resume the plan first")
