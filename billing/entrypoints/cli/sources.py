"""`billing sources`: KakaoPay agreements."""

from typing import Annotated

import typer

from billing.domain.public_ids import Kind, brief_id
from billing.domain.states import SourceState
from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import AsJson, Limit, Reason, Yes
from billing.entrypoints.cli.output import agreed, moments, print_json, print_table, say
from billing.operations.revoke_source import revoke_source
from billing.store.lookups import find_source
from billing.store.source_reports import list_sources

app = typer.Typer(
    help="KakaoPay agreements: list, revoke.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
)


@app.command("list")
def list_them(
    context: typer.Context,
    state: Annotated[
        list[SourceState] | None,
        typer.Option("--state", help="Only those in this state; may be given more than once."),
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", help="Only those of this customer's reference.", metavar="REFERENCE")
    ] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List agreements, the newest first, with how many subscriptions are charged to each."""
    session = session_of(context)
    with session.reading().database.snapshot() as tx:
        rows = list_sources(tx, limit + 1, states=state or (), customer_reference=customer)
    if as_json:
        print_json(rows[:limit])
        return
    made, times = moments("Made", [(row.created_at, session.zone) for row in rows[:limit]])
    print_table(
        ("Id", made, "~Customer", "~Checkout.com", "State", ">Used by"),
        [
            (
                brief_id(Kind.SOURCE, row.id),
                time,
                row.customer_reference,
                row.gateway_source_id,
                row.state.value,
                str(row.subscriptions),
            )
            for row, time in zip(rows, times, strict=False)
        ],
        empty="There are no such agreements.",
    )
    if len(rows) > limit:
        say(f"These are the newest {limit}; --limit shows more.", "dim")


@app.command()
def revoke(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Checkout.com's src_ id, or our own (source_…) or how it begins; `sources list` tells both.",
        ),
    ],
    reason: Reason = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Never charge an agreement again, and tell Checkout.com so; the subscriber must make a new one.

    What is owed is not tried any more until then, and is given up at the end of the plan of retries.
    """
    session = session_of(context)
    engine = session.acting(reason)
    with engine.database.snapshot() as tx:
        ident = find_source(tx, source)
    agreed(f"Revoke agreement {source}? It can never be charged again.", yes=yes)
    done = revoke_source(engine, ident, reason=reason or "", now=session.now())
    if as_json:
        print_json(done)
        return
    say(f"Agreement {brief_id(Kind.SOURCE, ident)} is {done.state.value}: {done.gateway}.")
    for each in done.subscriptions:
        say(f"Subscription {brief_id(Kind.SUBSCRIPTION, each)} needs a new one.", "dim")
