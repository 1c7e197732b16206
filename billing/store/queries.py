"""Small reads that acts need, each a named function."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Label, Select, func, literal, select, text
from sqlmodel import col

from billing.domain.cases import ChargeKind, InvoiceKind
from billing.domain.days.records import DayKind
from billing.domain.days.renewing import OpenInvoice
from billing.domain.decline_classes import NOBODYS_FAULT
from billing.domain.states import LIVE_CHARGE_STATES, ChargeState, InvoiceState, RefundState
from billing.store.among import among
from billing.store.columns import AnyRow
from billing.store.tables import (
    AUTO_CHARGED,
    CHARGE_TO_ASK_ABOUT,
    DUE_INVOICE,
    LIVE_CHARGE,
    Charge,
    DayRecord,
    Invoice,
    Price,
    Refund,
    Subscription,
)
from plans.calendar import Period


def subscription_of_invoice(tx: Connection, invoice_id: UUID) -> UUID | None:
    """Return whose invoice it is, or None when there is no such invoice."""
    query = select(col(Invoice.subscription_id)).where(col(Invoice.id) == invoice_id)
    return tx.execute(query).scalar_one_or_none()


def open_invoices(tx: Connection, subscription_ids: Sequence[UUID]) -> dict[UUID, list[OpenInvoice]]:
    """Return the open invoices for periods of these subscriptions, by subscription."""
    rows = tx.execute(
        select(
            col(Invoice.id),
            col(Invoice.subscription_id),
            col(Invoice.period_start),
            col(Invoice.period_end),
            col(Invoice.attempts),
            col(Invoice.first_failed_on),
            col(Invoice.lost_spans),
            is_billed_late(),
        ).where(
            among(col(Invoice.subscription_id), subscription_ids),
            col(Invoice.state) == InvoiceState.OPEN,
            col(Invoice.kind) != InvoiceKind.AGREEMENT,
        )
    )
    found: dict[UUID, list[OpenInvoice]] = defaultdict(list)
    for row in rows:
        found[row.subscription_id].append(open_invoice_of(row))
    return found


def open_invoice_of(row: AnyRow) -> OpenInvoice:
    """Return an open invoice that was read with attempts, first failure, lost spans, and :func:`is_billed_late`."""
    # One that waits for an agreement failed, though no charge of it was made.
    is_untried = row.attempts == 0 and row.first_failed_on is None
    period = Period(row.period_start, row.period_end)
    return OpenInvoice(row.id, period, is_untried, bool(row.is_billed_late), row.lost_spans or ())


def is_billed_late() -> Label[bool]:
    """Return the column that says whether an invoice is for days of an outage that were decided to be billed late."""
    decided = select(literal(1)).where(
        col(DayRecord.subscription_id) == col(Invoice.subscription_id),
        col(DayRecord.kind) == DayKind.OWED,
        col(DayRecord.starts_on) <= col(Invoice.period_start),
        col(Invoice.period_end) <= col(DayRecord.ends_on),
    )
    return decided.exists().label("is_billed_late")


def owed_invoices(tx: Connection, subscription_id: UUID) -> list[UUID]:
    """Return the open invoices for periods; one that only makes an agreement is owed by nobody."""
    rows = tx.execute(
        select(col(Invoice.id)).where(
            col(Invoice.subscription_id) == subscription_id,
            col(Invoice.state) == InvoiceState.OPEN,
            col(Invoice.kind) != InvoiceKind.AGREEMENT,
        )
    )
    return list(rows.scalars())


def has_failed(tx: Connection, invoice_ids: Sequence[UUID]) -> bool:
    """Say whether one of these invoices could not be charged, otherwise than by nobody's fault."""
    declined = select(literal(1)).where(
        col(Charge.invoice_id) == col(Invoice.id),
        col(Charge.decline_class).is_not(None),
        col(Charge.decline_class).not_in([each.value for each in NOBODYS_FAULT]),
    )
    failed = select(col(Invoice.id)).where(
        among(col(Invoice.id), invoice_ids), col(Invoice.first_failed_on).is_not(None) | declined.exists()
    )
    return tx.execute(failed.limit(1)).first() is not None


def has_live_charge(tx: Connection, subscription_id: UUID) -> bool:
    """Say whether a charge of a subscription is under way."""
    live = select(col(Charge.id)).where(col(Charge.subscription_id) == subscription_id, text(f"charge.{LIVE_CHARGE}"))
    return tx.execute(live).first() is not None


def live_charge_of(tx: Connection, invoice_id: UUID) -> AnyRow | None:
    """Return id and state of an invoice's charge that is under way, or None."""
    query = select(col(Charge.id), col(Charge.state))
    return tx.execute(query.where(col(Charge.invoice_id) == invoice_id, text(f"charge.{LIVE_CHARGE}"))).one_or_none()


def count_due_invoices(tx: Connection, now: datetime, at_most: int) -> int:
    """Count invoices to be charged, no further than ``at_most``."""
    due = (
        select(col(Invoice.id))
        .where(text(f"invoice.{DUE_INVOICE}"), col(Invoice.next_attempt_at) <= now)
        .limit(at_most)
        .subquery()
    )
    return tx.execute(select(func.count()).select_from(due)).scalar_one()


def renewals_expected_per_day(tx: Connection) -> float:
    """Return how many renewals a day the live subscriptions make on average."""
    rows = tx.execute(
        select(col(Price.interval_unit), col(Price.interval_count), func.count())
        .join(Subscription, col(Subscription.price_id) == col(Price.id))
        .where(text(f"subscription.{AUTO_CHARGED}"))
        .group_by(col(Price.interval_unit), col(Price.interval_count))
    )
    days = {"day": 1.0, "week": 7.0, "month": 30.4, "year": 365.25}
    return sum(number / (days[unit.value] * count) for unit, count, number in rows)


@dataclass(frozen=True, slots=True)
class AskedAbout:
    """A charge that the gateway is asked about: its outcome is not known, or it ended and is looked at again."""

    id: UUID
    subscription_id: UUID
    state: ChargeState
    reference: str
    gateway_payment_id: str | None
    checks: int
    absent_looks: int
    last_absent_at: datetime | None
    check_at: datetime
    sent_at: datetime
    kind: ChargeKind

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_CHARGE_STATES


def load_asked_about(tx: Connection, ids: Sequence[UUID]) -> list[AskedAbout]:
    """Return these charges as far as there is anything left to ask about them."""
    rows: Sequence[AnyRow] = tx.execute(
        select(
            col(Charge.id),
            col(Charge.subscription_id),
            col(Charge.state),
            col(Charge.reference),
            col(Charge.gateway_payment_id),
            col(Charge.checks),
            col(Charge.absent_looks),
            col(Charge.last_absent_at),
            col(Charge.check_at),
            col(Charge.sent_at),
            col(Charge.kind),
        ).where(among(col(Charge.id), ids), text(f"charge.{CHARGE_TO_ASK_ABOUT}"))
    ).all()
    return [AskedAbout(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class KnownCharge:
    """A charge as a payment of the gateway is matched to it."""

    id: UUID
    subscription_id: UUID
    reference: str
    gateway_payment_id: str | None
    state: ChargeState


def charges_by_reference(tx: Connection, references: Sequence[str]) -> dict[str, KnownCharge]:
    """Return the charges with these references, by reference."""
    query = _known().where(col(Charge.reference).in_(references))
    return {row.reference: KnownCharge(*row) for row in tx.execute(query)}


def charge_by_token(tx: Connection, token: str) -> AnyRow | None:
    """Return the charge that a subscriber returns from, with where the SaaS wants them, or None."""
    return tx.execute(
        select(
            col(Charge.id),
            col(Charge.state),
            col(Charge.subscription_id),
            col(Charge.gateway_payment_id),
            col(Charge.success_url),
            col(Charge.failure_url),
        ).where(col(Charge.return_token) == token)
    ).one_or_none()


@dataclass(frozen=True, slots=True)
class RefundRow:
    """A refund with what its request and its look-up need."""

    id: UUID
    charge_id: UUID
    subscription_id: UUID
    gateway_payment_id: str
    state: RefundState
    amount_minor: int
    currency: str
    reference: str
    idempotency_key: str
    action_id: str | None
    sends: int
    checks: int
    absent_looks: int
    last_absent_at: datetime | None
    check_at: datetime | None
    error: str | None
    sent_at: datetime | None

    def is_due(self, now: datetime) -> bool:
        return self.check_at is not None and self.check_at <= now


def load_refunds(tx: Connection, ids: Sequence[UUID], *, lock: bool = False) -> list[RefundRow]:
    """Return these refunds; with ``lock``, leaving those that another process holds."""
    query: Select[*tuple[Any, ...]] = (
        select(
            col(Refund.id),
            col(Refund.charge_id),
            col(Charge.subscription_id),
            col(Refund.gateway_payment_id),
            col(Refund.state),
            col(Refund.amount_minor),
            col(Refund.currency),
            col(Refund.reference),
            col(Refund.idempotency_key),
            col(Refund.action_id),
            col(Refund.sends),
            col(Refund.checks),
            col(Refund.absent_looks),
            col(Refund.last_absent_at),
            col(Refund.check_at),
            col(Refund.error),
            col(Refund.sent_at),
        )
        .join(Charge, col(Charge.id) == col(Refund.charge_id))
        .where(col(Refund.id).in_(ids))
        .order_by(col(Refund.id))
    )
    if lock:
        query = query.with_for_update(skip_locked=True, of=Refund)
    return [RefundRow(*row) for row in tx.execute(query)]


def _known() -> Select[*tuple[Any, ...]]:
    return select(
        col(Charge.id),
        col(Charge.subscription_id),
        col(Charge.reference),
        col(Charge.gateway_payment_id),
        col(Charge.state),
    )
