"""How the engine is, in one statement that stays cheap on millions of rows: every count ends at a bound."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    bindparam,
    func,
    select,
    text,
    type_coerce,
)
from sqlmodel import SQLModel, col

from billing.store.columns import UtcDateTime
from billing.store.due import Kind, rows_due
from billing.store.installation_tables import Daemon
from billing.store.obligation_tables import OPEN_OBLIGATION, RefundObligation
from billing.store.tables import (
    PARKED,
    PARKED_SUBSCRIPTION,
    SET_UP_FAILURE,
    UNKNOWN_CHARGE,
    UNSETTLED_CHARGE,
    UNSETTLED_REFUND,
    Charge,
    Refund,
    StrayPayment,
    Subscription,
    Webhook,
)
from billing.store.writes import table_of

COUNTED_TO: Final = 10_000
"""No row beyond this many is counted or looked at; a count that reads so means "at least"."""
LATE_AFTER: Final = timedelta(minutes=15)
"""What is due for less than this is work in hand, not overdue."""
_LATELY: Final = timedelta(hours=24)
_SLOWEST_STATEMENT_MS: Final = 2000
_PARKED: Final[Mapping[str, tuple[type[SQLModel], str]]] = {
    "subscription": (Subscription, PARKED_SUBSCRIPTION),
    "charge": (Charge, PARKED),
    "refund": (Refund, PARKED),
    "refund_obligation": (RefundObligation, PARKED),
    "webhook": (Webhook, PARKED),
    "payment": (StrayPayment, "resolved_at IS NULL"),
}


@dataclass(frozen=True, slots=True)
class VitalSigns:
    """Counts end at :data:`COUNTED_TO`; instants are UTC, None where there is nothing of the kind."""

    overdue_renewals: int
    """Renewals due for longer than :data:`LATE_AFTER` that have no invoice."""
    overdue_charges: int
    """Invoices whose charge was due as long ago and was not sent."""
    oldest_due_renewal: datetime | None
    unknown_charges: int
    oldest_unsettled_charge: datetime | None
    """When it was made. Beyond the bound, the oldest of as many."""
    oldest_unsettled_refund: datetime | None
    owed_refunds: int
    """Payments that must go back and have not yet, parked ones with them."""
    oldest_owed_refund: datetime | None
    """Since when it is owed."""
    oldest_webhook: datetime | None
    """When the oldest webhook that was not processed yet came in."""
    last_sweep: datetime | None
    """Machine time at which any daemon last ended a sweep."""
    set_up_failures: int
    """Charges sent in the last 24 hours that met a set-up class."""
    parked: Mapping[str, int]
    """What waits for a person, by the kind that ``billing parked`` calls it."""


def load_vital_signs(tx: Connection, now: datetime) -> VitalSigns:
    """Return how things are at ``now`` (UTC, engine time)."""
    if tx.dialect.name == "postgresql":
        tx.execute(text(f"SET LOCAL statement_timeout = {_SLOWEST_STATEMENT_MS}"))
    row = (
        tx.execute(vital_signs_query(), {"now": now, "late": now - LATE_AFTER, "lately": now - _LATELY}).one()._asdict()
    )
    parked = {kind: row.pop(f"parked_{kind}") for kind in _PARKED}
    return VitalSigns(**row, parked=parked)


@cache
def vital_signs_query() -> Select[*tuple[Any, ...]]:
    """Return the statement.

    It takes ``now``, ``late``, before which what is due is overdue, and ``lately``, since when failures are counted.
    """
    now, late, lately = (bindparam(name, type_=UtcDateTime()) for name in ("now", "late", "lately"))
    renewals = rows_due(Kind.SUBSCRIPTION, late, COUNTED_TO).subquery()
    charges = rows_due(Kind.INVOICE, late, COUNTED_TO).subquery()
    due = rows_due(Kind.SUBSCRIPTION, now, 1).subquery()
    return select(
        _count(renewals).label("overdue_renewals"),
        _count(charges).label("overdue_charges"),
        _earliest(due, "at").label("oldest_due_renewal"),
        _count(_some(Charge, "id", UNKNOWN_CHARGE)).label("unknown_charges"),
        _earliest(_some(Charge, "created_at", UNSETTLED_CHARGE), "created_at").label("oldest_unsettled_charge"),
        _earliest(_some(Refund, "created_at", UNSETTLED_REFUND), "created_at").label("oldest_unsettled_refund"),
        _count(_some(RefundObligation, "created_at", OPEN_OBLIGATION)).label("owed_refunds"),
        _earliest(_some(RefundObligation, "created_at", OPEN_OBLIGATION), "created_at").label("oldest_owed_refund"),
        _earliest(_some(Webhook, "received_at", "state = 'received'"), "received_at").label("oldest_webhook"),
        _count(_some(Charge, "sent_at", SET_UP_FAILURE, since=lately)).label("set_up_failures"),
        type_coerce(
            select(func.max(col(Daemon.seen_at))).where(col(Daemon.sweeps) > 0).scalar_subquery(), UtcDateTime()
        ).label("last_sweep"),
        *(
            _count(_some(model, next(iter(table_of(model).primary_key)).name, where)).label(f"parked_{kind}")
            for kind, (model, where) in _PARKED.items()
        ),
    )


def _some(model: type[SQLModel], column: str, where: str, since: BindParameter[datetime] | None = None) -> Subquery:
    # The condition is literal text, so that it is recognised as the partial index's own.
    table = table_of(model)
    rows = select(table.c[column]).where(text(f"{table.name}.{where}"))
    return (rows if since is None else rows.where(table.c[column] >= since)).limit(COUNTED_TO).subquery()


def _count(rows: Subquery) -> ColumnElement[int]:
    return select(func.count()).select_from(rows).scalar_subquery()


def _earliest(rows: Subquery, column: str) -> ColumnElement[datetime]:
    return type_coerce(select(func.min(rows.c[column])).scalar_subquery(), UtcDateTime())
