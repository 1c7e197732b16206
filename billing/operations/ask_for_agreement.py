"""Asks the subscriber for a new agreement, or to confirm an old debt; nothing is tried until one of them is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from billing.domain.cases import Note
from billing.domain.days.grace import given_until
from billing.domain.days.records import DayRecord
from billing.domain.event_types import EventType
from billing.domain.quiet_hours import charge_slot
from billing.domain.states import RENEWING_SUBSCRIPTIONS, InvoiceState, SubscriptionEvent, SubscriptionState
from billing.operations.engine import Engine
from billing.store.tables import Invoice, Subscription
from billing.store.writes import Author, Change, Move, change, move, note
from plans.calendar import Period, billing_day

_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Owed:
    """An open invoice that waits for the subscriber. Days are days in ``zone``."""

    invoice_id: UUID
    subscription_id: UUID
    subscription_state: SubscriptionState
    zone: str
    period: Period
    first_failed_on: date | None
    grace_until: date | None
    lost_days: int
    lost_spans: Sequence[DayRecord]


def ask_for_agreement(tx: Connection, engine: Engine, owed: Owed, why: str, author: Author) -> SubscriptionState:
    """Make no attempt on a source that is not usable; the ladder still ends on time, but not before tomorrow.

    The subscription falls past due if it was not; its state is returned.
    """
    today = billing_day(author.now, owed.zone)
    since = owed.first_failed_on or today
    give_up_on = max(since + engine.rules.settlement.dunning.days * _A_DAY, today) + _A_DAY
    until = min(owed.period.end, give_up_on)
    grace = given_until(
        until, before=owed.grace_until, lost_days=owed.lost_days, lost_spans=owed.lost_spans, today=today
    )
    return _wait(tx, engine, owed, give_up_on, {"first_failed_on": since, **grace}, why, author)


def ask_for_confirmation(tx: Connection, engine: Engine, owed: Owed, author: Author) -> SubscriptionState:
    """Make no attempt for a debt most of whose days gave no access, until the subscriber has confirmed it.

    A new agreement confirms it, and so does a retry that says so. Access stays as it is: it has ended.
    """
    today = billing_day(author.now, owed.zone)
    give_up_on = today + (engine.rules.settlement.dunning.days + 1) * _A_DAY
    since = {"first_failed_on": owed.first_failed_on or today}
    return _wait(tx, engine, owed, give_up_on, since, "confirmation needed", author)


def _wait(
    tx: Connection,
    engine: Engine,
    owed: Owed,
    give_up_on: date,
    written: Mapping[str, object],
    why: str,
    author: Author,
) -> SubscriptionState:
    give_up_at = _give_up_at(engine, owed, give_up_on)
    columns = {**written, "next_attempt_at": None, "give_up_at": give_up_at}
    change(tx, Invoice, [Change(owed.invoice_id, InvoiceState.OPEN, columns)])
    state = owed.subscription_state
    if state in RENEWING_SUBSCRIPTIONS:
        move(tx, Subscription, [Move(owed.subscription_id, state, SubscriptionEvent.FALL_PAST_DUE)], author)
        state = SubscriptionState.PAST_DUE
    told = Note(EventType.SUBSCRIPTION_RE_ENROLMENT_REQUESTED, {"why": why})
    note(tx, owed.subscription_id, told, author, subject=("subscription", str(owed.subscription_id)))
    return state


def _give_up_at(engine: Engine, owed: Owed, day: date) -> datetime:
    policy = engine.rules.settlement.dunning
    _, at = policy.ladder[-1]
    return charge_slot(day, at, owed.zone, policy.window, owed.subscription_id)
