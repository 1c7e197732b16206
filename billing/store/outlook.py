"""Says what the engine will do with a subscription next, and why nothing if it will do nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select, text
from sqlmodel import col

from billing.domain.states import ChargeState, SubscriptionState
from billing.store.reports import ChargeRow, SubscriptionRow, list_charges
from billing.store.sentences import moment
from billing.store.tables import DUE_INVOICE, Charge, Invoice
from billing.store.tables import LIVE_CHARGE as LIVE
from plans.money import Money

_S = SubscriptionState


@dataclass(frozen=True, slots=True)
class _Facts:
    row: SubscriptionRow
    live: ChargeRow | None
    next_attempt_at: datetime | None
    why_not: str | None

    def at(self, instant: datetime) -> str:
        return moment(instant, self.row.zone)


def what_happens_next(tx: Connection, row: SubscriptionRow, why_not: str | None) -> str:
    """Return it as half a sentence. ``why_not``: why nothing may be charged at all now, or None."""
    live = select(col(Charge.id)).where(col(Charge.subscription_id) == row.id, text(f"charge.{LIVE}"))
    charges = list_charges(tx, 1, ids=list(tx.execute(live).scalars()))
    due = select(col(Invoice.next_attempt_at)).where(col(Invoice.subscription_id) == row.id)
    tries = due.where(text(f"invoice.{DUE_INVOICE}")).order_by(col(Invoice.next_attempt_at)).limit(1)
    next_attempt_at = tx.execute(tries).scalar_one_or_none()
    facts = _Facts(row, charges[0] if charges else None, next_attempt_at, why_not)
    return next(told for rule in _RULES if (told := rule(facts)) is not None)


def _set_aside(facts: _Facts) -> str | None:
    row = facts.row
    if row.state in (_S.CANCELED, _S.INCOMPLETE_EXPIRED) and facts.live is None:
        return "nothing: it has ended"
    if row.parked_reason is not None:
        return f"nothing until it is released: it is parked ({row.parked_reason})"
    if facts.live is not None and facts.live.state is ChargeState.PARKED:
        return f"nothing until charge {facts.live.id.hex[:8]} is released: it is parked ({facts.live.error})"
    return None


def _under_way(facts: _Facts) -> str | None:
    live = facts.live
    if live is None:
        return None
    asked = f"; Checkout.com is asked about it on {facts.at(live.check_at)}" if live.check_at is not None else ""
    return f"charge {live.id.hex[:8]} is {live.state.value}{asked}"


def _stopped(facts: _Facts) -> str | None:
    if facts.row.plan_paused_at is not None:
        return f"nothing until plan {facts.row.plan_code} is resumed: a paused plan renews nobody"
    return None if facts.why_not is None else f"no charge now: {facts.why_not}"


def _waits(facts: _Facts) -> str | None:
    row = facts.row
    match row.state:
        case _S.INCOMPLETE:
            return f"the first payment must be captured by {facts.at(row.expires_at)}, or the enrolment expires"
        case _S.PAUSED:
            return f"it is resumed on {facts.at(row.resume_at)}" if row.resume_at else "nothing until it is resumed"
        case _S.UNPAID:
            return "nothing by itself: retry its charge, or let the subscriber make a new agreement"
        case _:
            return None


def _pauses(facts: _Facts) -> str | None:
    row = facts.row
    if row.pause_at is None or (row.cancel_at is not None and row.cancel_at <= row.pause_at):
        return None
    until = f"until {facts.at(row.resume_at)}" if row.resume_at is not None else "until it is resumed"
    return f"it is paused on {facts.at(row.pause_at)}, {until}"


def _ends(facts: _Facts) -> str | None:
    ends_at, row = facts.row.cancel_at, facts.row
    if ends_at is None or (row.state is not _S.PAST_DUE and row.next_due_at < ends_at):
        return None
    if facts.next_attempt_at is not None and facts.next_attempt_at < ends_at:
        return None
    return f"it ends on {facts.at(ends_at)}"


def _tries(facts: _Facts) -> str:
    row = facts.row
    then = "" if row.cancel_at is None else f"; it ends on {facts.at(row.cancel_at)}"
    if facts.next_attempt_at is not None:
        return f"the open invoice is charged on {facts.at(facts.next_attempt_at)}{then}"
    if row.state is _S.PAST_DUE:
        return "the subscriber must make a new KakaoPay agreement"
    return f"renewal of {Money(row.amount_minor, row.currency)} on {facts.at(row.next_due_at)}{then}"


_RULES: Final[tuple[Callable[[_Facts], str | None], ...]] = (
    _set_aside,
    _under_way,
    _stopped,
    _waits,
    _pauses,
    _ends,
    _tries,
)
