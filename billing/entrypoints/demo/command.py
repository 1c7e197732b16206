"""`billing demo`: a year of KakaoPay subscriptions in about a minute, with the trouble a year brings."""

import json
import os
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from billing.bootstrap import facts_of, open_engine
from billing.config.settings import SANDBOX_WEBHOOK_KEY
from billing.config.source import read_settings
from billing.entrypoints.demo.audit import Figures, reckon
from billing.entrypoints.demo.cast import ENROLMENT_DAYS, PLANS, make_cast
from billing.entrypoints.demo.play import Play
from billing.entrypoints.demo.processes import Processes, end_in_order_when_told_to, free_port
from billing.entrypoints.demo.show import show_figures
from billing.entrypoints.demo.stage import open_stage
from billing.operations.engine import Refusal
from billing.operations.plans import apply_plans
from billing.operations.set_up import migrate
from billing.store.database import Database
from billing.store.database_url import read_database_url, secrets_in
from plans.catalog import DEFAULT_LIMITS, read_catalog

START: Final = date(2027, 1, 27)
KST: Final = ZoneInfo("Asia/Seoul")
FOLDER: Final = Path("demo")
HEALING_DAYS: Final = 2


def demo_command(
    subscribers: Annotated[int, typer.Option(min=1, max=20_000, help="How many subscribers enrol.")] = 140,
    months: Annotated[int, typer.Option(min=1, max=60, help="How many months to live through.")] = 12,
    seed: Annotated[int, typer.Option(help="The same seed tells the same year.")] = 1,
    database: Annotated[
        str | None,
        typer.Option(help="Where to keep it: an empty PostgreSQL database, or a SQLite file.", metavar="URL"),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="The sandbox demands and withholds all that the real gateway may.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Live through a year of subscriptions: sandbox, API and daemon on this machine, trouble included.

    Ends with an audit against the sandbox's own ledger; the exit code is 1 if anyone was charged twice,
    a due period was missed, or money is unexplained.
    """
    end_in_order_when_told_to()
    began = time.monotonic()
    console = Console(stderr=as_json)
    figures, config = _live_through(subscribers, months, seed, database, console, strict=strict)
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        sys.stdout.write(json.dumps(_as_object(figures, subscribers, months, seed, seconds)) + "\n")
    else:
        show_figures(console, figures, subscribers, months, seconds, config)
    if not figures.is_clean:
        for line in figures.details[:20]:
            console.print(f"[red]{line}[/]")
        raise typer.Exit(1)


def _live_through(
    subscribers: int, months: int, seed: int, database: str | None, console: Console, *, strict: bool
) -> tuple[Figures, Path]:
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    FOLDER.chmod(0o700)
    url = database or _fresh_file()
    api_url = f"http://127.0.0.1:{free_port()}"
    cast, acts = make_cast(subscribers, months, seed, START)
    begin = datetime.combine(START, datetime.min.time(), tzinfo=KST).astimezone(UTC) + timedelta(hours=8)
    end = _months_later(begin, months)
    with Processes(FOLDER) as processes:
        sandbox_url = processes.start_sandbox(seed, f"{api_url}/webhooks/checkout", SANDBOX_WEBHOOK_KEY, strict=strict)
        config = _write_config(url, api_url, sandbox_url)
        settings = read_settings(config)
        _set_up(settings, begin)
        processes.start_api(config, api_url)
        stage = open_stage(api_url, sandbox_url)
        with open_engine(settings, actor="demo") as engine, _progress(console) as bar:
            task = bar.add_task("enrolling", total=(end - begin).total_seconds())

            def report(now: datetime, what: str) -> None:
                word = what or ("enrolling" if (now - begin).days < ENROLMENT_DAYS else "renewing")
                done = (now - begin).total_seconds()
                bar.update(task, completed=done, description=f"{now.astimezone(KST):%Y-%m-%d}  {word}")
                if what:
                    bar.console.print(f"  {now.astimezone(KST):%Y-%m-%d %H:%M} KST  {what}")

            # A strict sandbox sends every type, also those that are about nothing of ours.
            stage.sandbox.put("/_sandbox/webhooks", json={"events": None if strict else _EVENTS})
            outage = _outage(begin, months)
            play = Play(
                engine=engine,
                stage=stage,
                processes=processes,
                config=config,
                cast=cast,
                now=begin,
                report=report,
                crash_on=(begin + (end - begin) * 0.55).astimezone(KST).date(),
                outages=outage,
                reconciles_on=(outage[0][0] + timedelta(days=1)).astimezone(KST).date(),
            )
            play.run(acts, end)
            play.settle(HEALING_DAYS)
            figures = reckon(engine.database, stage.ledger(), cast, end)
            play.leave()
        stage.api.close()
        stage.sandbox.close()
    return figures, config


_EVENTS: Final = [
    "payment_captured",
    "payment_declined",
    "payment_expired",
    "payment_canceled",
    "payment_refunded",
    "payment_refund_declined",
]


def _set_up(settings: Any, now: datetime) -> None:
    opened = Database(settings.database.url.get_secret_value())
    try:
        migrate(opened, facts_of(settings), now=now)
    finally:
        opened.dispose()
    with open_engine(settings, actor="demo") as engine:
        with engine.database.snapshot() as tx:
            if tx.exec_driver_sql("SELECT count(*) FROM subscription").scalar_one():
                raise Refusal(
                    f"{engine.database.location} holds subscriptions already; the demo wants an empty database"
                )
        apply_plans(engine, read_catalog(PLANS, DEFAULT_LIMITS), now=now)


def _outage(begin: datetime, months: int) -> tuple[tuple[datetime, bool], ...]:
    """KakaoPay is away for two hours one morning, when renewals are due."""
    day = begin + timedelta(days=30 * months // 3)
    at = datetime.combine(day.astimezone(KST).date(), datetime.min.time(), tzinfo=KST)
    return ((at + timedelta(hours=10), True), (at + timedelta(hours=12), False))


def _write_config(database_url: str, api_url: str, sandbox_url: str) -> Path:
    config = FOLDER / "config.toml"
    port = api_url.rsplit(":", 1)[1]
    url = f"url = {json.dumps(database_url)}"
    if any(secrets_in(read_database_url(database_url))):
        # A password stands in no file: this process and those it starts have it from the environment.
        os.environ["BILLING_DATABASE__URL"] = database_url
        url = "# url: it holds a password, so set BILLING_DATABASE__URL"
    config.write_text(
        f"""# Written by `billing demo`. Use it to look into what the demo left behind.
mode = "sandbox"

[database]
{url}

[gateway]
base_url = "{sandbox_url}"
writes_per_second = 1000
reads_per_second = 1000

[api]
port = {port}
public_url = "{api_url}"

[daemon]
tick_seconds = 0.02

[reconciliation]
read_share = 0.5
""",
        encoding="utf-8",
    )
    return config


def _fresh_file() -> str:
    file = (FOLDER / "billing.db").resolve()
    for old in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
        old.unlink(missing_ok=True)
    for log in FOLDER.glob("*.log"):
        log.unlink()
    return f"sqlite:///{file}"


def _months_later(begin: datetime, months: int) -> datetime:
    local = begin.astimezone(KST)
    years, month = divmod(local.month - 1 + months, 12)
    return local.replace(year=local.year + years, month=month + 1).astimezone(UTC)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<32}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _as_object(figures: Figures, subscribers: int, months: int, seed: int, seconds: float) -> dict[str, Any]:
    return {
        "subscribers": subscribers,
        "months": months,
        "seed": seed,
        "subscriptions": dict(figures.subscriptions),
        "renewals_due": figures.renewals_due,
        "captured": figures.captured,
        "recovered": figures.recovered,
        "lost": figures.lost,
        "lost_because": dict(figures.lost_because),
        "still_tried": figures.still_tried,
        "charged_twice": figures.charged_twice,
        "missed": figures.missed,
        "unmatched": figures.unmatched,
        "refunded_minor": figures.refunded_minor,
        "captured_minor": figures.captured_minor,
        "currency": "KRW",
        "seconds": seconds,
    }
