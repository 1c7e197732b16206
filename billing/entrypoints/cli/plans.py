"""`billing plans`: what is sold."""

from pathlib import Path
from typing import Annotated

import typer

from billing.domain.days.grace import outlasts
from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import AsJson, PlanCode, Reason, Yes
from billing.entrypoints.cli.output import agreed, moment, money, print_facts, print_json, print_table, say
from billing.operations import plans as acts
from billing.operations.engine import NotFound, Refusal
from billing.store.reports import PriceRow, list_prices
from plans.calendar import Interval
from plans.catalog import CatalogError, Plan, read_catalog
from plans.catalog_lines import parse_toml
from plans.changes import Change, NewPlan, NewPrice, Renamed, StillArchived

app = typer.Typer(
    help="What is sold: list, apply a file, archive, pause.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
)


@app.command("list")
def list_plans(
    context: typer.Context,
    archived: Annotated[bool, typer.Option("--archived", help="Show archived plans too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the plans with the price of today."""
    with session_of(context).reading().database.snapshot() as tx:
        rows = list_prices(tx)
    newest = {row.plan_code: row for row in reversed(rows) if archived or row.archived_at is None}
    subscribers = {code: sum(row.subscriptions for row in rows if row.plan_code == code) for code in newest}
    shown = sorted(newest.values(), key=lambda row: row.plan_code)
    if as_json:
        print_json([{**_object(row), "subscriptions": subscribers[row.plan_code]} for row in shown])
        return
    print_table(
        ("Plan", "~Name", ">Price", "", "Trial", "State", ">Subscribers"),
        [
            (
                row.plan_code,
                row.plan_name,
                money(row.amount_minor, row.currency),
                str(Interval(row.interval_unit, row.interval_count)),
                f"{row.trial_days} days" if row.trial_days else "",
                _state(row),
                str(subscribers[row.plan_code]),
            )
            for row in shown
        ],
        empty="There are no plans yet: write some into a file and run `billing plans apply FILE`.",
    )


@app.command()
def show(context: typer.Context, plan: PlanCode, as_json: AsJson = False) -> None:
    """Show a plan with every version of its price and how many subscriptions pay it."""
    session = session_of(context)
    with session.reading().database.snapshot() as tx:
        rows = list_prices(tx, plan)
    if not rows:
        raise NotFound(f"there is no plan {plan}")
    if as_json:
        newest = {name: value for name, value in _object(rows[0]).items() if name in ("code", "name", "state")}
        print_json({**newest, "prices": [_object(row) for row in rows]})
        return
    first = rows[0]
    paused = f"paused since {moment(first.paused_at, session.zone)}: nobody is renewed, charged or enrolled"
    archived = f"archived on {moment(first.archived_at, session.zone)}: nobody can be enrolled; subscribers stay"
    state = paused if first.paused_at else archived if first.archived_at else "on sale"
    print_facts(f"Plan {first.plan_code}", [("Name", first.plan_name), ("State", state)])
    print_table(
        ("Version", ">Price", "", "Trial", "Made", ">Subscribers"),
        [
            (
                str(row.version),
                money(row.amount_minor, row.currency),
                str(Interval(row.interval_unit, row.interval_count)),
                f"{row.trial_days} days" if row.trial_days else "",
                moment(row.created_at, session.zone),
                str(row.subscriptions),
            )
            for row in rows
        ],
        empty="",
    )


@app.command()
def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A catalog, such as examples/plans.toml.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change and change nothing.")] = False,
    reason: Reason = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make the plans as a file says: shows what will change, and asks; applied again it changes nothing.

    A new price is a new version for new enrolments; present subscribers keep theirs. A plan that the file does
    not name is left as it is.
    """
    session = session_of(context)
    wanted, text = _read(file, session.settings.limits.as_limits())
    engine = session.reading() if dry_run else session.acting(reason)
    changes = acts.plan_changes(engine, wanted)
    _refuse_archived(changes, wanted, text, file)
    real = [change for change in changes if isinstance(change, (NewPlan, NewPrice, Renamed))]
    if not as_json:
        for change in changes:
            say(change.describe(), "green" if change in real else "dim")
        for plan in wanted:
            if outlasts(plan.price.interval, engine.rules.settlement.dunning.days):
                say(_outlasted(plan, engine.rules.settlement.dunning.days), "dim")
    if real and not dry_run:
        agreed(f"Apply {len(real)} change{'s' if len(real) > 1 else ''}?", yes=yes)
        acts.apply_plans(engine, wanted, now=session.now())
    applied = bool(real) and not dry_run
    if as_json:
        print_json({"changes": [_change(change) for change in changes], "applied": applied})
    else:
        say("Applied." if applied else "Nothing was changed." if real else "Nothing to change.")


def _outlasted(plan: Plan, days: int) -> str:
    return (
        f"Plan {plan.code}: retries go on for {days} days, longer than a period ({plan.price.interval}). After the "
        "period that is owed the subscriber has no access, and the next one begins on the day of the payment."
    )


@app.command()
def archive(
    context: typer.Context, plan: PlanCode, reason: Reason = None, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Stop enrolments on a plan for good; its subscribers stay and are renewed."""
    session = session_of(context)
    engine = session.acting(reason)
    agreed(f"Archive plan {plan}? Nobody can be enrolled on it again.", yes=yes)
    acts.archive_plan(engine, plan, now=session.now())
    _told(as_json, plan, "archived", f"Plan {plan} is archived: nobody can be enrolled; its subscribers stay.")


@app.command()
def pause(
    context: typer.Context, plan: PlanCode, reason: Reason = None, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Renew, charge and enrol nobody on a plan until it is resumed."""
    session = session_of(context)
    engine = session.acting(reason)
    with engine.database.snapshot() as tx:
        number = sum(row.subscriptions for row in list_prices(tx, plan))
    agreed(f"Pause plan {plan}? Its {_subscriptions(number)} will not be renewed.", yes=yes)
    acts.pause_plan(engine, plan, now=session.now())
    sentence = (
        f"Plan {plan} is paused: its {_subscriptions(number)} will not be renewed or charged "
        f"until `billing plans resume {plan}`."
    )
    _told(as_json, plan, "paused", sentence)


@app.command()
def resume(
    context: typer.Context, plan: PlanCode, reason: Reason = None, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Let a paused plan renew again; what came due meanwhile follows daemon.catch_up."""
    session = session_of(context)
    engine = session.acting(reason)
    policy = session.settings.daemon.catch_up.value
    agreed(f"Resume plan {plan}? What came due meanwhile is billed by the policy “{policy}”.", yes=yes)
    acts.resume_plan(engine, plan, now=session.now())
    _told(as_json, plan, "on sale", f"Plan {plan} is resumed: what came due meanwhile is billed at the next sweep.")


def _read(file: Path, limits: object) -> tuple[list[Plan], str]:
    try:
        text = file.read_text(encoding="utf-8")
        return read_catalog(text, limits), text  # type: ignore[arg-type]
    except UnicodeDecodeError:
        raise Refusal(f"{file} is not UTF-8 text") from None
    except CatalogError as error:
        raise Refusal(error.describe(str(file))) from None


def _refuse_archived(changes: list[Change], wanted: list[Plan], text: str, file: Path) -> None:
    still = {change.code: change for change in changes if isinstance(change, StillArchived)}
    lines = parse_toml(text)[1]
    told = [
        f"{file}:{lines.of(index, 'code')}: plans[{index}]: {still[plan.code].describe()}"
        for index, plan in enumerate(wanted)
        if plan.code in still
    ]
    if told:
        raise Refusal("\n".join(told))


def _told(as_json: bool, plan: str, state: str, sentence: str) -> None:
    if as_json:
        print_json({"plan": plan, "state": state})
    else:
        say(sentence)


def _subscriptions(number: int) -> str:
    return "1 subscription" if number == 1 else f"{number} subscriptions"


def _state(row: PriceRow) -> str:
    return "paused" if row.paused_at else "archived" if row.archived_at else "on sale"


def _object(row: PriceRow) -> dict[str, object]:
    return {
        "code": row.plan_code,
        "name": row.plan_name,
        "state": _state(row),
        "version": row.version,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "interval": row.interval_unit,
        "interval_count": row.interval_count,
        "trial_days": row.trial_days,
        "created_at": row.created_at,
        "subscriptions": row.subscriptions,
    }


def _change(change: Change) -> dict[str, object]:
    code = change.plan.code if isinstance(change, NewPlan) else change.code
    return {"plan": code, "change": type(change).__name__, "text": change.describe()}
