"""What people decide about refunds that are owed, and how another act parks one and lets it go on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from billing.domain.cases import Note
from billing.domain.event_types import EventType
from billing.domain.obligations import GivenBack, Step, parked
from billing.domain.public_ids import Kind, brief_id, public_id
from billing.domain.states import (
    OBLIGATION_MOVES,
    ObligationEvent,
    ObligationState,
    RefundState,
    can_move,
)
from billing.operations.engine import BadInput, Conflict, Engine, NotFound
from billing.operations.give_back_owed import look_at
from billing.operations.refunds import settle_as_failed
from billing.operations.request_keys import done
from billing.store.cases import lock_subscriptions
from billing.store.obligations import (
    ObligationRow,
    given_back,
    load_obligations,
    open_obligations_of,
    take_step,
)
from billing.store.queries import load_refunds
from billing.store.writes import Author, note

LONGEST_HOW: Final = 200
LONGEST_REASON: Final = 500


class NotOwed(Conflict):
    """Nothing is owed any more, or a refund is just under way."""

    code = "nothing_owed"


def settle_obligation(engine: Engine, obligation_id: UUID, *, how: str, reason: str, now: datetime) -> UUID:
    """Write down that a person gave back by other means what is left of it, and how; ``now`` is a UTC instant.

    The gateway is asked first: what went back by a refund is booked as that. One that cannot be read is no hindrance.
    Said again with the same words it changes nothing.

    :raises NotFound: there is no such obligation. :raises BadInput: ``how`` or ``reason`` is empty or too long.
    :raises NotOwed: it was refunded, or settled otherwise, or a refund of the payment is under way.
    """
    how, reason = _said("how", how, LONGEST_HOW), _said("reason", reason, LONGEST_REASON)
    with engine.database.snapshot() as tx:
        row = _found(load_obligations(tx, [obligation_id]), obligation_id)
    look = look_at(engine, [row], now=now)[row.id] if row.owed.is_open else None
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        lock_subscriptions(tx, [row.subscription_id])
        row = _found(load_obligations(tx, [obligation_id], lock=True), obligation_id)
        if row.state is ObligationState.SETTLED and (row.settled_how, row.settled_reason) == (how, reason):
            return obligation_id
        given = given_back(tx, [row.gateway_payment_id])[row.gateway_payment_id]
        # One that was not made here is waited for, but not for ever.
        hangs = row.owed.hangs(engine.rules.settlement.hanging.refund, now)
        is_open_there = look is not None and look.is_open and not hangs
        _raise_unless_owed(row, given, is_open_there=is_open_there)
        left = row.owed.amount.minor - given.done
        written = {
            "check_at": None,
            "parked_reason": None,
            "settled_minor": left,
            "settled_how": how,
            "settled_reason": reason,
            "settled_by": engine.actor[:100],
            "ended_at": now,
        }
        told = {"how": how, "reason": reason, "settled_minor": left}
        take_step(tx, row, Step(ObligationEvent.SETTLE, written, told), author)
        if given.parked is not None:
            _give_up_parked(tx, given.parked.id, author)
        done(tx, engine, obligation_id)
    return obligation_id


def retry_obligation(engine: Engine, obligation_id: UUID, *, reason: str, now: datetime) -> UUID:
    """Make the next refund of what is owed due at ``now`` (UTC); one that was parked may fail as often again.

    :raises NotFound: there is no such obligation. :raises BadInput: ``reason`` is empty or too long.
    :raises NotOwed: it has ended, a refund is under way, or the wallet takes none any more.
    """
    reason = _said("reason", reason, LONGEST_REASON)
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        row = _found(load_obligations(tx, [obligation_id]), obligation_id)
        lock_subscriptions(tx, [row.subscription_id])
        row = _found(load_obligations(tx, [obligation_id], lock=True), obligation_id)
        given = given_back(tx, [row.gateway_payment_id])[row.gateway_payment_id]
        _raise_unless_owed(row, given)
        if given.parked is not None:
            raise NotOwed(
                f"refund {brief_id(Kind.REFUND, given.parked.id)} of it is parked, and may have been made: "
                "release that one, settle it as failed, or settle the obligation"
            )
        if now > row.owed.refund_by:
            raise NotOwed(
                f"the wallet takes no refund of it since {row.owed.refund_by:%Y-%m-%d} (365 days): "
                "give it back by other means and settle it"
            )
        _let_go(tx, row, reason, author)
        done(tx, engine, obligation_id)
    return obligation_id


def park_obligations(tx: Connection, payment_ids: Sequence[str], why: str, author: Author) -> list[UUID]:
    """Park what is owed of these payments, with the reason; return what was parked.

    No refund of it is made until :func:`release_obligations`, or a person who retries or settles it. A refund that is
    under way already goes on.
    """
    found = [
        row
        for row in open_obligations_of(tx, payment_ids)
        if can_move(OBLIGATION_MOVES, row.state, ObligationEvent.PARK)
    ]
    for row in found:
        take_step(tx, row, parked(why, author.now), author)
    return [row.id for row in found]


def release_obligations(tx: Connection, payment_ids: Sequence[str], reason: str, author: Author) -> list[UUID]:
    """Let what is owed of these payments and parked go on; return what was released."""
    found = [row for row in open_obligations_of(tx, payment_ids) if row.state is ObligationState.PARKED]
    for row in found:
        _let_go(tx, row, reason, author)
    return [row.id for row in found]


def _let_go(tx: Connection, row: ObligationRow, reason: str, author: Author) -> None:
    fresh = {"check_at": author.now, "failures": 0, "shortages": 0, "parked_reason": None}
    if row.state is ObligationState.PARKED:
        told = {"reason": reason, "was": row.owed.parked_reason}
        take_step(tx, row, Step(ObligationEvent.RELEASE, fresh, told), author)
        return
    take_step(tx, row, Step(None, fresh), author)
    hastened = Note(EventType.REFUND_OBLIGATION_HASTENED, {"reason": reason})
    note(tx, row.subscription_id, hastened, author, subject=("refund_obligation", str(row.id)))


def _raise_unless_owed(row: ObligationRow, given: GivenBack, *, is_open_there: bool = False) -> None:
    called = brief_id(Kind.REFUND_OBLIGATION, row.id)
    if not row.owed.is_open:
        how = f" ({row.settled_how})" if row.settled_how else ""
        raise NotOwed(f"{called} is {row.state.value}{how}: nothing is owed any more")
    if row.state is ObligationState.REFUNDING or given.under_way or is_open_there:
        raise NotOwed(
            f"a refund of {called} is under way, and it may go back twice: wait for its end, or settle that refund as "
            "failed"
        )


def _give_up_parked(tx: Connection, refund_id: UUID, author: Author) -> None:
    """Give up a parked refund: the money goes back by other means, so it must never be sent again."""
    rows = load_refunds(tx, [refund_id], lock=True)
    if [row.state for row in rows] != [RefundState.PARKED]:
        raise NotOwed("a refund of it is just being asked about: try again")
    settle_as_failed(tx, rows[0], "given up: the money went back by other means", author)


def _found(rows: Sequence[ObligationRow], obligation_id: UUID) -> ObligationRow:
    if not rows:
        raise NotFound(f"there is no refund obligation {public_id(Kind.REFUND_OBLIGATION, obligation_id)}")
    return rows[0]


def _said(field: str, text: str, longest: int) -> str:
    told = text.strip()
    if not told:
        raise BadInput(field, "must say something")
    if len(told) > longest:
        raise BadInput(field, f"must have at most {longest} characters, not {len(told)}")
    return told
