"""`billing daemon`: the process that renews and charges."""

from typing import Annotated, Final

import typer

from billing.config.settings import Settings
from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.logs import LogLevel, log_lines
from billing.entrypoints.cli.options import Level, LogAsJson
from billing.entrypoints.daemon import run_daemon

BRISK_SECONDS: Final = 0.2


def daemon(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Option("--name", help="What it is called in the audit trail.", metavar="NAME", show_default="host:pid"),
    ] = None,
    as_json: LogAsJson = False,
    log_level: Level = LogLevel.INFO,
) -> None:
    """Renew, charge, retry and settle what is due, until SIGTERM or Ctrl-C; a sweep under way is finished.

    Any number of daemons share the work on PostgreSQL. Beside the bundled sandbox a daemon looks several times a
    second, so that the test clock moves fast.
    """
    settings = session_of(context).settings
    log_lines(as_json=as_json, level=log_level)
    run_daemon(brisk(settings), name)


def brisk(settings: Settings) -> Settings:
    """Let a daemon beside the bundled sandbox follow the test clock without a wait of seconds at each stop."""
    if not settings.uses_the_bundled_sandbox:
        return settings
    ticks = {"tick_seconds": min(settings.daemon.tick_seconds, BRISK_SECONDS)}
    return settings.model_copy(update={"daemon": settings.daemon.model_copy(update=ticks)})
