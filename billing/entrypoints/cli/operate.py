"""`billing migrate` and `run-due`: one act of the engine, for people and for cron."""

from datetime import datetime
from typing import Annotated

import typer

from billing.bootstrap import facts_of, former_fingerprint
from billing.entrypoints.cli.context import Session, session_of
from billing.entrypoints.cli.instants import read_instant
from billing.entrypoints.cli.options import AsJson
from billing.entrypoints.cli.output import complain, moment, print_json, print_table, say
from billing.entrypoints.clock import machine_now
from billing.entrypoints.test_clock import doubt_a_clock_set_back
from billing.operations import run_due as sweeps
from billing.operations import set_up
from billing.operations.clock_guard import ClockGuard
from billing.operations.engine import Refusal
from billing.store.migrating import newest_version, version_of
from billing.store.report_log import due_on_paused_plans, newest_event_at


def migrate(context: typer.Context, as_json: AsJson = False) -> None:
    """Make the database, or bring it to the newest schema; done again it changes nothing."""
    session = session_of(context)
    database = session.engine.database
    before, newest = version_of(database), newest_version()
    if before is not None and before > newest:
        raise Refusal("the database has a newer schema than this program; install the newer version")
    former = former_fingerprint(session.settings, database)
    set_up.migrate(database, facts_of(session.settings), now=machine_now(), former=former)
    if as_json:
        print_json({"database": database.location, "from": before, "to": newest, "changed": before != newest})
    elif before is None:
        say(f"{database.location} is ready, with schema {newest}.")
    elif before == newest:
        say(f"{database.location} has the newest schema, {newest}, already.")
    else:
        say(f"{database.location} was brought from schema {before} to {newest}.")


def run_due(
    context: typer.Context,
    at: Annotated[
        str | None,
        typer.Option("--at", help="As if it were then; with sandbox keys only.", metavar="INSTANT"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Do everything that is due, once, and tell what was done; for cron, and for people. Exits 1 on problems."""
    session = session_of(context)
    engine = session.acting()
    now = session.now() if at is None else _pretended(session, at)
    why_not = ClockGuard(engine.gateway).why_not_act(now) if session.is_live else None
    if why_not is not None:
        raise Refusal(f"{why_not}: set it by NTP; nothing was done")
    doubt_a_clock_set_back(session.settings, session.sweeper, now)
    tally = sweeps.run_due(session.sweeper, now=now)
    with engine.database.snapshot() as tx:
        paused = due_on_paused_plans(tx, now)
    acts = {name: number for name, number in sorted(tally.acts.items()) if number}
    if as_json:
        print_json({"at": now, "acts": acts, "problems": tally.problems, "due_on_paused_plans": paused})
    else:
        rows = [(name.replace("_", " "), str(number)) for name, number in acts.items()]
        print_table(("Done", ">Number"), rows, empty=f"Nothing was due at {moment(now, session.zone)}.")
        for plan, number in paused.items():
            say(f"Plan {plan} is paused: {number} of its subscriptions are due and were not renewed.", "yellow")
    for problem in tally.problems:
        complain(problem)
    if tally.problems:
        raise typer.Exit(1)


def _pretended(session: Session, at: str) -> datetime:
    if session.is_live:
        raise Refusal("--at works with sandbox keys only; in live mode time is what it is")
    now = read_instant(at, session.zone)
    with session.engine.database.snapshot() as tx:
        newest = newest_event_at(tx)
    if newest is not None and now < newest:
        told = f"time has been at {moment(newest, session.zone)} already and does not run backwards"
        raise Refusal(told)
    return now
