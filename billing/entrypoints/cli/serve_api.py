"""`billing api`: the process that serves HTTP."""

import typer

from billing.entrypoints.api.app import run_api
from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.logs import LogLevel, log_lines
from billing.entrypoints.cli.options import Level, LogAsJson


def api(context: typer.Context, as_json: LogAsJson = False, log_level: Level = LogLevel.INFO) -> None:
    """Serve the HTTP API for your backend and for Checkout.com's webhooks, until SIGTERM or Ctrl-C."""
    settings = session_of(context).settings
    log_lines(as_json=as_json, level=log_level)
    run_api(settings)
