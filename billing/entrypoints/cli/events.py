"""`billing events`: what happened."""

from typing import Annotated

import typer

from billing.domain.public_ids import Kind, brief_subject, numbered_id
from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.instants import event_number
from billing.entrypoints.cli.options import AsJson, Limit, OfSubscription
from billing.entrypoints.cli.output import moments, print_json, print_table
from billing.store.lookups import find_subscription
from billing.store.report_log import EventRow, list_events


def events(
    context: typer.Context,
    subscription: OfSubscription = None,
    type_: Annotated[
        str | None,
        typer.Option("--type", help="Only types that begin so: charge, or charge.declined.", metavar="TYPE"),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option("--after", help="Only those after this one, such as evt_42, the oldest first.", metavar="EVENT"),
    ] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show what happened and who did it: every move of every state, the newest first."""
    session = session_of(context)
    with session.reading().database.snapshot() as tx:
        owner = find_subscription(tx, subscription) if subscription is not None else None
        rows = list_events(
            tx,
            limit,
            subscription_id=owner,
            type_prefix=type_,
            after_id=event_number(after) if after is not None else None,
        )
    if as_json:
        print_json(rows)
        return
    when, times = moments("When", [(row.at, session.zone) for row in rows])
    print_table(
        ("Id", when, "~What", "~About", "~Who"),
        [
            (
                numbered_id(Kind.EVENT, row.id),
                time,
                _what(row),
                brief_subject(row.subject_type, row.subject_id),
                row.actor,
            )
            for row, time in zip(rows, times, strict=True)
        ],
        empty="There are no such events.",
    )


def _what(row: EventRow) -> str:
    told = {key: value for key, value in row.data.items() if key in ("reason", "because", "response_code", "error")}
    return " ".join(filter(None, [row.type, ", ".join(f"({value})" for value in told.values() if value)]))
