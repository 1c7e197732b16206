"""`billing webhooks`: what Checkout.com told; and, by its commands, what this engine tells others."""

from enum import StrEnum
from typing import Annotated

import typer

from billing.entrypoints.cli import webhook_endpoints
from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.deliveries import deliveries, resend
from billing.entrypoints.cli.instants import whole_number
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import AsJson, Limit, Why, Yes
from billing.entrypoints.cli.output import agreed, moments, print_json, print_table, say
from billing.operations.ignore_webhook import ignore_webhook
from billing.store.report_log import list_webhooks

app = typer.Typer(
    help="Show what Checkout.com told, or ignore it; or send events on: endpoints, deliveries, resend.",
    invoke_without_command=True,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
)
app.add_typer(webhook_endpoints.app, name="endpoints")
app.command()(deliveries)
app.command()(resend)


class WebhookState(StrEnum):
    """How far a webhook is."""

    RECEIVED = "received"
    PROCESSED = "processed"
    IGNORED = "ignored"
    PARKED = "parked"


@app.command()
def ignore(
    context: typer.Context,
    webhook: Annotated[str, typer.Argument(metavar="NUMBER", help="Its number; `billing parked list` tells.")],
    reason: Why,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Ignore a parked webhook of which nothing will ever come; it is not processed any more."""
    session = session_of(context)
    engine = session.acting(reason)
    number = whole_number(webhook)
    agreed(f"Ignore webhook {number}?", yes=yes)
    ignore_webhook(engine, number, reason, session.now())
    if as_json:
        print_json({"webhook": number, "state": WebhookState.IGNORED})
    else:
        say(f"Webhook {number} is ignored.")


@app.callback()
def webhooks(
    context: typer.Context,
    state: Annotated[WebhookState | None, typer.Option("--state", help="Only those in this state.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show what Checkout.com told and what became of it, the newest first; or send events on, by a command."""
    if context.invoked_subcommand is not None:
        return
    session = session_of(context)
    with session.reading().database.snapshot() as tx:
        rows = list_webhooks(tx, limit, state=state)
    if as_json:
        print_json(rows)
        return
    received, times = moments("Received", [(row.received_at, session.zone) for row in rows])
    print_table(
        (">No.", received, "~Type", "~Payment", "State", "~Why"),
        [
            (
                str(row.id),
                time,
                row.type,
                row.payment_id or "",
                row.state,
                row.why or "",
            )
            for row, time in zip(rows, times, strict=True)
        ],
        empty="There are no such webhooks.",
    )
