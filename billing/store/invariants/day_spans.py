"""Days of subscriptions as they passed: pauses, debts behind their period, paid periods; read from rows and events."""
# ruff: noqa: S608 - what is put into the queries are constants of our own

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Select, TextualSelect, Uuid, func, select, text
from sqlmodel import col

from billing.domain.cases import InvoiceKind
from billing.domain.days.records import DayKind
from billing.domain.states import COLLECTIBLE_INVOICES, FORGIVEN_INVOICES, InvoiceState
from billing.store.among import among
from billing.store.columns import AnyRow
from billing.store.invariants.model import COUNTED_REFUND
from billing.store.tables import Charge, DayRecord, Event, Invoice, Subscription
from plans.calendar import CalendarError, Period, billing_day

KEPT: Final = (
    "EXISTS (SELECT 1 FROM charge c WHERE c.invoice_id = invoice.id AND c.state = 'captured' AND c.amount_minor >"
    " COALESCE((SELECT SUM(r.amount_minor) FROM refund r WHERE r.charge_id = c.id"
    f" AND r.gateway_payment_id = c.gateway_payment_id AND r.{COUNTED_REFUND}), 0)"
    " + COALESCE((SELECT SUM(o.settled_minor) FROM refund_obligation o"
    " WHERE o.gateway_payment_id = c.gateway_payment_id), 0)"
    " + COALESCE((SELECT SUM(d.amount_minor) FROM dispute d"
    " WHERE d.gateway_payment_id = c.gateway_payment_id AND d.state = 'lost'), 0))"
)
"""That money was taken for an invoice and not all of it given back."""
_GROUP: Final = 200
_PLANS: Final = {
    "subscription.pause_scheduled": "subscription.pause_undone",
    "subscription.cancel_scheduled": "subscription.cancel_undone",
}
"""Event that plans → event that takes the plan back."""
_AT: Final = {"subscription.pause_scheduled": "pause_at", "subscription.cancel_scheduled": "cancel_at"}
_UNDONE: Final = frozenset(_PLANS.values())
_CLOSING: Final = {
    "subscription.paused": "subscription.pause_undone",
    "subscription.canceled": "subscription.cancel_undone",
}
"""Event that ends access → event that would have taken its plan back."""


@dataclass(frozen=True, slots=True)
class Span:
    """Days from ``start`` to the day before ``end``, and the row they come from."""

    start: date
    end: date
    row: Any

    def holds(self, other: "Span") -> bool:
        return self.start <= other.start and other.end <= self.end


def explained(tx: Connection, subscription_id: UUID, gap: Period) -> bool:
    """Say whether records of days, and invoices that were voided or written off, cover every day of a gap."""
    spans = [
        (row.starts_on, row.ends_on)
        for row in tx.execute(
            select(col(DayRecord.starts_on), col(DayRecord.ends_on)).where(
                col(DayRecord.subscription_id) == subscription_id, col(DayRecord.kind) != DayKind.OWED
            )
        )
    ]
    spans += [
        (row.period_start, row.period_end)
        for row in tx.execute(
            select(col(Invoice.period_start), col(Invoice.period_end)).where(
                col(Invoice.subscription_id) == subscription_id,
                col(Invoice.state).in_(FORGIVEN_INVOICES),
                col(Invoice.kind) != InvoiceKind.AGREEMENT,
            )
        )
    ]
    covered = gap.start
    for start, end in sorted(spans):
        if start <= covered:
            covered = max(covered, end)
    return covered >= gap.end


def groups(tx: Connection, owners: Select[Any] | TextualSelect) -> Iterator[Sequence[UUID]]:
    found = list(tx.execute(owners).scalars())
    for start in range(0, len(found), _GROUP):
        yield found[start : start + _GROUP]


def paused_subscriptions() -> Select[Any]:
    return select(col(Event.subscription_id)).where(col(Event.type) == "subscription.paused").distinct()


def debtors() -> TextualSelect:
    """Return the query for subscriptions with a debt that was open beyond its period, and a paid period behind it."""
    return text(
        "SELECT DISTINCT d.subscription_id FROM invoice d JOIN invoice p ON p.subscription_id = d.subscription_id"
        " AND p.id <> d.id AND p.state = 'paid' AND p.kind = 'renewal' AND p.period_start >= d.period_end"
        " WHERE d.kind = 'renewal' AND (d.state = 'open' OR DATE(d.paid_at) >= d.period_end)"
    ).columns(subscription_id=Uuid())


def forgiven_subscriptions() -> Select[Any]:
    return select(col(DayRecord.subscription_id)).where(col(DayRecord.kind) == DayKind.FORGIVEN).distinct()


def pauses(tx: Connection, owners: Sequence[UUID]) -> dict[UUID, list[Span]]:
    rows = tx.execute(
        select(col(Event.subscription_id), col(Event.type), col(Event.at), col(Subscription.zone))
        .join(Subscription, col(Subscription.id) == col(Event.subscription_id))
        .where(
            among(col(Event.subscription_id), owners),
            col(Event.subject_type) == "subscription",
            col(Event.to_state).is_not(None),
        )
        .order_by(col(Event.subscription_id), col(Event.id))
    )
    return _closed_between(
        (row.subscription_id, day_of(row.at, row.zone), row.type == "subscription.paused") for row in rows
    )


def _closed_between(marks: Iterable[tuple[UUID, date, bool]]) -> dict[UUID, list[Span]]:
    """Return the days from each mark that closes a subscription to the next that opens it.

    A mark is the subscription, the day, and whether it closes.
    """
    found: dict[UUID, list[Span]] = defaultdict(list)
    began: dict[UUID, date] = {}
    for owner, day, closes in marks:
        if closes:
            began.setdefault(owner, day)
        elif owner in began:
            found[owner].append(Span(began.pop(owner), day, None))
    for owner, day in began.items():
        found[owner].append(Span(day, date.max, None))
    return found


def forgiven(tx: Connection, owners: Sequence[UUID]) -> dict[UUID, list[Span]]:
    """Return the days that are recorded as forgiven and had passed by then, by subscription.

    Days that were forgiven ahead are given only for as long as the subscription goes on.
    """
    rows = tx.execute(
        select(
            col(DayRecord.subscription_id), col(DayRecord.starts_on), col(DayRecord.ends_on),
            col(DayRecord.written_at), col(Subscription.zone),
        )
        .join(Subscription, col(Subscription.id) == col(DayRecord.subscription_id))
        .where(among(col(DayRecord.subscription_id), owners), col(DayRecord.kind) == DayKind.FORGIVEN)
    )  # fmt: skip
    found: dict[UUID, list[Span]] = defaultdict(list)
    for row in rows:
        passed = min(row.ends_on, day_of(row.written_at, row.zone))
        found[row.subscription_id].append(Span(row.starts_on, passed, row))
    return found


def closed(tx: Connection, owners: Sequence[UUID]) -> dict[UUID, list[Span]]:
    """Return the days that gave no access because of a pause or the end, by subscription.

    Where a pause or the end was planned, and an outage kept it from beginning in time, they count from the planned day.
    """
    rows = tx.execute(
        select(col(Event.subscription_id), col(Event.type), col(Event.at), col(Event.data), col(Subscription.zone))
        .join(Subscription, col(Subscription.id) == col(Event.subscription_id))
        .where(
            among(col(Event.subscription_id), owners),
            col(Event.subject_type) == "subscription",
            col(Event.to_state).is_not(None) | col(Event.type).in_((*_PLANS, *_PLANS.values())),
        )
        .order_by(col(Event.subscription_id), col(Event.id))
    )
    return _closed_between(_marks(rows))


def _marks(rows: Iterable[AnyRow]) -> Iterator[tuple[UUID, date, bool]]:
    planned: dict[tuple[UUID, str], date] = {}
    for row in rows:
        owner, day = row.subscription_id, day_of(row.at, row.zone)
        if row.type in _PLANS:
            planned[owner, _PLANS[row.type]] = day_of(datetime.fromisoformat(row.data[_AT[row.type]]), row.zone)
        elif row.type in _UNDONE:
            planned.pop((owner, row.type), None)
        elif row.type in _CLOSING:
            yield owner, min(day, planned.pop((owner, _CLOSING[row.type]), day)), True
        else:
            yield owner, day, False


def charged(tx: Connection, owners: Sequence[UUID]) -> dict[UUID, list[Span]]:
    """Return the renewals that were charged for, and not given back, by subscription."""
    rows = tx.execute(
        select(
            col(Invoice.id),
            col(Invoice.subscription_id),
            col(Invoice.period_start),
            col(Invoice.period_end),
            col(Invoice.grace_until),
        ).where(
            among(col(Invoice.subscription_id), owners),
            col(Invoice.kind) == InvoiceKind.RENEWAL,
            col(Invoice.state) == InvoiceState.PAID,
            text(KEPT),
        )
    )
    found: dict[UUID, list[Span]] = defaultdict(list)
    for row in rows:
        found[row.subscription_id].append(Span(row.period_start, row.period_end, row))
    return found


def locked_out(tx: Connection, owners: Sequence[UUID], now: datetime) -> dict[UUID, list[Span]]:
    """Return the days behind each debt's own period on which it was still open, by subscription.

    One that was written off locks nobody out from that day on, though it may be paid later.
    """
    first_sent = select(func.min(col(Charge.created_at))).where(col(Charge.invoice_id) == col(Invoice.id))
    rows = tx.execute(
        select(
            col(Invoice.id),
            col(Invoice.subscription_id),
            col(Invoice.period_end),
            col(Invoice.created_at),
            col(Invoice.paid_at),
            col(Subscription.zone),
            first_sent.scalar_subquery().label("sent"),
        )
        .join(Subscription, col(Subscription.id) == col(Invoice.subscription_id))
        .where(
            among(col(Invoice.subscription_id), owners),
            col(Invoice.kind) == InvoiceKind.RENEWAL,
            col(Invoice.state).in_(COLLECTIBLE_INVOICES),
        )
    )
    ended = _forgiven_at(tx, owners)
    found: dict[UUID, list[Span]] = defaultdict(list)
    for row in rows:
        if row.sent is None:
            continue
        # Nobody owes before a charge was tried.
        since = max(row.period_end, _sent_on(row))
        until = day_of(ended.get(row.id, row.paid_at or now), row.zone)
        if since < until:
            found[row.subscription_id].append(Span(since, until, row))
    return found


def _forgiven_at(tx: Connection, owners: Sequence[UUID]) -> dict[UUID, datetime]:
    """Return when invoices of these subscriptions were written off or voided, by invoice."""
    rows = tx.execute(
        select(col(Event.subject_id), col(Event.at)).where(
            among(col(Event.subscription_id), owners),
            col(Event.subject_type) == "invoice",
            col(Event.to_state).in_([each.value for each in FORGIVEN_INVOICES]),
        )
    )
    return {UUID(row.subject_id): row.at for row in rows}


def _sent_on(row: AnyRow) -> date:
    sent = row.sent if isinstance(row.sent, datetime) else datetime.fromisoformat(str(row.sent) + "+00:00")
    return day_of(sent, row.zone)


def late_days(tx: Connection, owners: Sequence[UUID]) -> dict[UUID, list[Span]]:
    """Return the days that wait to be billed late, after an outage, by subscription."""
    rows = tx.execute(
        select(col(DayRecord.subscription_id), col(DayRecord.starts_on), col(DayRecord.ends_on)).where(
            among(col(DayRecord.subscription_id), owners), col(DayRecord.kind) == DayKind.OWED
        )
    )
    found: dict[UUID, list[Span]] = defaultdict(list)
    for row in rows:
        found[row.subscription_id].append(Span(row.starts_on, row.ends_on, row))
    return found


def days_of(span: Span) -> str:
    return f"from {span.start} to {span.end - timedelta(days=1)}"


def day_of(instant: datetime, zone: str) -> date:
    try:
        return billing_day(instant, zone)
    except CalendarError:  # named by an invariant of its own
        return instant.date()


def as_day(value: object) -> date:
    """Return a date as a raw query gives it: text on SQLite."""
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def as_uuid(value: object) -> UUID:
    """Return an id as a raw query gives it: text on SQLite."""
    return value if isinstance(value, UUID) else UUID(str(value))
