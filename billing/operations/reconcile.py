"""Compares the database with the gateway's own account of it. Reads only: what to do about it is a person's choice."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, func, select, text
from sqlmodel import col

from billing.domain.charging import Found, GatewayPayment, PaymentStatus, SearchRefused, Unreadable
from billing.domain.comparing import differences
from billing.domain.identity import reference_prefix
from billing.domain.reconciling import holds_money
from billing.domain.states import ObligationState
from billing.operations.engine import Engine
from billing.operations.forgotten import ask_for_forgotten
from billing.operations.reconcile_charges import is_ours_without_reference, refunds_of
from billing.store.columns import AnyRow
from billing.store.disputes import lost_disputes
from billing.store.installation import load_installation
from billing.store.installation_tables import Installation
from billing.store.obligation_tables import RefundObligation
from billing.store.tables import Charge, StrayPayment

_PAGE: Final = 100
_BEFORE: Final = timedelta(days=1)
"""Clocks disagree: searched from so long before the installation was made."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the gateway and the database tell differently."""

    payment_id: str | None
    reference: str | None
    charge_id: UUID | None
    detail: str


@dataclass(slots=True)
class Reconciliation:
    """What a comparison saw. ``unseen``: why payments that carry none of our references were not; None: they were."""

    unseen: str | None = None
    payments: int = 0
    charges: int = 0
    differences: list[Difference] = field(default_factory=list)


@dataclass(slots=True)
class _Comparison:
    engine: Engine
    prefix: str
    since: datetime
    now: datetime
    told: Reconciliation
    seen: set[str] = field(default_factory=set)
    kept: dict[UUID, list[str]] = field(default_factory=lambda: defaultdict(list))


def reconcile(
    engine: Engine, *, now: datetime, on_progress: Callable[[int, int], None] = lambda _done, _of: None
) -> Reconciliation:
    """Compare every payment of this installation with its charge, as of ``now`` (UTC).

    Each charge is asked about by its reference, which shows a second payment under it. Where our key may search, all
    payments of the account are read too: only they show a payment that carries none of our references, or that no
    charge explains. ``on_progress`` is told how many charges are done, of how many.
    """
    with engine.database.snapshot() as tx:
        installation = load_installation(tx)
        total = tx.execute(select(func.count()).select_from(Charge)).scalar_one()
        since = tx.execute(select(col(Installation.created_at))).scalar_one()
    told = Reconciliation(charges=total)
    work = _Comparison(engine, reference_prefix(installation.id), since - _BEFORE, now, told)
    for payments, asked in chain(_asked(engine, told), _forgotten(engine, told), _searched(work)):
        _compare(work, payments)
        on_progress(min(asked, total), total)
    _look_for_missing(work)
    for invoice_id, payment_ids in work.kept.items():
        if len(payment_ids) > 1:
            detail = f"invoice {invoice_id} was captured {len(payment_ids)} times: {', '.join(payment_ids)}"
            told.differences.append(Difference(payment_ids[-1], None, None, detail))
    return told


def _searched(work: "_Comparison") -> Iterator[tuple[Sequence[GatewayPayment], int]]:
    """Yield all payments of the account since the installation was made, page by page; nothing if we may not search."""
    done, following = 0, None
    while True:
        page = work.engine.gateway.search_payments(work.since, work.now, limit=_PAGE, following=following)
        if isinstance(page, SearchRefused):
            work.told.unseen = page.reason
            return
        if isinstance(page, Unreadable):
            work.told.differences.append(_unread(f"the gateway's payments after {done} of them ({page.reason})"))
            return
        work.told.differences += [_unread(f"payment {each}") for each in page.unread]
        done += len(page.payments)
        yield page.payments, work.told.charges
        following = page.following
        if following is None:
            return


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
        answers = engine.gateway.find_by_reference([row.reference for row in rows], with_codes=False)
        for row, answer in zip(rows, answers, strict=True):
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
    rules = work.engine.rules.reconciling
    ours = [
        payment
        for payment in payments
        if (payment.reference or "").startswith(work.prefix) or is_ours_without_reference(payment, rules)
    ]
    fresh = [payment for payment in {each.id: each for each in ours}.values() if payment.id not in work.seen]
    with work.engine.database.snapshot() as tx:
        charges = _charges(tx, [str(payment.reference) for payment in fresh])
        strays = _dealt_with(tx, [payment.id for payment in fresh])
        refunds = refunds_of(tx, [payment.id for payment in fresh])
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
        for detail in _details(work, payment, row, refunds.get(payment.id, (0, 0))):
            work.told.differences.append(Difference(payment.id, payment.reference, charge_id, detail))


def _details(work: _Comparison, payment: GatewayPayment, row: AnyRow | None, refunds: tuple[int, int]) -> Iterator[str]:
    if row is not None:
        yield from differences(payment, row, refunds, work.now)
    elif (payment.reference or "").startswith(work.prefix):
        yield f"{payment.raw_status} at the gateway under our reference, but there is no charge of it here"
    elif holds_money(payment):
        yield f"{payment.raw_status} at the gateway under none of our references; no charge explains it"


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
