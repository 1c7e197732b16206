"""`billing subscriptions`: who subscribes to what, why they were charged, and changing it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, assert_never
from uuid import UUID

import typer

from billing.domain.public_ids import Kind, brief_id, public_id
from billing.domain.states import PAUSABLE_SUBSCRIPTIONS, RENEWING_SUBSCRIPTIONS, SubscriptionState
from billing.entrypoints.cli.columns import Column, amounts, ids, instants, print_list, words
from billing.entrypoints.cli.context import Session, session_of
from billing.entrypoints.cli.instants import read_day, read_instant
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import AsJson, Limit, Lines, OfCustomer, Reason, States, SubscriptionId, Yes
from billing.entrypoints.cli.output import (
    agreed,
    moment,
    print_facts,
    print_json,
    say,
)
from billing.entrypoints.cli.timelines import print_timeline
from billing.operations import manage
from billing.operations.engine import Refusal
from billing.operations.preview_charge import preview_charge
from billing.store.installation import load_installation
from billing.store.lookups import find_subscription
from billing.store.outlook import what_happens_next
from billing.store.reports import SubscriptionRow, list_subscriptions
from billing.store.sentences import price_of
from billing.store.timeline import Timeline, subscription_timeline

app = typer.Typer(
    help="Who subscribes to what: list, show why they were charged, pause, cancel.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
)


class When(StrEnum):
    """What `cancel` is asked for."""

    NOW = "now"
    AT_PERIOD_END = "at-period-end"
    ON = "on"
    UNDO = "undo"


@app.command("list")
def list_them(
    context: typer.Context,
    state: Annotated[list[SubscriptionState] | None, States] = None,
    plan: Annotated[str | None, typer.Option("--plan", help="Only those of this plan.", metavar="PLAN")] = None,
    customer: OfCustomer = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List subscriptions, the newest first."""
    with session_of(context).reading().database.snapshot() as tx:
        rows = list_subscriptions(tx, limit + 1, states=state or (), plan_code=plan, customer_reference=customer)
    columns: Sequence[Column[SubscriptionRow]] = (
        ids("Id", Kind.SUBSCRIPTION, lambda row: row.id),
        words("~Customer", lambda row: row.customer_reference),
        words("~Plan", lambda row: row.plan_code),
        words("~State", _state),
        amounts("Price"),
        instants("Renewal", lambda row: (_next(row), row.zone)),
    )
    print_list(rows, limit, columns, as_json=as_json, empty="There are no such subscriptions.")


@app.command()
def show(context: typer.Context, subscription: SubscriptionId, limit: Lines = 100, as_json: AsJson = False) -> None:
    """Show a subscription, what happens to it next, and everything that happened: why it was charged, and by whom."""
    session = session_of(context)
    engine, now = session.reading(), session.now()
    with engine.database.snapshot() as tx:
        ident = find_subscription(tx, subscription)
        row = list_subscriptions(tx, 1, ids=[ident])[0]
        why_stopped = load_installation(tx).why_not_charge(now)
        timeline = subscription_timeline(tx, ident, limit)
    coming = preview_charge(engine, ident, now=now)
    with engine.database.snapshot() as tx:
        following = what_happens_next(tx, row, coming, why_stopped)
    if as_json:
        print_json(
            {
                "subscription": row,
                "next": following,
                "next_charge": coming.charge,
                "no_charge_because": coming.why_none,
                "timeline": timeline.lines,
                "complete": not timeline.left_out,
            }
        )
        return
    _print(row, following, timeline)


@app.command()
def pause(
    context: typer.Context,
    subscription: SubscriptionId,
    until: Annotated[
        str | None,
        typer.Option("--until", help="Resume by itself then: 2027-05-01, or 2027-05-01 10:00.", metavar="INSTANT"),
    ] = None,
    at_period_end: Annotated[
        bool, typer.Option("--at-period-end", help="Begin the pause when the period that is paid is over.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take back a pause that did not begin yet.")] = False,
    reason: Reason = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Invoice and charge nothing until it is resumed; the paid period runs on."""
    if undo and (until is not None or at_period_end):
        raise typer.BadParameter("say --undo alone")
    session, ident = _acting_on(context, subscription, reason)
    if undo:
        done = manage.undo_pause(session.engine, ident, now=session.now())
        _told(as_json, done, f"Subscription {brief_id(Kind.SUBSCRIPTION, ident)} goes on.")
        return
    resume_at = read_instant(until, session.zone) if until is not None else None
    if resume_at is not None and resume_at <= session.now():
        raise Refusal(f"{moment(resume_at, session.zone)} has passed: --until must be still to come")
    when = " when its paid period is over" if at_period_end else ""
    agreed(f"Pause subscription {brief_id(Kind.SUBSCRIPTION, ident)}{when}?", yes=yes)
    act = manage.pause_at_period_end if at_period_end else manage.pause
    done = act(session.engine, ident, resume_at=resume_at, now=session.now())
    after = (
        f"until {moment(resume_at, session.zone)}"
        if resume_at
        else f"until `billing subscriptions resume {brief_id(Kind.SUBSCRIPTION, ident)}`"
    )
    begins = f"is paused from {moment(done.pause_at, session.zone)} on," if done.pause_at else "is paused"
    _told(as_json, done, f"Subscription {brief_id(Kind.SUBSCRIPTION, ident)} {begins} {after}.")


@app.command()
def resume(
    context: typer.Context,
    subscription: SubscriptionId,
    reason: Reason = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Resume a paused subscription: past its paid period a new one begins today, and is charged.

    A pause that is planned and did not begin yet is taken back.
    """
    session, ident = _acting_on(context, subscription, reason)
    agreed(f"Resume subscription {brief_id(Kind.SUBSCRIPTION, ident)}? It may be charged at once.", yes=yes)
    done = manage.resume(session.engine, ident, now=session.now())
    _told(as_json, done, f"Subscription {brief_id(Kind.SUBSCRIPTION, ident)} is {done.state.value} again.")


@app.command()
def cancel(
    context: typer.Context,
    subscription: SubscriptionId,
    now: Annotated[bool, typer.Option("--now", help="End it at once; open invoices are voided.")] = False,
    at_period_end: Annotated[
        bool, typer.Option("--at-period-end", help="Let it end with the period that is paid.")
    ] = False,
    on: Annotated[
        str | None,
        typer.Option("--on", help="Renew it until this day begins, then end it: 2027-05-01.", metavar="DATE"),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take back a cancellation that is still to come.")] = False,
    reason: Reason = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """End a subscription, now, with its paid period or on a day, or take that back.

    What is paid may be used up, and is not given back by itself. Until the day of --on each period is charged in full.
    """
    chosen = [when for when, given in zip(When, (now, at_period_end, on, undo), strict=True) if given]
    if len(chosen) != 1:
        raise typer.BadParameter("say one of --now, --at-period-end, --on and --undo")
    day = read_day(on) if on is not None else None
    session, ident = _acting_on(context, subscription, reason)
    done = _cancel(session, ident, chosen[0], reason, day, yes=yes)
    if done.cancel_at is not None:
        sentence = f"Subscription {brief_id(Kind.SUBSCRIPTION, ident)} ends on {moment(done.cancel_at, session.zone)}."
    elif chosen[0] is When.UNDO:
        sentence = f"Subscription {brief_id(Kind.SUBSCRIPTION, ident)} goes on."
    else:
        sentence = f"Subscription {brief_id(Kind.SUBSCRIPTION, ident)} has ended."
    if done.charge_under_way:
        sentence += " A charge is under way; if it is captured it is settled as the rules say."
    _told(as_json, done, sentence)


def _cancel(
    session: Session, ident: UUID, when: When, reason: str | None, day: date | None, *, yes: bool
) -> manage.Managed:
    engine, instant = session.engine, session.now()
    if day is not None:
        agreed(f"Renew subscription {brief_id(Kind.SUBSCRIPTION, ident)} until {day}, and end it then?", yes=yes)
        return manage.cancel_at(engine, ident, on=day, reason=reason, now=instant)
    named = brief_id(Kind.SUBSCRIPTION, ident)
    match when:
        case When.UNDO:
            return manage.undo_cancel(engine, ident, now=instant)
        case When.NOW:
            agreed(f"End subscription {named} now? What is paid is not given back by itself.", yes=yes)
            return manage.cancel_now(engine, ident, reason=reason, now=instant)
        case When.AT_PERIOD_END | When.ON:
            agreed(f"Let subscription {named} end with its paid period?", yes=yes)
            return manage.cancel_at_period_end(engine, ident, reason=reason, now=instant)
        case _:
            assert_never(when)


def _acting_on(context: typer.Context, subscription: str, reason: str | None) -> tuple[Session, UUID]:
    session = session_of(context)
    with session.acting(reason).database.snapshot() as tx:
        return session, find_subscription(tx, subscription)


def _told(as_json: bool, done: manage.Managed, sentence: str) -> None:
    if as_json:
        print_json(done)
    else:
        say(sentence)


def _print(row: SubscriptionRow, following: str, timeline: Timeline) -> None:
    agreement = f"{row.gateway_source_id}, {row.source_state.value}" if row.source_state else "none yet"
    ending = f", until {moment(row.resume_at, row.zone)}" if row.resume_at else ""
    ended = f" on {moment(row.canceled_at, row.zone)}: {row.cancel_reason}" if row.canceled_at else ""
    print_facts(
        f"Subscription {public_id(Kind.SUBSCRIPTION, row.id)}",
        [
            ("Customer", f"{row.customer_reference} ({row.customer_name})"),
            ("Plan", f"{row.plan_code}, price version {row.price_version}: {price_of(row)}"),
            ("State", f"{_state(row)}{ending}{ended}"),
            ("Paid", f"through {row.paid_through - timedelta(days=1)}" if row.paid_through else "nothing yet"),
            ("Agreement", agreement),
            ("Next", following),
        ],
    )
    print_timeline(timeline, row.zone)


def _state(row: SubscriptionRow) -> str:
    told = [row.state.value]
    if row.parked_reason is not None:
        told.append("parked")
    if row.plan_paused_at is not None:
        told.append("plan paused")
    if row.pause_at is not None and row.state in PAUSABLE_SUBSCRIPTIONS:
        told.append("to be paused")
    if row.cancel_at is not None:
        told.append("ends")
    return ", ".join(told)


def _next(row: SubscriptionRow) -> datetime | None:
    ends_first = any(at is not None and at <= row.next_due_at for at in (row.cancel_at, row.pause_at))
    renews = row.state in RENEWING_SUBSCRIPTIONS and not ends_first
    return row.next_due_at if renews and not row.parked_reason and not row.plan_paused_at else None
