"""`billing clock`: the test clock, by which a year passes in a minute for every process. Never with live keys."""

from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from billing.entrypoints.cli.context import Session, session_of
from billing.entrypoints.cli.instants import after, read_instant
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import AsJson
from billing.entrypoints.cli.output import err, moment, print_json, say, warn
from billing.entrypoints.clock import machine_now
from billing.entrypoints.test_clock import (
    Journey,
    SandboxClock,
    Step,
    advance,
    alive,
    doubt_a_clock_set_back,
    give_back,
)
from billing.operations.audit import decided
from billing.operations.engine import Refusal
from billing.operations.run_due import run_due
from billing.store.installation import load_installation

app = typer.Typer(
    help="The test clock: show, set, advance, real. With sandbox keys only.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
)

Sweep = Annotated[
    bool | None,
    typer.Option(
        "--sweep/--no-sweep",
        help="Do what is due in this process.",
        show_default="only when no daemon is running",
    ),
]
StepOption = Annotated[str, typer.Option("--step", help="Stop no more often than this: 30min, 1h.", metavar="DURATION")]
Wait = Annotated[float, typer.Option("--wait", min=0.1, max=600, help="Seconds to wait for the daemons at each stop.")]
_LEAST_ALIVE: Final = timedelta(minutes=1)


@app.command()
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what time it is for API and daemon."""
    session = session_of(context)
    with session.reading().database.snapshot() as tx:
        clock = None if session.is_live else load_installation(tx).clock
    if as_json:
        print_json({"now": clock or machine_now(), "test_clock": clock is not None, "machine": machine_now()})
    elif clock is None:
        say(f"{moment(machine_now(), session.zone)}, the machine's time.")
    else:
        machine = moment(machine_now(), session.zone)
        say(f"{moment(clock, session.zone)}: the test clock stands. The machine's: {machine}.")


@app.command("set")
def set_(
    context: typer.Context,
    instant: Annotated[
        str, typer.Argument(metavar="INSTANT", help="2027-03-01T10:00+09:00, 2027-03-01 10:00, 2027-03-01, or real.")
    ],
    step: StepOption = "30min",
    sweep: Sweep = None,
    wait: Wait = 10.0,
    as_json: AsJson = False,
) -> None:
    """Move time forward to an instant, living through everything that becomes due on the way."""
    if instant == "real":
        real(context, as_json=as_json)
        return
    session = _testing(context)
    _move(session, read_instant(instant, session.zone), step, sweep, wait, as_json=as_json)


@app.command("advance")
def advance_(
    context: typer.Context,
    duration: Annotated[str, typer.Argument(metavar="DURATION", help="30min, 12h, 1d, 2w, 1mo or 1y.")],
    step: StepOption = "30min",
    sweep: Sweep = None,
    wait: Wait = 10.0,
    as_json: AsJson = False,
) -> None:
    """Move time forward by a duration, living through everything that becomes due on the way.

    API and daemon see the time through the database, so they need no restart; the bundled sandbox moves along.
    With no daemon running, what is due is done in this process.
    """
    if duration == "real":
        real(context, as_json=as_json)
        return
    session = _testing(context)
    _move(session, after(session.now(), duration, session.zone), step, sweep, wait, as_json=as_json)


@app.command()
def real(context: typer.Context, as_json: AsJson = False) -> None:
    """Give time back to the machine, if it has not been later already."""
    session = _testing(context)
    now = give_back(session.engine.database)
    _enter(session, now, {"to": "the machine's time"})
    if session.settings.uses_the_bundled_sandbox:
        with SandboxClock(session.settings.gateway.base_url) as sandbox:
            sandbox.give_back()
    if as_json:
        print_json({"now": now, "test_clock": False})
    else:
        say(f"{moment(now, session.zone)}: time is the machine's again.")


def _enter(session: Session, now: datetime, details: dict[str, str]) -> None:
    with session.engine.database.transaction() as tx:
        decided(tx, session.engine, "installation.clock_moved", ("installation", "1"), now, details=details)


def _testing(context: typer.Context) -> Session:
    session = session_of(context)
    if session.is_live:
        raise Refusal("the test clock works with sandbox keys only; in live mode time is what it is")
    session.acting()
    return session


def _move(session: Session, target: datetime, step: str, sweep: bool | None, wait: float, *, as_json: bool) -> None:
    database, settings = session.engine.database, session.settings
    start = session.now()
    if target <= start:
        raise Refusal(f"it is {moment(start, session.zone)}, and time only moves forward")
    alive_within = max(_LEAST_ALIVE, timedelta(seconds=3 * settings.daemon.tick_seconds))
    daemons = alive(database, alive_within)
    here = not daemons if sweep is None else sweep
    ahead = doubt_a_clock_set_back(settings, session.sweeper, start)
    if not as_json:
        if ahead is not None:
            say(
                f"The sandbox is at {moment(ahead, session.zone)} already: this database is an older copy, or new. "
                "What may have been charged up to then is looked up before it is charged.",
                "yellow",
            )
        _announce(len(daemons), here)
    gateway = SandboxClock(settings.gateway.base_url) if settings.uses_the_bundled_sandbox else None
    with (
        gateway or nullcontext(),
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=err(),
            transient=True,
            disable=as_json or not err().is_terminal,
        ) as bar,
    ):
        task = bar.add_task(moment(start, session.zone), total=max(1.0, (target - start).total_seconds()))

        def on_step(done: Step) -> None:
            passed = (done.at - start).total_seconds()
            bar.update(task, completed=passed, description=moment(done.at, session.zone))

        journey = advance(
            database,
            target,
            wait_for_daemons=timedelta(seconds=wait),
            on_step=on_step,
            step=after(start, step, session.zone) - start,
            alive_within=alive_within,
            sweep=(lambda at: run_due(session.sweeper, now=at).total) if here else None,
            gateway=gateway,
        )
    _enter(session, journey.end, {"from": journey.start.isoformat(), "to": journey.end.isoformat()})
    _tell(session, journey, gateway, len(daemons), as_json=as_json)


def _announce(daemons: int, here: bool) -> None:
    if daemons and not here:
        say(f"Waiting for {daemons} daemon{'s' if daemons > 1 else ''} at each stop.", "dim")
    elif here:
        say(
            "No daemon is running: what is due is done here." if not daemons else "What is due is done here too.", "dim"
        )
    else:
        say("No daemon is running, and nothing is done here: time just passes.", "yellow")


def _tell(session: Session, journey: Journey, gateway: SandboxClock | None, daemons: int, *, as_json: bool) -> None:
    refusal = gateway.refusal if gateway is not None else None
    problems = [*journey.problems[:5], *([refusal] if refusal else [])]
    if as_json:
        told = {"from": journey.start, "to": journey.end, "stops": journey.stops, "events": journey.events}
        print_json({**told, "daemons": daemons, "problems": problems})
        return
    say(
        f"It is {moment(journey.end, session.zone)} now: "
        f"{journey.events} events at {journey.stops} stop{'s' if journey.stops != 1 else ''}."
    )
    for problem in problems:
        warn(problem)
    if len(journey.problems) > 5:
        warn(f"and {len(journey.problems) - 5} more stops at which the daemons were late")
