"""Cancels, pauses and resumes, now or later, under the row lock; a charge under way is left to finish by itself."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Select, select
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.days.records import UnbilledReason
from billing.domain.days.returning import Return, return_on
from billing.domain.event_types import EventType
from billing.domain.instants import in_utc
from billing.domain.states import (
    CANCELABLE_AT_PERIOD_END,
    ENDED_SUBSCRIPTIONS,
    PAUSABLE_SUBSCRIPTIONS,
    SubscriptionEvent,
    SubscriptionState,
)
from billing.operations.engine import BadInput, Conflict, Engine, NotFound
from billing.operations.owed_days import forgive_unbilled, pause_owed, resume_owed, was_charged_today
from billing.operations.request_keys import done
from billing.store.cases import lock_subscriptions
from billing.store.columns import AnyRow
from billing.store.day_records import write_day_records
from billing.store.forgiven import forgiven_columns, forgiven_through
from billing.store.queries import has_failed, has_live_charge, owed_invoices
from billing.store.schedules import schedule_of
from billing.store.settlements import void_open_invoices
from billing.store.tables import Price, Subscription
from billing.store.writes import Author, Change, Move, change, move, note
from plans.calendar import billing_day, start_of_day

_S = SubscriptionState
MOST_AHEAD: Final = timedelta(days=5 * 366)
"""A day further off than this is taken for a slip of the pen."""


PLANNED_BY: Final = "daemon"
"""Who ends or pauses what was planned: the sweep, though an act by hand may come first."""
_ITS_DAY: Final = "the day of its end had come"
CHARGED_WITHIN: Final = timedelta(hours=1)
"""What is due for longer than this waits for the end of an outage, and not for the next sweep."""


@dataclass(frozen=True, slots=True)
class Managed:
    """What a subscription is after the act. ``charge_under_way``: its outcome will still be settled."""

    subscription_id: UUID
    state: SubscriptionState
    cancel_at: datetime | None = None
    pause_at: datetime | None = None
    resume_at: datetime | None = None
    charge_under_way: bool = False


def cancel_now(engine: Engine, subscription_id: UUID, *, reason: str | None, now: datetime) -> Managed:
    """End a subscription at ``now`` (UTC) with everything that is open: invoices are voided, no charge follows.

    A charge already on its way is settled when its outcome comes; if it is captured, it is refunded.

    :raises NotFound: there is no such subscription. :raises Conflict: it has ended already.
    """
    with engine.database.transaction() as tx:
        row = _current(tx, engine, subscription_id, now)
        _refuse_if_ended(row)
        return _cancel(tx, engine, row, reason, Author(engine.actor, now))


def end_canceled_period(engine: Engine, subscription_id: UUID, *, now: datetime) -> Managed:
    """End a subscription that was canceled for a day, or the end of a period, that has come at ``now`` (UTC).

    :raises NotFound: there is no such subscription. :raises Conflict: the cancellation was taken back meanwhile.
    """
    with engine.database.transaction() as tx:
        row = _locked(tx, engine, subscription_id)
        _refuse_if_ended(row)
        if row.cancel_at is None or row.cancel_at > now:
            raise Conflict(f"subscription {subscription_id} is not going to be canceled")
        return _cancel(tx, engine, row, row.cancel_reason or _ITS_DAY, Author(engine.actor, now))


def cancel_at_period_end(engine: Engine, subscription_id: UUID, *, reason: str | None, now: datetime) -> Managed:
    """Let a subscription end with the period that is paid or was forgiven (``now``: UTC).

    Undo with :func:`undo_cancel`. One without such a period to run out ends at once, and so does one that is past due
    or unpaid, whose debt is then tried no more. On the day of a renewal that is not paid yet nothing is left to run
    out: who leaves before the money is taken is not kept for a period more, and a charge under way goes back.

    :raises NotFound: there is no such subscription. :raises Conflict: it has ended already.
    """
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        row = _current(tx, engine, subscription_id, now)
        _refuse_if_ended(row)
        ends_at = _end_of_period(row, now)
        if row.state not in CANCELABLE_AT_PERIOD_END or ends_at <= now:
            return _cancel(tx, engine, row, reason, author)
        return _cancel_later(tx, row, ends_at, "period_end", reason, author)


def cancel_at(engine: Engine, subscription_id: UUID, *, on: date, reason: str | None, now: datetime) -> Managed:
    """Let a subscription end when the day ``on`` begins in its zone (``now``: UTC). Undo with :func:`undo_cancel`.

    Until then it is renewed, each period in full: what is paid beyond ``on`` is not given back by itself, and, as with
    every cancellation, may be used up. A charge under way at the end is settled when its outcome comes, and given back
    if it is captured.

    :raises NotFound: there is no such subscription. :raises Conflict: it has ended already, or never began.
    :raises BadInput: the day is not to come, or too far off.
    """
    with engine.database.transaction() as tx:
        row = _locked(tx, engine, subscription_id)
        _refuse_if_ended(row)
        if row.state is _S.INCOMPLETE:
            raise Conflict(f"subscription {row.id} is incomplete: nothing was paid, so cancel it now")
        today = billing_day(now, row.zone)
        if not today < on <= today + MOST_AHEAD:
            raise BadInput("on", f"must be a day from {today + timedelta(days=1)} to {today + MOST_AHEAD} ({row.zone})")
        row = _as_planned(tx, engine, row, now)
        _refuse_if_ended(row)
        return _cancel_later(tx, row, start_of_day(on, row.zone), "date", reason, Author(engine.actor, now))


def undo_cancel(engine: Engine, subscription_id: UUID, *, now: datetime) -> Managed:
    """Take back a cancellation at period end or at a date.

    :raises NotFound: there is no such subscription. :raises Conflict: none is scheduled, or it has ended.
    """
    with engine.database.transaction() as tx:
        row = _current(tx, engine, subscription_id, now)
        _refuse_if_ended(row)
        if row.cancel_at is None:
            raise Conflict(f"subscription {subscription_id} is not going to be canceled")
        change(tx, Subscription, [Change(row.id, row.state, {"cancel_at": None, "cancel_reason": None})])
        _note(tx, row, Note(EventType.SUBSCRIPTION_CANCEL_UNDONE), Author(engine.actor, now))
        return Managed(row.id, row.state)


def pause(engine: Engine, subscription_id: UUID, *, resume_at: datetime | None, now: datetime) -> Managed:
    """Pause at ``now`` (UTC): no invoice and no charge until it is resumed, by hand or at ``resume_at``.

    The paid period keeps running. An open invoice stays open and is not tried. A period that began with the return from
    another pause gives access, so it is charged before the next pause may begin; so does each day of a daily plan.

    :raises NotFound: there is no such subscription. :raises Conflict: its state or the date does not allow it.
    """
    _refuse_unless_to_come(resume_at, now, now, "now")
    with engine.database.transaction() as tx:
        row = _current(tx, engine, subscription_id, now)
        _refuse_unless_pausable(row)
        _refuse_before_its_days_are_charged(row, now)
        return _pause(tx, engine, row, resume_at, Author(engine.actor, now))


def pause_at_period_end(engine: Engine, subscription_id: UUID, *, resume_at: datetime | None, now: datetime) -> Managed:
    """Pause when the period that is paid or was forgiven is over (``now``: UTC).

    Undo with :func:`undo_pause` or :func:`resume`.

    One that is past due has no paid period to run out, and is paused at once.

    :raises NotFound: there is no such subscription. :raises Conflict: its state does not allow it.
    :raises BadInput: it would be resumed before the pause begins.
    """
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        row = _current(tx, engine, subscription_id, now)
        _refuse_unless_pausable(row)
        _refuse_before_its_days_are_charged(row, now)
        at = _end_of_period(row, now)
        _refuse_unless_to_come(resume_at, at, now, "the end of the period")
        if row.state is _S.PAST_DUE:
            return _pause(tx, engine, row, resume_at, author)
        change(tx, Subscription, [Change(row.id, row.state, {"pause_at": at, "resume_at": resume_at})])
        until = None if resume_at is None else resume_at.isoformat()
        _note(
            tx,
            row,
            Note(EventType.SUBSCRIPTION_PAUSE_SCHEDULED, {"pause_at": at.isoformat(), "resume_at": until}),
            author,
        )
        under_way = has_live_charge(tx, row.id)
        return Managed(row.id, row.state, pause_at=at, resume_at=resume_at, charge_under_way=under_way)


def begin_planned_pause(engine: Engine, subscription_id: UUID, *, now: datetime) -> Managed:
    """Pause a subscription whose planned pause has come at ``now`` (UTC).

    :raises NotFound: there is no such subscription. :raises Conflict: the pause was taken back meanwhile.
    """
    with engine.database.transaction() as tx:
        row = _locked(tx, engine, subscription_id)
        if row.pause_at is None or row.pause_at > now:
            raise Conflict(f"subscription {subscription_id} is not going to be paused")
        _refuse_unless_pausable(row)
        return _pause(tx, engine, row, row.resume_at, Author(engine.actor, now))


def undo_pause(engine: Engine, subscription_id: UUID, *, now: datetime) -> Managed:
    """Take back a pause that is planned.

    :raises NotFound: there is no such subscription. :raises Conflict: none is planned.
    """
    with engine.database.transaction() as tx:
        row = _current(tx, engine, subscription_id, now)
        if row.pause_at is None or row.state not in PAUSABLE_SUBSCRIPTIONS:
            raise Conflict(f"subscription {subscription_id} is not going to be paused")
        return _undo_pause(tx, row, Author(engine.actor, now))


def resume(engine: Engine, subscription_id: UUID, *, now: datetime) -> Managed:
    """Resume at ``now`` (UTC); a pause that is planned and did not begin yet is taken back.

    Up to the day on which the next period begins nothing changes; after it a new period begins today and is
    charged, on the next day if money was taken today. Days that were paused are never billed. An open invoice is tried
    again at once: it is past due if a charge of it failed, or its period is over, and once it is paid the next period
    begins on that day; one whose charge is under way waits for the outcome, as without the pause.

    :raises NotFound: there is no such subscription. :raises Conflict: it is not paused.
    """
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        row = _current(tx, engine, subscription_id, now)
        if row.state in PAUSABLE_SUBSCRIPTIONS and row.pause_at is not None:
            return _undo_pause(tx, row, author)
        if row.state is not _S.PAUSED:
            raise Conflict(f"subscription {subscription_id} is {row.state.value}, not paused")
        today = billing_day(now, row.zone)
        open_invoices = owed_invoices(tx, row.id)
        schedule = schedule_of(row)
        in_arrears = bool(open_invoices) and (schedule.next_start <= today or has_failed(tx, open_invoices))
        event = SubscriptionEvent.RESUME_IN_ARREARS if in_arrears else SubscriptionEvent.RESUME
        written: dict[str, Any] = {"resume_at": None, "pause_at": None}
        came_back = Return()
        if not open_invoices:
            charged = was_charged_today(tx, row, now)
            came_back = return_on(
                schedule, now, reason=UnbilledReason.PAUSED, charged=charged, window=engine.rules.window
            )
        move(tx, Subscription, [Move(row.id, row.state, event, {**written, **came_back.columns})], author)
        write_day_records(tx, [(row.id, each) for each in came_back.records], author)
        resume_owed(tx, engine, row.id, row.zone, author)
        reached = _S.PAST_DUE if in_arrears else _S.ACTIVE
        return Managed(row.id, reached, charge_under_way=has_live_charge(tx, row.id))


def _pause(tx: Connection, engine: Engine, row: AnyRow, resume_at: datetime | None, author: Author) -> Managed:
    written = {"resume_at": resume_at, "pause_at": None, "paused_by_dunning": False}
    unbilled = forgive_unbilled(tx, engine, row, author)
    move(tx, Subscription, [Move(row.id, row.state, SubscriptionEvent.PAUSE, {**written, **unbilled})], author)
    pause_owed(tx, row.id, row.zone, author)
    return Managed(row.id, _S.PAUSED, resume_at=resume_at, charge_under_way=has_live_charge(tx, row.id))


def _undo_pause(tx: Connection, row: AnyRow, author: Author) -> Managed:
    change(tx, Subscription, [Change(row.id, row.state, {"pause_at": None, "resume_at": None})])
    _note(tx, row, Note(EventType.SUBSCRIPTION_PAUSE_UNDONE), author)
    return Managed(row.id, row.state, charge_under_way=has_live_charge(tx, row.id))


def _refuse_unless_to_come(resume_at: datetime | None, after: datetime, now: datetime, name: str) -> None:
    last = now + MOST_AHEAD
    if resume_at is not None and not after < resume_at <= last:
        raise BadInput("resume_at", f"must be later than {name}, {in_utc(after)}, and no later than {in_utc(last)}")


def _refuse_unless_pausable(row: AnyRow) -> None:
    if row.state not in PAUSABLE_SUBSCRIPTIONS:
        raise Conflict(f"subscription {row.id} is {row.state.value}; only active or past_due can be paused")


def _refuse_before_its_days_are_charged(row: AnyRow, now: datetime) -> None:
    """Refuse a pause that would leave access without a bill: on the day of a return, and on every day of a daily plan.

    Else it could be had again and again. On the day of an ordinary renewal who pauses before the charge is not charged.
    """
    schedule = schedule_of(row)
    is_given = row.state is _S.ACTIVE and schedule.next_start <= billing_day(now, row.zone)
    again_and_again = schedule.billed_index < 0 or schedule.is_daily
    if is_given and again_and_again and now < row.next_due_at + CHARGED_WITHIN:
        due = in_utc(row.next_due_at)
        raise Conflict(f"subscription {row.id} has a period that is charged at {due}; pause it after that")


def _end_of_period(row: AnyRow, now: datetime) -> datetime:
    """Return when the period ends that is paid or was forgiven: ``now`` if none is running."""
    days = [day for day in (row.paid_through, forgiven_through(row)) if day is not None]
    return max([now, *(start_of_day(day, row.zone) for day in days)])


def _cancel_later(tx: Connection, row: AnyRow, at: datetime, when: str, reason: str | None, author: Author) -> Managed:
    change(tx, Subscription, [Change(row.id, row.state, {"cancel_at": at, "cancel_reason": _short(reason)})])
    told = {"cancel_at": at.isoformat(), "when": when, "reason": _short(reason)}
    _note(tx, row, Note(EventType.SUBSCRIPTION_CANCEL_SCHEDULED, told), author)
    return Managed(row.id, row.state, cancel_at=at, charge_under_way=has_live_charge(tx, row.id))


def _cancel(tx: Connection, engine: Engine, row: AnyRow, reason: str | None, author: Author) -> Managed:
    gone = dict.fromkeys(("cancel_at", "pause_at", "resume_at"))
    written = {"canceled_at": author.now, "cancel_reason": _short(reason), **gone}
    forgive_unbilled(tx, engine, row, author)
    told = Move(row.id, row.state, SubscriptionEvent.CANCEL, written, data={"reason": _short(reason)})
    move(tx, Subscription, [told], author)
    void_open_invoices(tx, [row.id], author)
    return Managed(row.id, _S.CANCELED, charge_under_way=has_live_charge(tx, row.id))


def keep_plans(engine: Engine, subscription_id: UUID, *, now: datetime) -> None:
    """Pause or end a subscription for which that was planned, if the instant has come at ``now`` (UTC).

    The sweep does it, but may not have run. What is done to a subscription by hand asks for this first, so that nothing
    is charged, undone or counted as access behind a planned end.
    """
    with engine.database.snapshot() as tx:
        found = tx.execute(_subscription(subscription_id)).one_or_none()
    if found is not None and _plans_that_came(found, now):
        with engine.database.transaction() as tx:
            _current(tx, replace(engine, claim=None), subscription_id, now)


def _current(tx: Connection, engine: Engine, subscription_id: UUID, now: datetime) -> AnyRow:
    """Return a subscription under its lock, paused or ended if that was planned and its instant has come."""
    return _as_planned(tx, engine, _locked(tx, engine, subscription_id), now)


def _as_planned(tx: Connection, engine: Engine, row: AnyRow, now: datetime) -> AnyRow:
    by_plan = Author(PLANNED_BY, now)
    while due := _plans_that_came(row, now):
        if due[0] is _S.PAUSED:
            _pause(tx, engine, row, row.resume_at, by_plan)
        else:
            _cancel(tx, engine, row, row.cancel_reason or _ITS_DAY, by_plan)
        row = tx.execute(_subscription(row.id)).one()
    return row


def _plans_that_came(row: AnyRow, now: datetime) -> list[SubscriptionState]:
    """Return what a subscription should be by now as planned, in the order of the instants."""
    planned = []
    if row.pause_at is not None and row.pause_at <= now and row.state in PAUSABLE_SUBSCRIPTIONS:
        planned.append((row.pause_at, _S.PAUSED))
    if row.cancel_at is not None and row.cancel_at <= now and row.state not in ENDED_SUBSCRIPTIONS:
        planned.append((row.cancel_at, _S.CANCELED))
    return [state for _, state in sorted(planned)]


def _locked(tx: Connection, engine: Engine, subscription_id: UUID) -> AnyRow:
    """Return a subscription under its lock, with which every act here begins; what is refused was not done."""
    done(tx, engine)
    lock_subscriptions(tx, [subscription_id])
    row = tx.execute(_subscription(subscription_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no subscription {subscription_id}")
    return row


def _subscription(subscription_id: UUID) -> Select[*tuple[Any, ...]]:
    return (
        select(
            col(Subscription.id),
            col(Subscription.state),
            col(Subscription.zone),
            col(Subscription.anchor),
            col(Subscription.billed_index),
            col(Subscription.next_due_at),
            col(Subscription.paid_through),
            *forgiven_columns(),
            col(Subscription.parked_reason),
            col(Subscription.consented_at),
            col(Subscription.pause_at),
            col(Subscription.resume_at),
            col(Subscription.cancel_at),
            col(Subscription.cancel_reason),
            col(Price.interval_unit),
            col(Price.interval_count),
        )
        .join(Price, col(Price.id) == col(Subscription.price_id))
        .where(col(Subscription.id) == subscription_id)
    )


def _refuse_if_ended(row: AnyRow) -> None:
    if row.state in ENDED_SUBSCRIPTIONS:
        raise Conflict(f"subscription {row.id} is {row.state.value} already")


def _note(tx: Connection, row: AnyRow, told: Note, author: Author) -> None:
    note(tx, row.id, told, author, subject=("subscription", str(row.id)))


def _short(reason: str | None) -> str | None:
    return reason[:200] if reason else None
