"""What is due, by kind: one statement says whether there is anything, another gives it page by page."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final, assert_never

from sqlalchemy import BindParameter, Connection, Integer, Select, Table, bindparam, literal, select, text, tuple_
from sqlmodel import SQLModel, col

from billing.store.columns import UtcDateTime
from billing.store.installation import load_installation
from billing.store.obligation_tables import OBLIGATION_TO_SEE_TO, RefundObligation
from billing.store.request_tables import KEPT_REQUEST, KeyedRequest
from billing.store.tables import (
    AUTO_CHARGED,
    CHARGE_TO_ASK_ABOUT,
    DUE_INVOICE,
    END_PLANNED,
    ENROLMENT_TO_EXPIRE,
    INVOICE_TO_GIVE_UP,
    LIVE_CHARGE,
    OPEN_STRAY_PAYMENT,
    PAUSE_PLANNED,
    PAUSE_TO_END,
    REFUND_TO_ASK_ABOUT,
    RENEWABLE,
    REVOCATION_TO_TELL,
    WEBHOOK_TO_PROCESS,
    Charge,
    Invoice,
    Plan,
    Refund,
    Source,
    StrayPayment,
    Subscription,
    Webhook,
)
from billing.store.writes import table_of

_ALONG_THE_INDEX: Final = text("SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
"""While its statistics do not know of a new backlog, PostgreSQL would read and sort all of it for each page."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the due instant and the id of its last row."""

    at: datetime
    id: Any


class Kind(StrEnum):
    """A kind of thing that comes due, in the order of the sweep: what is known comes before what is new.

    An answer that waits may end what would be charged. A kind is added with its row in :func:`due_by`, the partial
    index that the row names, and its act in :mod:`billing.operations.run_due`; mypy and a test ask for each.
    """

    WEBHOOK = "webhook"
    CHARGE = "charge"
    ENROLMENT = "enrolment"
    PAUSE = "pause"
    LAST_PERIOD = "last_period"
    PAUSE_TO_COME = "pause_to_come"
    GIVING_UP = "giving_up"
    SUBSCRIPTION = "subscription"
    INVOICE = "invoice"
    STRAY = "stray"
    REFUND_OBLIGATION = "refund_obligation"
    REFUND = "refund"
    REVOCATION = "revocation"
    KEYED_REQUEST = "keyed_request"


@dataclass(frozen=True, slots=True)
class Due:
    """Rows of a table for which ``where`` holds are due at the instant in ``column``; ``index`` is of just these."""

    model: type[SQLModel]
    column: str
    where: str
    index: str


def due_by(kind: Kind) -> Due:  # noqa: C901, PLR0912 - a table that the types close
    """Return which rows are of a kind, and when they are due."""
    match kind:
        case Kind.WEBHOOK:
            return Due(Webhook, "next_try_at", WEBHOOK_TO_PROCESS, "webhook_to_process")
        case Kind.CHARGE:
            return Due(Charge, "check_at", CHARGE_TO_ASK_ABOUT, "charge_to_ask_about")
        case Kind.ENROLMENT:
            return Due(Subscription, "expires_at", ENROLMENT_TO_EXPIRE, "incomplete_subscription")
        case Kind.PAUSE:
            return Due(Subscription, "resume_at", PAUSE_TO_END, "subscription_to_resume")
        case Kind.LAST_PERIOD:
            return Due(Subscription, "cancel_at", END_PLANNED, "subscription_to_end")
        case Kind.PAUSE_TO_COME:
            return Due(Subscription, "pause_at", PAUSE_PLANNED, "subscription_to_pause")
        case Kind.GIVING_UP:
            return Due(Invoice, "give_up_at", INVOICE_TO_GIVE_UP, "invoice_to_give_up")
        case Kind.SUBSCRIPTION:
            return Due(Subscription, "next_due_at", RENEWABLE, "due_subscription")
        case Kind.INVOICE:
            return Due(Invoice, "next_attempt_at", DUE_INVOICE, "due_invoice")
        case Kind.STRAY:
            return Due(StrayPayment, "check_at", OPEN_STRAY_PAYMENT, "open_stray_payment")
        case Kind.REFUND_OBLIGATION:
            return Due(RefundObligation, "check_at", OBLIGATION_TO_SEE_TO, "obligation_to_see_to")
        case Kind.REFUND:
            return Due(Refund, "check_at", REFUND_TO_ASK_ABOUT, "refund_to_ask_about")
        case Kind.REVOCATION:
            return Due(Source, "revocation_due_at", REVOCATION_TO_TELL, "revocation_to_tell")
        case Kind.KEYED_REQUEST:
            return Due(KeyedRequest, "forget_at", KEPT_REQUEST, "request_to_forget")
        case _:
            assert_never(kind)


def kinds_due(tx: Connection, now: datetime) -> frozenset[Kind]:
    """Return which kinds have anything due at ``now`` (UTC), in one statement."""
    row = tx.execute(_anything_due(), {"now": now}).one()
    return frozenset(kind for kind in Kind if getattr(row, kind.value))


@cache
def _anything_due() -> Select[*tuple[Any, ...]]:
    now = bindparam("now", type_=UtcDateTime())
    return select(*(_due(kind, now, 1, None).exists().label(kind.value) for kind in Kind))


def is_quiet(tx: Connection, now: datetime, *, abandoned: int = 0) -> bool:
    """Say whether nothing is due at ``now`` (UTC) and nothing is on its way to the gateway.

    What may not be charged at present (the stop switch, a hold) is not waited for, nor are as many
    sends as are known to be ``abandoned`` by a daemon that died: those come due at their deadline.
    """
    waits_for = kinds_due(tx, now)
    if waits_for - {Kind.INVOICE}:
        return False
    if waits_for and load_installation(tx).why_not_charge(now) is not None:
        waits_for = frozenset()
    sending = "SELECT 1 FROM charge WHERE state = 'sending' UNION ALL SELECT 1 FROM refund WHERE state = 'sending'"
    return not waits_for and len(tx.execute(text(sending)).all()) <= abandoned


def rows_due(
    kind: Kind, at: datetime | BindParameter[datetime], at_most: int | BindParameter[int]
) -> Select[*tuple[Any, ...]]:
    """Return the query for rows of a kind that are due at an instant (UTC), oldest first: ``at`` and ``id``."""
    return _due(kind, at, at_most, None)


def due_places(tx: Connection, kind: Kind, now: datetime, limit: int, after: Place | None) -> list[Place]:
    """Return up to ``limit`` rows of a kind that are due at ``now`` (UTC), oldest first, beyond ``after``.

    On PostgreSQL the transaction's other queries are planned along indexes too.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(_ALONG_THE_INDEX)
    if after is None:
        rows = tx.execute(_first_page(kind), {"now": now, "most": limit})
    else:
        rows = tx.execute(_due(kind, now, limit, after))
    return [Place(row.at, row.id) for row in rows]


@cache
def _first_page(kind: Kind) -> Select[*tuple[Any, ...]]:
    return _due(kind, bindparam("now", type_=UtcDateTime()), bindparam("most", type_=Integer()), None)


def _due(
    kind: Kind, now: datetime | BindParameter[datetime], limit: int | BindParameter[int], after: Place | None
) -> Select[Any]:
    # The condition is literal text, so that it is recognised as the partial index's own.
    row = due_by(kind)
    table: Table = table_of(row.model)
    due, ident = table.c[row.column], next(iter(table.primary_key))
    query = select(due.label("at"), ident.label("id")).where(text(f"{table.name}.{row.where}"), due <= now)
    if kind is Kind.SUBSCRIPTION:
        query = query.where(~_is_on_a_paused_plan().exists())
    if kind is Kind.INVOICE:
        query = query.where(~_has_a_live_charge().exists(), ~_is_held().exists())
    if after is not None:
        query = query.where(tuple_(due, ident) > tuple_(literal(after.at, due.type), literal(after.id, ident.type)))
    return query.order_by(due, ident).limit(limit)


def _is_on_a_paused_plan() -> Select[Any]:
    return select(literal(1)).where(col(Plan.code) == col(Subscription.plan_code), col(Plan.paused_at).is_not(None))


def _has_a_live_charge() -> Select[Any]:
    return select(literal(1)).where(
        col(Charge.subscription_id) == col(Invoice.subscription_id), text(f"charge.{LIVE_CHARGE}")
    )


def _is_held() -> Select[Any]:
    """The subscription or its plan is set aside, or its state is not charged by itself."""
    return (
        select(literal(1))
        .select_from(Subscription)
        .join(Plan, col(Plan.code) == col(Subscription.plan_code))
        .where(
            col(Subscription.id) == col(Invoice.subscription_id),
            col(Subscription.parked_reason).is_not(None)
            | col(Plan.paused_at).is_not(None)
            | text(f"NOT subscription.{AUTO_CHARGED}"),
        )
    )
