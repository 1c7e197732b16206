"""Invariants about time: nothing is forgotten, tried too often, charged twice a day, or billed out of step."""
# ruff: noqa: S608 - what is put into the queries are constants of our own

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Exists, literal, select, text
from sqlmodel import col

from billing.domain.cases import InvoiceKind
from billing.domain.states import IN_ARREARS, InvoiceState
from billing.store.columns import AnyRow, state_in
from billing.store.installation import load_installation
from billing.store.invariants.day_spans import as_day, as_uuid, explained
from billing.store.invariants.model import COUNTED_REFUND, Bounds, Found, ask, invariant
from billing.store.tables import (
    AUTO_CHARGED,
    DUE_INVOICE,
    LIVE_CHARGE,
    RENEWABLE,
    Charge,
    Event,
    Invoice,
    Price,
    Subscription,
)
from plans.calendar import Interval, Period, nth_period


@invariant(4, "Whatever is due is done: no renewal and no charge waits for long.")
def eventually(tx: Connection, now: datetime, bounds: Bounds) -> Iterator[Found]:
    since = now - bounds.overdue
    for row in ask(
        tx,
        "SELECT s.id, s.next_due_at FROM subscription s JOIN plan p ON p.code = s.plan_code"
        f" WHERE s.{RENEWABLE} AND p.paused_at IS NULL AND s.next_due_at < :since ORDER BY s.next_due_at",
        since=since,
    ):
        yield "subscription", row[0], f"its renewal is overdue since {row[1]} UTC: is a daemon running?"
    if load_installation(tx).why_not_charge(now) is not None:
        return
    for row in ask(
        tx,
        "SELECT i.id, i.next_attempt_at FROM invoice i JOIN subscription s ON s.id = i.subscription_id"
        f" JOIN plan p ON p.code = s.plan_code WHERE i.{DUE_INVOICE} AND i.next_attempt_at < :since"
        f" AND s.{AUTO_CHARGED} AND s.parked_reason IS NULL AND p.paused_at IS NULL"
        f" AND NOT EXISTS (SELECT 1 FROM charge c WHERE c.subscription_id = s.id AND c.{LIVE_CHARGE})"
        " ORDER BY i.next_attempt_at",
        since=since,
    ):
        yield "invoice", row[0], f"its charge is overdue since {row[1]} UTC: is a daemon running?"


@invariant(13, "Every webhook that was taken ends processed, ignored or parked, with a reason.")
def no_lost_event(tx: Connection, now: datetime, bounds: Bounds) -> Iterator[Found]:
    since = now - bounds.webhook
    for row in ask(
        tx, "SELECT id, type FROM webhook WHERE state = 'received' AND received_at < :since ORDER BY id", since=since
    ):
        yield "webhook", row[0], f"{row[1]} still waits to be processed"
    for row in ask(tx, "SELECT id, type, state FROM webhook WHERE state IN ('ignored', 'parked') AND why IS NULL"):
        yield "webhook", row[0], f"{row[1]} is {row[2]} without a reason"


@invariant(16, "No charge and no refund stays without an outcome past its bound, or without a time to ask for it.")
def bounded_convergence(tx: Connection, now: datetime, bounds: Bounds) -> Iterator[Found]:
    limits = {"requested": bounds.sending, "sending": bounds.sending, "unknown": bounds.unknown}
    for table in ("charge", "refund"):
        for state, bound in {**limits, "pending": bounds.pending}.items():
            for row in ask(
                tx,
                f"SELECT id, created_at, check_at FROM {table}"
                " WHERE state = :state AND (COALESCE(sent_at, created_at) < :since OR check_at IS NULL)",
                state=state,
                since=now - bound,
            ):
                asked = f"it was made at {row[1]} UTC: it is asked about further, but ask Checkout.com's support, too"
                asked = "nobody will ask the gateway about it" if row[2] is None else asked
                yield table, row[0], f"it is still {state}, and {asked}"


@invariant(17, "A subscriber is charged automatically at most once a day.")
def once_a_day(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    kept = text(
        "charge.amount_minor > COALESCE((SELECT SUM(r.amount_minor) FROM refund r"
        f" WHERE r.charge_id = charge.id AND r.{COUNTED_REFUND}), 0) AND NOT EXISTS"
        " (SELECT 1 FROM refund_obligation o WHERE o.gateway_payment_id = charge.gateway_payment_id)"
    )
    rows = tx.execute(
        select(
            col(Charge.id), col(Charge.subscription_id), col(Charge.sent_at), col(Charge.captured_at),
            col(Subscription.zone),
        )
        .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
        .where(text("charge.state = 'captured'"), col(Charge.automatic).is_(True), kept)
        .order_by(col(Charge.subscription_id), col(Charge.sent_at), col(Charge.id))
    )  # fmt: skip
    for (_, day), charges in groupby(rows, lambda row: (row.subscription_id, _day(row.sent_at, row.zone))):
        before: list[AnyRow] = []
        for row in charges:
            # One that had failed, and was captured after all when the next was under way, was no reason to wait.
            if any(first.captured_at <= row.sent_at or not _was_late(tx, first.id) for first in before):
                yield "charge", row.id, f"another automatic charge was made on the same day, {day}"
            before.append(row)


def _was_late(tx: Connection, charge_id: UUID) -> bool:
    told = select(col(Event.id)).where(
        col(Event.subject_type) == "charge",
        col(Event.subject_id) == str(charge_id),
        col(Event.type) == "charge.late_truth",
    )
    return tx.execute(told.limit(1)).first() is not None


@invariant(36, "Who is past due or unpaid owes something.")
def debts(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx,
        f"SELECT s.id, s.state FROM subscription s WHERE s.{state_in(IN_ARREARS)} AND NOT EXISTS"
        " (SELECT 1 FROM invoice i WHERE i.subscription_id = s.id AND i.state = 'open' AND i.kind <> 'agreement')",
    ):
        yield "subscription", row[0], f"it is {row[1]}, but no invoice of it is open"


@invariant(18, "An invoice is tried no more often than the plan of retries allows, and every try is counted.")
def retry_budget(tx: Connection, _now: datetime, bounds: Bounds) -> Iterator[Found]:
    most = bounds.ladder_steps + 1
    for row in ask(tx, "SELECT id, failures FROM invoice WHERE state = 'open' AND failures > :most", most=most):
        yield "invoice", row[0], f"{row[1]} counted failures, but {most} are the most there may be"
    for row in ask(
        tx,
        "SELECT i.id, i.attempts, MAX(c.attempt_no) FROM invoice i JOIN charge c ON c.invoice_id = i.id"
        " GROUP BY i.id, i.attempts HAVING MAX(c.attempt_no) > i.attempts",
    ):
        yield "invoice", row[0], f"it counts {row[1]} attempts, but charge number {row[2]} was made"


@invariant(21, "Periods follow each other without overlap; the days of a gap are recorded, or were forgiven.")
def tiling(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    yield from _overlaps_and_gaps(tx)
    yield from _out_of_step(tx)


def _overlaps_and_gaps(tx: Connection) -> Iterator[Found]:
    rows = ask(
        tx,
        "SELECT t.id, t.subscription_id, t.period_start, t.ended_before, t.kind, t.grace_until, t.created_at,"
        " t.made_before FROM ("
        " SELECT id, subscription_id, kind, period_start, grace_until, created_at,"
        " LAG(period_end) OVER (PARTITION BY subscription_id ORDER BY period_start, id) AS ended_before,"
        " LAG(created_at) OVER (PARTITION BY subscription_id ORDER BY period_start, id) AS made_before"
        " FROM invoice WHERE state <> 'void' AND kind IN ('first', 'renewal')) t"
        " WHERE t.period_start <> t.ended_before",
    )
    for row in list(rows):
        start, ended = (as_day(each) for each in (row.period_start, row.ended_before))
        if start < ended:
            yield "invoice", row.id, f"its period begins on {start} and overlaps the one before, which ends on {ended}"
        elif not explained(tx, as_uuid(row.subscription_id), Period(ended, start)) and not _told_before(tx, row):
            what = "leaves a gap that nothing explains after"
            yield "invoice", row.id, f"its period begins on {start} and {what} the one before, which ends on {ended}"


def _told_before(tx: Connection, row: Any) -> bool:
    """Say whether an event explains a gap from before days were recorded."""
    if row.grace_until is not None:
        return False
    kinds = "'subscription.periods_missed', 'subscription.paused', 'subscription.resumed'"
    found = tx.execute(
        text(
            f"SELECT 1 FROM event WHERE subscription_id = :owner AND type IN ({kinds})"
            " AND at >= :since AND at <= :until LIMIT 1"
        ),
        {"owner": row.subscription_id, "since": row.made_before, "until": row.created_at},
    )
    return found.first() is not None


def _out_of_step(tx: Connection) -> Iterator[Found]:
    rows = tx.execute(
        select(
            col(Subscription.id),
            col(Subscription.anchor),
            col(Subscription.zone),
            col(Subscription.billed_index),
            col(Subscription.next_due_at),
            col(Price.interval_unit),
            col(Price.interval_count),
            _owes().label("owes"),
        )
        .join(Price, col(Price.id) == col(Subscription.price_id))
        .where(text(f"subscription.{RENEWABLE}"))
    )
    for row in rows:
        wanted = _next_start(row)
        if row.owes and wanted < _day(row.next_due_at, row.zone):
            continue  # it waits for the debt, and looks again every day
        # A window that opens late may push a slot past midnight, out of the quiet hours.
        if not wanted <= _day(row.next_due_at, row.zone) <= wanted + timedelta(days=1):
            yield (
                "subscription",
                row.id,
                f"its next renewal is at {row.next_due_at}, but the next period begins {wanted}",
            )


def _owes() -> Exists:
    return (
        select(literal(1))
        .where(
            col(Invoice.subscription_id) == col(Subscription.id),
            col(Invoice.state) == InvoiceState.OPEN,
            col(Invoice.kind) != InvoiceKind.AGREEMENT,
        )
        .exists()
    )


def _next_start(row: Any) -> date:
    interval = Interval(row.interval_unit, row.interval_count)
    return nth_period(row.anchor, interval, row.billed_index + 1).start


def _day(instant: datetime, zone: str) -> date:
    try:
        return instant.astimezone(ZoneInfo(zone)).date()
    except (KeyError, ValueError):  # named by an invariant of its own
        return instant.date()
