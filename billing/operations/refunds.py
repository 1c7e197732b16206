"""Refunds: ordered as rows, sent, and asked about until the gateway says how they ended."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, assert_never
from uuid import UUID

from sqlalchemy import Connection

from billing.domain.charging import (
    GatewayRefund,
    NotSent,
    RefundAccepted,
    RefundLookUp,
    RefundOutcome,
    RefundsFound,
    RefundStatus,
    Refused,
    Unknown,
)
from billing.domain.hanging import HangingBounds, why_refund_not_shown, why_refund_open, why_unread
from billing.domain.polling import poll_again_at
from billing.domain.rechecks import AFTER_A_REFUSAL, next_look_at_refused, next_look_at_settled
from billing.domain.settlement import FIRST_LOOK_AFTER, LONGEST_CODE
from billing.domain.states import (
    FAILED_REFUND_STATES,
    LOOKED_UP_REFUND_STATES,
    POSSIBLY_MADE_REFUND_STATES,
    REFUND_MOVES,
    RefundEvent,
    RefundState,
    can_move,
)
from billing.gateway.port import RefundRequest
from billing.operations.batches import pages_of, together_or_alone
from billing.operations.engine import ABSENT_SPACING, SEND_DEADLINE, Engine, Tally
from billing.operations.follow_refunds import follow_refunds
from billing.operations.hold_refunds import those_to_send
from billing.operations.refund_balances import by_balances
from billing.store.due import Kind
from billing.store.queries import RefundRow, load_refunds
from billing.store.tables import Refund
from billing.store.writes import Author, Change, Move, change, move
from plans.money import Money

MOST_SENDS: Final = 8
"""A refund that went out this often and was never accepted is a person's business."""
_ENDS: Final = frozenset(
    {RefundEvent.SUCCEED, RefundEvent.DECLINE, RefundEvent.REFUSE, RefundEvent.PARK, RefundEvent.SETTLE}
)
_SLOWLY: Final = 5
"""So many looks are behind a refund that is asked about every six hours."""


def settle_refunds(engine: Engine, *, now: datetime) -> Tally:
    """Send every refund that was ordered and ask about every one whose end is not known, as of ``now`` (UTC)."""
    tally = Tally()
    for ids in pages_of(engine, Kind.REFUND, now, takes_turns=True):
        tally.add(
            together_or_alone(
                ids,
                lambda batch: _settle(engine, batch, now),
                lambda row, why: _park(engine, row, why, now),
            )
        )
    return tally


def _settle(engine: Engine, ids: Sequence[UUID], now: datetime) -> Tally:
    tally = send_refunds(engine, ids, now=now)
    tally.add(_look_up(engine, ids, now))
    tally.add(_recheck_failed(engine, ids, now))
    return tally


def send_refunds(engine: Engine, ids: Sequence[UUID], *, now: datetime) -> Tally:
    """Send those of these refunds that were ordered and not yet sent."""
    since = engine.gateway.moment()
    with engine.database.transaction() as tx:
        ordered = [row for row in load_refunds(tx, ids, lock=True) if row.state is RefundState.REQUESTED]
        rows = those_to_send(tx, ordered, Author(engine.actor, now))
        requests = [_request(row, sent_before=False) for row in rows]
        written = {"sent_at": now, "check_at": now + SEND_DEADLINE, "sends": 1}
        move(tx, Refund, [_move(row, RefundEvent.SEND, written) for row in rows], Author(engine.actor, now))
    return _send(engine, rows, requests, now, since)


def _send(
    engine: Engine, rows: Sequence[RefundRow], requests: Sequence[RefundRequest], now: datetime, since: float
) -> Tally:
    """Send refunds that were committed; ``rows`` are as they were before their sends were counted."""
    tally = Tally()
    if not rows:
        return tally
    outcomes = engine.gateway.create_refunds(requests, since=since)
    with engine.database.transaction() as tx:
        current = {row.id: row for row in load_refunds(tx, [row.id for row in rows], lock=True)}
        for row, outcome in zip(rows, outcomes, strict=True):
            now_is = current.get(row.id)
            if now_is is None or now_is.state is not RefundState.SENDING:
                continue
            if now_is.sends != row.sends + 1 and not isinstance(outcome, RefundAccepted):
                continue  # sent again by another process meanwhile: what became of our send says nothing about that one
            told = _after_send(now_is, outcome, now)
            _move_on(tx, now_is, told, Author(engine.actor, now))
            tally.acts[f"refunds_{told.event.value}"] += 1
    return tally


def _after_send(row: RefundRow, outcome: RefundOutcome, now: datetime) -> Move:
    match outcome:
        case RefundAccepted(action_id):
            written = {"action_id": action_id, "check_at": poll_again_at(now, 0), "checks": 0}
            return _move(row, RefundEvent.ACCEPT, written)
        case Refused(status, codes):
            why = f"HTTP {status}: {', '.join(codes)}"[:500]
            told = {"error": why, "response_code": ",".join(codes)[:LONGEST_CODE] or None}
            return _move(row, RefundEvent.REFUSE, {**next_look_at_refused(0, now), **told}, told)
        case NotSent(reason):
            # Our set-up, or the way to the gateway: nothing went out, so the refund has used up no send.
            waits = {"check_at": poll_again_at(now, row.checks), "checks": row.checks + 1}
            return _move(row, RefundEvent.LOSE, {**waits, "sends": row.sends - 1, "error": reason[:500]})
        case Unknown(reason):
            look_at = now + FIRST_LOOK_AFTER if row.sends <= 1 else poll_again_at(now, row.sends - 1)
            return _move(row, RefundEvent.LOSE, {"check_at": look_at, "error": reason[:500]})
        case _:
            assert_never(outcome)


def _look_up(engine: Engine, ids: Sequence[UUID], now: datetime) -> Tally:
    tally = Tally()
    with engine.database.snapshot() as tx:
        rows = [row for row in load_refunds(tx, ids) if row.state in LOOKED_UP_REFUND_STATES and row.is_due(now)]
    answers = by_balances(engine, rows, engine.gateway.find_refunds([row.gateway_payment_id for row in rows]))
    absent: list[RefundRow] = []
    since = engine.gateway.moment()
    with engine.database.transaction() as tx:
        current = {row.id: row for row in load_refunds(tx, [row.id for row in rows], lock=True)}
        for row, told in zip(rows, answers, strict=True):
            now_is = current.get(row.id)
            if now_is is None or now_is.state is not row.state:
                continue
            step = _after_look(now_is, told, now, engine.rules.settlement.hanging)
            if step is None:
                absent.append(now_is)
            elif isinstance(step, Change):
                change(tx, Refund, [step])
            else:
                _move_on(tx, now_is, step, Author(engine.actor, now))
                tally.acts[f"refunds_{step.event.value}"] += 1
        resent = those_to_send(tx, [row for row in absent if row.sends < MOST_SENDS], Author(engine.actor, now))
        given_up = [row for row in absent if row.sends >= MOST_SENDS]
        # Before anything is written: a row that makes no request must not take the others' send with it.
        requests = [_request(row, sent_before=True) for row in resent]
        move(tx, Refund, [_again(row, now) for row in resent], Author(engine.actor, now))
        for row in given_up:
            _move_on(tx, row, _give_up(row), Author(engine.actor, now))
    if given_up:
        tally.acts["refunds_parked"] += len(given_up)
    tally.add(_send(engine, resent, requests, now, since))
    return tally


def _recheck_failed(engine: Engine, ids: Sequence[UUID], now: datetime) -> Tally:
    """Look again at what was refused, or settled by hand as failed: it may have been made all the same."""
    tally = Tally()
    with engine.database.snapshot() as tx:
        rows = [row for row in load_refunds(tx, ids) if row.state in FAILED_REFUND_STATES and row.is_due(now)]
    answers = by_balances(engine, rows, engine.gateway.find_refunds([row.gateway_payment_id for row in rows]))
    with engine.database.transaction() as tx:
        current = {row.id: row for row in load_refunds(tx, [row.id for row in rows], lock=True)}
        for row, told in zip(rows, answers, strict=True):
            if current.get(row.id) != row:
                continue
            ours = own_refund(row, told.refunds) if isinstance(told, RefundsFound) else None
            if ours is not None and ours.status is RefundStatus.SUCCEEDED:
                # The code of the refusal does not hold any more.
                written = {"check_at": None, "action_id": ours.action_id, "response_code": ours.response_code}
                _move_on(tx, row, _move(row, RefundEvent.SUCCEED, written), Author(engine.actor, now))
                continue
            is_open = ours is not None and ours.status is RefundStatus.OPEN
            if row.state is RefundState.DECLINED:
                later = next_look_at_settled(row.checks, now, is_open=is_open)
            elif is_open or not isinstance(told, RefundsFound):
                later = {"check_at": now + AFTER_A_REFUSAL[0]}
            else:
                later = next_look_at_refused(row.checks + 1, now)
            change(tx, Refund, [Change(row.id, row.state, later)])
    tally.acts["refund_rechecks"] += len(rows)
    return tally


def recheck_ended(engine: Engine, refund_ids: Sequence[UUID], *, now: datetime) -> Tally:
    """Ask about refunds that were declined, refused or parked here; one that was made all the same ends so."""
    tally = Tally()
    with engine.database.snapshot() as tx:
        rows = [row for row in load_refunds(tx, refund_ids) if row.state in POSSIBLY_MADE_REFUND_STATES]
    answers = engine.gateway.find_refunds([row.gateway_payment_id for row in rows])
    tally.acts["refund_rechecks"] += len(rows)
    with engine.database.transaction() as tx:
        current = {row.id: row for row in load_refunds(tx, [row.id for row in rows], lock=True)}
        for row, told in zip(rows, answers, strict=True):
            ours = own_refund(row, told.refunds) if isinstance(told, RefundsFound) else None
            if current.get(row.id) != row or ours is None or ours.status is not RefundStatus.SUCCEEDED:
                continue
            written = {"check_at": None, "action_id": ours.action_id, "response_code": ours.response_code}
            _move_on(tx, row, _move(row, RefundEvent.SUCCEED, written), Author(engine.actor, now))
            tally.acts["refunds_succeed"] += 1
    return tally


def record_end(engine: Engine, row: RefundRow, told: GatewayRefund, *, now: datetime) -> bool:
    """Write down the end of a refund that the gateway tells (``now``: UTC); False: the refund has changed since."""
    with engine.database.transaction() as tx:
        if load_refunds(tx, [row.id], lock=True) != [row]:
            return False
        step = _after_found(row, told, {})
        if isinstance(step, Move):
            _move_on(tx, row, step, Author(engine.actor, now))
        return isinstance(step, Move)


def settle_as_failed(tx: Connection, row: RefundRow, why: str, author: Author) -> None:
    """Write down that a locked refund failed, as a person says. It is asked about further, and a success lands."""
    why = why[:500]
    # What is known to hang is asked about slowly from the beginning.
    written = {**next_look_at_settled(_SLOWLY, author.now, is_open=True), "error": why}
    _move_on(tx, row, _move(row, RefundEvent.SETTLE, written, {"error": why}), author)


def _move_on(tx: Connection, row: RefundRow, step: Move, author: Author) -> None:
    """Move a refund, and what is owed by it."""
    move(tx, Refund, [step], author)
    if step.event in _ENDS:
        follow_refunds(tx, [row.gateway_payment_id], author)


def _again(row: RefundRow, now: datetime) -> Move:
    written = {
        "sent_at": now,
        "sends": row.sends + 1,
        "check_at": now + SEND_DEADLINE,
        "absent_looks": 0,
        "last_absent_at": None,
    }
    return _move(row, RefundEvent.RESEND, written)


def _give_up(row: RefundRow) -> Move:
    why = f"sent {row.sends} times, and the gateway never accepted it"
    why = f"{why}: {row.error}"[:500] if row.error else why
    return _move(row, RefundEvent.PARK, {"error": why, "check_at": None}, {"error": why})


def _park(engine: Engine, refund_id: UUID, why: str, now: datetime) -> None:
    with engine.database.transaction() as tx:
        for row in load_refunds(tx, [refund_id], lock=True):
            if can_move(REFUND_MOVES, row.state, RefundEvent.PARK):
                parked = _move(row, RefundEvent.PARK, {"error": why[:500], "check_at": None}, {"error": why[:500]})
                _move_on(tx, row, parked, Author(engine.actor, now))
            else:
                later = {"error": why[:500], "check_at": poll_again_at(now, row.checks), "checks": row.checks + 1}
                change(tx, Refund, [Change(row.id, row.state, later)])


def _after_look(row: RefundRow, told: RefundLookUp, now: datetime, bounds: HangingBounds) -> Move | Change | None:
    """Return what a look-up changes; None: it was surely never processed, so it is sent again."""
    later: dict[str, object] = {"check_at": poll_again_at(now, row.checks), "checks": row.checks + 1}
    ours = own_refund(row, told.refunds) if isinstance(told, RefundsFound) else None
    if ours is not None and ours.status is not RefundStatus.OPEN:
        return _after_found(row, ours, later)
    hangs = row.state is not RefundState.PARKED and bounds.refund_hangs(row.sent_at, now)
    if ours is not None:
        return _hangs(row, why_refund_open, later, now) if hangs else _after_found(row, ours, later)
    if not isinstance(told, RefundsFound):
        reason = told.reason
        unread = partial(why_unread, reason)
        return _hangs(row, unread, later, now) if hangs else Change(row.id, row.state, later)
    was_accepted = row.state is RefundState.PARKED and row.action_id is not None
    if row.state is RefundState.PENDING or was_accepted:  # and is not shown yet
        return _hangs(row, why_refund_not_shown, later, now) if hangs else Change(row.id, row.state, later)
    return _after_absence(row, now)


def _hangs(
    row: RefundRow, why: Callable[[datetime, datetime], str], later: Mapping[str, object], now: datetime
) -> Move:
    """Park a refund that has no end; it is asked about further."""
    told = why(row.sent_at or now, now)
    return _move(row, RefundEvent.PARK, {**later, "error": told[:500]}, {"error": told[:500]})


def _after_absence(row: RefundRow, now: datetime) -> Move | Change | None:
    if row.state is RefundState.PARKED:
        # It was parked while the gateway could not be read: it may be sent again.
        first = {"check_at": now + ABSENT_SPACING, "absent_looks": 1, "last_absent_at": now, "error": None}
        return _move(row, RefundEvent.RELEASE, first, {"reason": "Checkout.com answers again, and does not know it"})
    first_look = row.last_absent_at is None
    if row.last_absent_at is not None and now - row.last_absent_at >= ABSENT_SPACING:
        return None
    seen = {"check_at": now + ABSENT_SPACING, "absent_looks": row.absent_looks + 1}
    if first_look:
        seen["last_absent_at"] = now
    if row.state is RefundState.SENDING:
        return _move(row, RefundEvent.LOSE, seen)
    return Change(row.id, row.state, seen)


def _after_found(row: RefundRow, ours: GatewayRefund, later: dict[str, object]) -> Move | Change:
    code = {"response_code": ours.response_code} if ours.response_code else {}
    match ours.status:
        case RefundStatus.SUCCEEDED:
            return _move(row, RefundEvent.SUCCEED, {"check_at": None, "action_id": ours.action_id, **code}, code)
        case RefundStatus.DECLINED if can_move(REFUND_MOVES, row.state, RefundEvent.DECLINE):
            return _move(row, RefundEvent.DECLINE, {"check_at": None, "action_id": ours.action_id, **code}, code)
        case RefundStatus.DECLINED | RefundStatus.OPEN:
            if not can_move(REFUND_MOVES, row.state, RefundEvent.ACCEPT):
                return Change(row.id, row.state, later)
            return _move(row, RefundEvent.ACCEPT, {**later, "action_id": ours.action_id})
        case _:
            assert_never(ours.status)


def own_refund(row: RefundRow, refunds: Sequence[GatewayRefund]) -> GatewayRefund | None:
    """Return the action of a refund among those that the gateway tells of its payment, or None."""
    for refund in refunds:
        if refund.reference == row.reference or (row.action_id is not None and refund.action_id == row.action_id):
            return refund
    return None


def _move(
    row: RefundRow,
    event: RefundEvent,
    written: Mapping[str, object],
    data: Mapping[str, object] | None = None,
) -> Move:
    told = {"amount_minor": row.amount_minor, "currency": row.currency, **(data or {})}
    return Move(row.id, row.state, event, written, row.subscription_id, told)


def _request(row: RefundRow, *, sent_before: bool) -> RefundRequest:
    return RefundRequest(
        payment_id=row.gateway_payment_id,
        reference=row.reference,
        idempotency_key=row.idempotency_key,
        amount=Money(row.amount_minor, row.currency),
        sent_before=sent_before,
    )
