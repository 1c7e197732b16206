"""Asks for a new agreement where the stored one cannot be charged; nothing is tried until it is made."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import Connection

from billing.domain.cases import Note
from billing.domain.quiet_hours import charge_slot
from billing.domain.states import InvoiceState, SubscriptionEvent, SubscriptionState
from billing.operations.engine import Engine
from billing.store.tables import Invoice, Subscription
from billing.store.writes import Author, Change, Move, change, move, note
from plans.calendar import billing_day


@dataclass(frozen=True, slots=True)
class Owed:
    """An open invoice that waits for an agreement. ``first_failed_on`` is a day in ``zone``, None if none failed."""

    invoice_id: UUID
    subscription_id: UUID
    subscription_state: SubscriptionState
    zone: str
    first_failed_on: date | None


def ask_for_agreement(tx: Connection, engine: Engine, owed: Owed, why: str, author: Author) -> SubscriptionState:
    """Make no attempt on a source that is not usable; the ladder still ends on time.

    The subscription falls past due if it was not; its state is returned.
    """
    policy = engine.rules.settlement.dunning
    since = owed.first_failed_on or billing_day(author.now, owed.zone)
    days, at = policy.ladder[-1]
    give_up_on = since + timedelta(days=days + 1)
    give_up_at = charge_slot(give_up_on, at, owed.zone, policy.window, owed.subscription_id)
    written = {"next_attempt_at": None, "give_up_at": give_up_at, "first_failed_on": since}
    change(tx, Invoice, [Change(owed.invoice_id, InvoiceState.OPEN, written)])
    state = owed.subscription_state
    if state in (SubscriptionState.ACTIVE, SubscriptionState.TRIALING):
        move(tx, Subscription, [Move(owed.subscription_id, state, SubscriptionEvent.FALL_PAST_DUE)], author)
        state = SubscriptionState.PAST_DUE
    told = Note("subscription.re_enrolment_requested", {"why": why})
    note(tx, owed.subscription_id, told, author, subject=("subscription", str(owed.subscription_id)))
    return state
