"""`billing webhooks`: what Checkout.com told."""

from enum import StrEnum
from typing import Annotated

import typer

from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.options import AsJson, Limit
from billing.entrypoints.cli.output import moments, print_json, print_table
from billing.store.report_log import list_webhooks


class WebhookState(StrEnum):
    """How far a webhook is."""

    RECEIVED = "received"
    PROCESSED = "processed"
    IGNORED = "ignored"
    PARKED = "parked"


def webhooks(
    context: typer.Context,
    state: Annotated[WebhookState | None, typer.Option("--state", help="Only those in this state.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show what Checkout.com told and what became of it, the newest first."""
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
