"""Asks for attempts that a later state of this database, which was lost, may have made beyond those known here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.cases import InvoiceKind
from billing.domain.charging import Found, GatewayPayment
from billing.domain.identity import charge_reference
from billing.domain.states import InvoiceState
from billing.operations.doubt import attempts_in_doubt
from billing.operations.engine import Engine
from billing.store.columns import AnyRow
from billing.store.installation import InstallationRow, load_installation
from billing.store.tables import Invoice

_PAGE: Final = 20


@dataclass(frozen=True, slots=True)
class ForgottenPage:
    """What a page of doubted invoices showed; ``last`` is where the next page begins."""

    payments: Sequence[GatewayPayment]
    unread: Sequence[str]
    asked: int
    last: UUID


def ask_for_forgotten(engine: Engine) -> Iterator[tuple[Sequence[GatewayPayment], Sequence[str]]]:
    """Yield, page by page, payments of later attempts at doubted invoices, and the references that were not read."""
    page = forgotten_page(engine, UUID(int=0), _PAGE)
    while page is not None:
        yield page.payments, page.unread
        page = forgotten_page(engine, page.last, _PAGE)


def forgotten_page(engine: Engine, after: UUID, limit: int) -> ForgottenPage | None:
    """Ask for later attempts at so many doubted invoices beyond ``after``; None: there are no more."""
    with engine.database.snapshot() as tx:
        installation = load_installation(tx)
        rows = _doubted(tx, installation, after, limit) if installation.doubted_until is not None else ()
    if not rows:
        return None
    references = [each for row in rows for each in _ahead(engine, installation, row)]
    payments: list[GatewayPayment] = []
    unread: list[str] = []
    for reference, told in zip(references, engine.gateway.find_by_reference(references), strict=True):
        if isinstance(told, Found):
            payments += [payment for payment in told.payments if payment.reference == reference]
        else:
            unread.append(reference)
    return ForgottenPage(payments, unread, len(references), rows[-1].id)


def _ahead(engine: Engine, installation: InstallationRow, row: AnyRow) -> list[str]:
    most = attempts_in_doubt(engine, installation, row.period_start)
    agreement = row.kind is InvoiceKind.AGREEMENT
    return [
        charge_reference(installation.id, row.subscription_id, row.period_start, attempt, agreement=agreement)
        for attempt in range(row.attempts + 1, row.attempts + most + 1)
    ]


def _doubted(tx: Connection, installation: InstallationRow, after: UUID, limit: int) -> Sequence[AnyRow]:
    """Return invoices of doubted periods that could be charged at some time since the doubt began, by their ids."""
    until, since = installation.doubted_until, installation.doubted_since
    assert until is not None  # noqa: S101 - the caller asks only then
    touched = col(Invoice.state) == InvoiceState.OPEN
    if since is not None:
        touched = touched | (col(Invoice.created_at) >= since) | (col(Invoice.paid_at) >= since)
    return tx.execute(
        select(
            col(Invoice.id),
            col(Invoice.subscription_id),
            col(Invoice.period_start),
            col(Invoice.kind),
            col(Invoice.attempts),
        )
        .where(col(Invoice.id) > after, col(Invoice.period_start) <= until.date() + timedelta(days=1), touched)
        .order_by(col(Invoice.id))
        .limit(limit)
    ).all()
