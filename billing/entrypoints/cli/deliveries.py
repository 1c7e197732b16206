"""`billing webhooks deliveries` and `resend`: what endpoints were sent, and what they answered."""

from typing import Annotated

import typer

from billing.domain.deliveries import DeliveryState
from billing.domain.public_ids import Kind, NotAnId, numbered_id, public_id, uuid_of
from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.instants import event_number
from billing.entrypoints.cli.options import AsJson, Limit, Reason
from billing.entrypoints.cli.output import moments, print_json, print_table, say
from billing.entrypoints.cli.terminal import write_line
from billing.entrypoints.cli.webhook_endpoints import endpoint_meant
from billing.entrypoints.clock import machine_now
from billing.operations.resend import resend_delivery, resend_event
from billing.store.deliveries import list_deliveries
from billing.store.endpoints import list_endpoints


def deliveries(
    context: typer.Context,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", help="Only to this endpoint: its id or URL.", metavar="ENDPOINT")
    ] = None,
    state: Annotated[DeliveryState | None, typer.Option("--state", help="Only those in this state.")] = None,
    event: Annotated[str | None, typer.Option("--event", help="Only of this event.", metavar="EVENT")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show what endpoints were sent and what they answered, the newest events first."""
    session = session_of(context)
    where = endpoint_meant(session, endpoint) if endpoint is not None else None
    about = event_number(event) if event is not None else None
    with session.reading().database.snapshot() as tx:
        rows = list_deliveries(tx, limit, endpoint=where, state=state, event=about)
        urls = {each.id: each.url for each in list_endpoints(tx)}
    if as_json:
        print_json(rows)
        return
    tried, times = moments("Tried", [(row.tried_at, session.zone) for row in rows])
    print_table(
        ("Event", "~Type", tried, "State", ">Tries", "~Answer"),
        [
            (
                numbered_id(Kind.EVENT, row.event_id),
                row.event_type,
                time,
                row.state.value,
                str(row.tries),
                row.error or (str(row.status) if row.status is not None else ""),
            )
            for row, time in zip(rows, times, strict=True)
        ],
        empty="There are no such deliveries.",
    )
    if event is not None:
        for row in rows:  # unbroken, so that the id can be copied whole
            write_line(f"{public_id(Kind.DELIVERY, row.id)} to {urls[row.endpoint_id]}")
    elif rows:
        say("--event EVENT shows to which endpoints, and the ids to resend one of them by.", "dim")


def resend(
    context: typer.Context,
    meant: Annotated[
        str, typer.Argument(metavar="DELIVERY_OR_EVENT", help="A whd_ id, or an evt_ id for every endpoint.")
    ],
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Send again, under the same `webhook-id`, whatever became of it."""
    session = session_of(context)
    engine, now = session.acting(reason), machine_now()
    if meant.startswith(f"{Kind.EVENT}_"):
        rows = resend_event(engine, event_number(meant), now=now)
    else:
        try:
            rows = [resend_delivery(engine, uuid_of(Kind.DELIVERY, meant), now=now)]
        except NotAnId as error:
            raise typer.BadParameter(str(error)) from None
    if as_json:
        print_json(rows)
        return
    say(f"{len(rows)} {'delivery is' if len(rows) == 1 else 'deliveries are'} on the way, if a daemon runs.")
