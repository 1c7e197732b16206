"""Compares the database with the gateway's own account of it. Reads only: what to do about it is a person's choice."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, case, func, select, text
from sqlmodel import col

from billing.domain.charging import Found, GatewayPayment, PaymentStatus, Unreadable
from billing.domain.identity import reference_prefix
from billing.domain.states import COUNTED_REFUND_STATES, LIVE_CHARGE_STATES, ChargeState, ObligationState, RefundState
from billing.operations.engine import Engine
from billing.operations.forgotten import ask_for_forgotten
from billing.store.columns import AnyRow
from billing.store.disputes import lost_disputes
from billing.store.installation import load_installation
from billing.store.obligation_tables import RefundObligation
from billing.store.tables import Charge, Refund, StrayPayment
from plans.money import Money

_PAGE: Final = 100
SETTLES_WITHIN: Final = timedelta(hours=1)
"""What the gateway decided may be unknown here for this long: webhooks and look-ups are under way."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the gateway and the database tell differently."""

    payment_id: str | None
    reference: str | None
    charge_id: UUID | None
    detail: str


@dataclass(slots=True)
class Reconciliation:
    """What a comparison saw. ``listed``: the gateway gave its whole list, so that unknown payments would show."""

    listed: bool
    payments: int = 0
    charges: int = 0
    differences: list[Difference] = field(default_factory=list)


@dataclass(slots=True)
class _Comparison:
    engine: Engine
    prefix: str
    now: datetime
    told: Reconciliation
    seen: set[str] = field(default_factory=set)
    kept: dict[UUID, list[str]] = field(default_factory=lambda: defaultdict(list))


def reconcile(
    engine: Engine, *, now: datetime, on_progress: Callable[[int, int], None] = lambda _done, _of: None
) -> Reconciliation:
    """Compare every payment of this installation with its charge, as of ``now`` (UTC).

    The whole list is read where the gateway gives it; else each charge is asked about by its reference, which
    shows a second payment under it but no payment that no charge names. ``on_progress`` is told how many
    charges are done, of how many.
    """
    with engine.database.snapshot() as tx:
        prefix = reference_prefix(load_installation(tx).id)
        total = tx.execute(select(func.count()).select_from(Charge)).scalar_one()
    first = engine.gateway.list_payments(skip=0, limit=_PAGE)
    told = Reconciliation(listed=isinstance(first, Found), charges=total)
    work = _Comparison(engine, prefix, now, told)
    pages = _listed(engine, told) if told.listed else chain(_asked(engine, told), _forgotten(engine, told))
    for payments, asked in pages:
        _compare(work, payments)
        on_progress(min(asked, total), total)
    _look_for_missing(work)
    for invoice_id, payment_ids in work.kept.items():
        if len(payment_ids) > 1:
            detail = f"invoice {invoice_id} was captured {len(payment_ids)} times: {', '.join(payment_ids)}"
            told.differences.append(Difference(payment_ids[-1], None, None, detail))
    return told


def _listed(engine: Engine, told: Reconciliation) -> Iterator[tuple[Sequence[GatewayPayment], int]]:
    skip = 0
    while True:
        page = engine.gateway.list_payments(skip=skip, limit=_PAGE)
        if isinstance(page, Unreadable):
            told.differences.append(_unread(f"the gateway's list after {skip} payments ({page.reason})"))
            return
        if not page.payments:
            return
        skip += len(page.payments)
        yield page.payments, skip


def _asked(engine: Engine, told: Reconciliation) -> Iterator[tuple[Sequence[GatewayPayment], int]]:
    last, done = UUID(int=0), 0
    while True:
        with engine.database.snapshot() as tx:
            query = select(col(Charge.id), col(Charge.reference)).where(col(Charge.id) > last)
            rows = tx.execute(query.order_by(col(Charge.id)).limit(_PAGE)).all()
        if not rows:
            return
        last, done = rows[-1].id, done + len(rows)
        payments: list[GatewayPayment] = []
        for row, answer in zip(rows, engine.gateway.find_by_reference([row.reference for row in rows]), strict=True):
            if isinstance(answer, Found):
                payments += [payment for payment in answer.payments if payment.reference == row.reference]
            else:
                told.differences.append(_unread(f"reference {row.reference} ({answer.reason})", row.id))
        yield payments, done


def _forgotten(engine: Engine, told: Reconciliation) -> Iterator[tuple[Sequence[GatewayPayment], int]]:
    for payments, unread in ask_for_forgotten(engine):
        told.differences += [_unread(f"reference {reference}") for reference in unread]
        yield payments, told.charges


def _unread(what: str, charge_id: UUID | None = None) -> Difference:
    return Difference(None, None, charge_id, f"could not be read: {what}; run it again")


def _compare(work: _Comparison, payments: Sequence[GatewayPayment]) -> None:
    ours = [payment for payment in payments if (payment.reference or "").startswith(work.prefix)]
    fresh = [payment for payment in {each.id: each for each in ours}.values() if payment.id not in work.seen]
    with work.engine.database.snapshot() as tx:
        charges = _charges(tx, [str(payment.reference) for payment in fresh])
        strays = _dealt_with(tx, [payment.id for payment in fresh])
        refunds = _refunds(tx, [payment.id for payment in fresh])
        owed = _owed(tx, [payment.id for payment in fresh])
        gone = Counter[str]()
        for lost in lost_disputes(tx, [payment.id for payment in fresh]):
            gone[lost.gateway_payment_id] += lost.amount_minor
    for payment in fresh:
        work.seen.add(payment.id)
        work.told.payments += 1
        row = charges.get(str(payment.reference))
        net = _net(payment) - gone[payment.id]
        is_kept = payment.status is PaymentStatus.CAPTURED and net > 0 and payment.id not in owed
        if row is not None and is_kept:
            work.kept[row.invoice_id].append(payment.id)
        if payment.id in strays:
            continue
        charge_id = row.id if row is not None else None
        for detail in _differences(payment, row, refunds.get(payment.id, (0, 0)), work.now):
            work.told.differences.append(Difference(payment.id, payment.reference, charge_id, detail))


def _differences(payment: GatewayPayment, row: AnyRow | None, refunds: tuple[int, int], now: datetime) -> Iterator[str]:
    if row is None:
        yield f"{payment.raw_status} at the gateway under our reference, but there is no charge of it here"
        return
    if row.gateway_payment_id not in (None, payment.id):
        if payment.status not in (PaymentStatus.CAPTURED, PaymentStatus.OPEN):
            return  # a second send of a first payment, which nobody had a link to: it took nothing
        yield f"{payment.raw_status} at the gateway beside {row.gateway_payment_id}, which the charge counts"
        return
    asked = Money(row.amount_minor, row.currency)
    if (payment.amount_minor or asked.minor, payment.currency or asked.currency) != (asked.minor, asked.currency):
        yield f"{payment.amount_minor} {payment.currency} at the gateway, {asked.minor} {asked.currency} here"
    if payment.status is PaymentStatus.CAPTURED and payment.captured_minor not in (None, asked.minor):
        yield f"{payment.captured_minor} captured at the gateway, {asked.minor} asked for here (minor units)"
    yield from _status_difference(payment, row, now)
    done, counted = refunds
    back = payment.refunded_minor
    if payment.status is PaymentStatus.RETURNED and row.state is ChargeState.CAPTURED:
        back = payment.captured_minor or asked.minor  # all of it, whatever was refunded before
    if back is not None and not done <= back <= counted:
        yield f"{back} refunded at the gateway, {done} here (minor units)"


def _status_difference(payment: GatewayPayment, row: AnyRow, now: datetime) -> Iterator[str]:
    here: ChargeState = row.state
    captured = payment.status in (PaymentStatus.CAPTURED, PaymentStatus.RETURNED)
    if payment.status is PaymentStatus.RETURNED and here is not ChargeState.CAPTURED:
        return  # no money of it is with us, and none is counted
    if captured is (here is ChargeState.CAPTURED):
        return
    settling = here in LIVE_CHARGE_STATES and here is not ChargeState.PARKED and now - row.sent_at < SETTLES_WITHIN
    if not settling:
        yield f"{payment.raw_status} at the gateway, {here.value} here"


def _look_for_missing(work: _Comparison) -> None:
    """Ask by id about each captured charge that did not show: the list lags, and only an answer is proof."""
    last = UUID(int=0)
    while True:
        with work.engine.database.snapshot() as tx:
            query = select(col(Charge.id), col(Charge.reference), col(Charge.gateway_payment_id))
            captured = query.where(text("charge.state = 'captured'"), col(Charge.id) > last)
            rows = tx.execute(captured.order_by(col(Charge.id)).limit(_PAGE)).all()
        if not rows:
            return
        last = rows[-1].id
        missing = [row for row in rows if row.gateway_payment_id not in work.seen]
        answers = work.engine.gateway.find_by_id([str(row.gateway_payment_id) for row in missing])
        for row, answer in zip(missing, answers, strict=True):
            found = answer.payments[0] if isinstance(answer, Found) and answer.payments else None
            if found is None or found.status not in (PaymentStatus.CAPTURED, PaymentStatus.RETURNED):
                told = f"{found.raw_status} at the gateway" if found else "the gateway does not know it"
                detail = f"captured here, but {told}"
                work.told.differences.append(Difference(row.gateway_payment_id, row.reference, row.id, detail))


def _net(payment: GatewayPayment) -> int:
    return (payment.captured_minor or payment.amount_minor or 1) - (payment.refunded_minor or 0)


def _charges(tx: Connection, references: Sequence[str]) -> dict[str, AnyRow]:
    rows = tx.execute(
        select(
            col(Charge.id),
            col(Charge.invoice_id),
            col(Charge.reference),
            col(Charge.state),
            col(Charge.amount_minor),
            col(Charge.currency),
            col(Charge.gateway_payment_id),
            col(Charge.sent_at),
        ).where(col(Charge.reference).in_(references))
    )
    return {row.reference: row for row in rows}


def _dealt_with(tx: Connection, payment_ids: Sequence[str]) -> set[str]:
    """Return those of these payments that were found astray and are settled."""
    query = select(col(StrayPayment.gateway_payment_id)).where(
        col(StrayPayment.gateway_payment_id).in_(payment_ids), col(StrayPayment.resolved_at).is_not(None)
    )
    return set(tx.execute(query).scalars())


def _owed(tx: Connection, payment_ids: Sequence[str]) -> set[str]:
    """Return those of these payments that must go back, or went back by other means: they are not kept."""
    query = select(col(RefundObligation.gateway_payment_id)).where(
        col(RefundObligation.gateway_payment_id).in_(payment_ids),
        col(RefundObligation.state) != ObligationState.REFUNDED,
    )
    return set(tx.execute(query).scalars())


def _refunds(tx: Connection, payment_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return, for each payment, what was given back and what counts as given back, in minor units."""
    done = case((col(Refund.state) == RefundState.REFUNDED, col(Refund.amount_minor)), else_=0)
    counted = case((col(Refund.state).in_(list(COUNTED_REFUND_STATES)), col(Refund.amount_minor)), else_=0)
    rows = tx.execute(
        select(col(Refund.gateway_payment_id), func.sum(done), func.sum(counted))
        .where(col(Refund.gateway_payment_id).in_(payment_ids))
        .group_by(col(Refund.gateway_payment_id))
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}
