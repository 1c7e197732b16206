"""The reckoning: our database against the sandbox's own ledger, and against a plain calendar."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from billing.domain.states import ENROLLING_SUBSCRIPTIONS, SubscriptionState
from billing.entrypoints.demo.cast import Subscriber, renewal_day
from billing.store.database import Database

KST: Final = ZoneInfo("Asia/Seoul")


@dataclass(slots=True)
class Figures:
    """What the demo reports. Amounts in minor units (won)."""

    subscriptions: Mapping[str, int]
    renewals_due: int
    captured: int
    recovered: int
    lost: int
    still_tried: int
    lost_because: Mapping[str, int]
    captured_minor: int
    refunded_minor: int
    charged_twice: int
    missed: int
    unmatched: int
    details: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return self.charged_twice == self.missed == self.unmatched == 0


def reckon(
    database: Database, ledger: Sequence[Mapping[str, Any]], cast: Sequence[Subscriber], end: datetime
) -> Figures:
    """Return the figures. ``end`` (UTC) is up to when periods were due."""
    with database.snapshot() as tx:
        states = Counter(row.state for row in tx.execute(text("SELECT state FROM subscription")))
        renewals = tx.execute(text("SELECT state, failures FROM invoice WHERE kind = 'renewal'")).all()
        lost_because = _lost_because(tx)
        twice, unmatched = _against_ledger(tx, ledger)
        missed = _missed(tx, cast, end)
    captured_minor = sum(payment["captured"] for payment in ledger)
    return Figures(
        subscriptions=dict(sorted(states.items())),
        renewals_due=sum(1 for row in renewals if row.state != "void"),
        captured=sum(1 for row in renewals if row.state == "paid"),
        recovered=sum(1 for row in renewals if row.state == "paid" and row.failures > 0),
        lost=sum(1 for row in renewals if row.state == "uncollectible"),
        still_tried=sum(1 for row in renewals if row.state == "open"),
        lost_because=lost_because,
        captured_minor=captured_minor,
        refunded_minor=sum(payment["refunded"] for payment in ledger),
        charged_twice=len(twice),
        missed=len(missed),
        unmatched=len(unmatched),
        details=[*twice, *missed, *unmatched],
    )


def _lost_because(tx: Connection) -> dict[str, int]:
    """Say why each lost renewal was lost: the class of its last failed charge."""
    rows = tx.execute(
        text(
            "SELECT invoice.id, charge.decline_class FROM invoice LEFT JOIN charge ON charge.invoice_id = invoice.id "
            "WHERE invoice.kind = 'renewal' AND invoice.state = 'uncollectible' ORDER BY charge.attempt_no"
        )
    )
    last = {row.id: row.decline_class or "no usable agreement" for row in rows}
    return dict(Counter(last.values()))


def _against_ledger(tx: Connection, ledger: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Return invoices that were captured twice, and captures or charges that the other side does not have."""
    charges = {
        row.reference: row
        for row in tx.execute(text("SELECT reference, invoice_id, state, amount_minor FROM charge")).all()
    }
    refunded: dict[str, int] = defaultdict(int)
    for row in tx.execute(text("SELECT gateway_payment_id, amount_minor FROM refund WHERE state = 'refunded'")):
        refunded[row.gateway_payment_id] += row.amount_minor
    kept: dict[Any, list[str]] = defaultdict(list)
    unmatched: list[str] = []
    seen: set[str] = set()
    for payment in ledger:
        charge = charges.get(payment["reference"])
        if payment["captured"] and (charge is None or charge.amount_minor != payment["captured"]):
            unmatched.append(f"{payment['id']}: captured {payment['captured']}, which no charge accounts for")
        elif payment["captured"] and charge is not None:
            seen.add(payment["reference"])
            if charge.state != "captured":
                unmatched.append(f"{payment['id']}: captured, but charge {charge.reference} is {charge.state}")
            if payment["captured"] > payment["refunded"]:
                kept[charge.invoice_id].append(payment["id"])
        if payment["refunded"] != refunded[payment["id"]]:
            unmatched.append(f"{payment['id']}: refunded {payment['refunded']} there, {refunded[payment['id']]} here")
    unmatched += [
        f"charge {reference} is captured here and not there"
        for reference, charge in charges.items()
        if charge.state == "captured" and reference not in seen
    ]
    twice = [f"invoice {invoice}: captured by {', '.join(ids)}" for invoice, ids in kept.items() if len(ids) > 1]
    return twice, unmatched


def _missed(tx: Connection, cast: Sequence[Subscriber], end: datetime) -> list[str]:
    """Return periods that a plain calendar says were due and that have no invoice."""
    invoices: dict[UUID, set[date]] = defaultdict(set)
    for row in tx.execute(text("SELECT subscription_id, period_start FROM invoice WHERE kind <> 'agreement'")):
        invoices[_uuid(row.subscription_id)].add(_date(row.period_start))
    found = {
        row.reference: row
        for row in tx.execute(
            text(
                "SELECT customer.reference, subscription.id, subscription.state, subscription.canceled_at "
                "FROM subscription JOIN customer ON customer.id = subscription.customer_id"
            )
        )
    }
    missed = []
    for member in cast:
        if member.reference not in found:
            missed.append(f"{member.reference} was never enrolled")
            continue
        row = found[member.reference]
        if row.state in ENROLLING_SUBSCRIPTIONS or row.state == SubscriptionState.PAST_DUE:
            continue
        over = _instant(row.canceled_at) or end
        month, step = 0, 12 if member.plan.endswith("yearly") else 1
        while (day := renewal_day(member, month)) < min(over, end).astimezone(KST).date():
            if day not in invoices[_uuid(row.id)]:
                missed.append(f"{member.reference}: no invoice for the period from {day}")
            month += step
    return missed


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))


def _date(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def _instant(value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime.fromisoformat(f"{value}+00:00")
