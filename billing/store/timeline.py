"""Everything that happened to a subscription or a charge, in order: the answer to “why was this charged?”."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, or_, select
from sqlmodel import col

from billing.domain.cases import ChargeKind
from billing.domain.states import ChargeState
from billing.store.obligation_tables import RefundObligation
from billing.store.report_log import EventRow, list_refunds
from billing.store.reports import AnySelect, ChargeRow, list_charges, list_subscriptions
from billing.store.sentences import days, moment, occasion, price_of, tell
from billing.store.tables import Event, Refund, Source, Subscription
from billing.store.tellings import Story, Tone
from plans.money import Money

MOST_CHARGES: Final = 2000


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, as a sentence."""

    at: datetime
    actor: str
    tone: Tone
    sentence: str
    type: str
    subject_type: str
    subject_id: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Lines, oldest first. ``left_out`` says whether there are older ones than these."""

    lines: list[Line]
    left_out: bool


def subscription_timeline(tx: Connection, subscription_id: UUID, limit: int) -> Timeline:
    """Return the newest ``limit`` things that happened to a subscription, its invoices, charges and agreements."""
    story = load_story(tx, subscription_id)
    sources = select(col(Source.id)).join(Subscription, col(Subscription.customer_id) == col(Source.customer_id))
    mine = list(tx.execute(sources.where(col(Subscription.id) == subscription_id)).scalars())
    about = or_(
        col(Event.subscription_id) == subscription_id,
        _subjects("source", mine) & col(Event.subscription_id).is_(None),
        (col(Event.subject_type) == "plan") & (col(Event.subject_id) == story.subscription.plan_code)
        & col(Event.type).in_(["plan.paused", "plan.resumed"]) & (col(Event.at) >= story.subscription.created_at),
    )  # fmt: skip
    return _timeline(tx, _events().where(about), story, limit)


def charge_timeline(tx: Connection, charge: ChargeRow, limit: int) -> Timeline:
    """Return the newest ``limit`` things that happened to a charge, its invoice, its refunds and what is owed of it."""
    story = load_story(tx, charge.subscription_id)
    refunds = list(tx.execute(select(col(Refund.id)).where(col(Refund.charge_id) == charge.id)).scalars())
    obligations = select(col(RefundObligation.id)).where(col(RefundObligation.charge_id) == charge.id)
    about = or_(
        _subjects("charge", [charge.id]),
        _subjects("invoice", [charge.invoice_id]),
        _subjects("refund", refunds),
        _subjects("refund_obligation", list(tx.execute(obligations).scalars())),
    )
    return _timeline(tx, _events().where(about), story, limit)


def load_story(tx: Connection, subscription_id: UUID) -> Story:
    """Return what sentences about a subscription are made from."""
    charges = list_charges(tx, MOST_CHARGES, subscription_id=subscription_id)
    refunds = list_refunds(tx, MOST_CHARGES, charge_ids=[row.id for row in charges])
    return Story(
        subscription=list_subscriptions(tx, 1, ids=[subscription_id])[0],
        charges={str(row.id): row for row in charges},
        refunds={str(row.id): row for row in refunds},
    )


def why_charged(tx: Connection, charge: ChargeRow) -> str:
    """Answer “why was this charged?” in a few sentences."""
    row = list_subscriptions(tx, 1, ids=[charge.subscription_id])[0]
    told = [
        f"{Money(charge.amount_minor, charge.currency)} {occasion(charge)}.",
        f"The subscription is to plan {row.plan_code} at price version {row.price_version}, {price_of(row)}.",
    ]
    agreed = _agreed_at(tx, charge)
    if agreed is not None:
        told.append(f"The subscriber agreed to be charged in the KakaoPay wallet on {moment(agreed, charge.zone)}.")
    if charge.attempt_no > 1:
        told.append(f"It was attempt {charge.attempt_no}, because the ones before it did not succeed.")
    told.append(_stands(charge))
    return " ".join(told)


def _agreed_at(tx: Connection, charge: ChargeRow) -> datetime | None:
    """Return when the subscriber made the agreement that a renewal is charged to."""
    if charge.kind is not ChargeKind.RENEWAL or charge.gateway_source_id is None:
        return None
    source = select(col(Source.id)).where(col(Source.gateway_source_id) == charge.gateway_source_id)
    source_id = tx.execute(source).scalar_one_or_none()
    query = (
        select(col(Event.at))
        .where(_subjects("source", [source_id] if source_id else []), col(Event.type) == "source.confirmed")
        .order_by(col(Event.id))
        .limit(1)
    )
    return tx.execute(query).scalar_one_or_none()


def _stands(charge: ChargeRow) -> str:
    match charge.state:
        case ChargeState.CAPTURED if charge.captured_at is not None:
            return f"It was captured on {moment(charge.captured_at, charge.zone)}."
        case ChargeState.CAPTURED:
            return "It was captured."
        case ChargeState.SENDING | ChargeState.UNKNOWN | ChargeState.PENDING:
            return "It is not known yet how it ends."
        case ChargeState.PARKED:
            return f"It is parked for a person to look at: {charge.error}."
        case ChargeState.DECLINED | ChargeState.REFUSED | ChargeState.EXPIRED | ChargeState.CANCELED:
            period = days(charge.period_start, charge.period_end)
            return f"It was {charge.state.value}: no money was taken by this attempt for {period}."
        case _:
            assert_never(charge.state)


def _events() -> AnySelect:
    return select(*(getattr(Event, name) for name in EventRow.__dataclass_fields__)).order_by(col(Event.id).desc())


def _subjects(kind: str, ids: Sequence[UUID]) -> ColumnElement[bool]:
    return (col(Event.subject_type) == kind) & col(Event.subject_id).in_([str(each) for each in ids])


def _timeline(tx: Connection, query: AnySelect, story: Story, limit: int) -> Timeline:
    rows = [EventRow(*row) for row in tx.execute(query.limit(limit + 1))]
    lines = []
    for event in reversed(rows[:limit]):
        tone, sentence = tell(event, story)
        lines.append(Line(event.at, event.actor, tone, sentence, event.type, event.subject_type, event.subject_id))
    return Timeline(lines, left_out=len(rows) > limit)
