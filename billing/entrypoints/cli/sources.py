"""`billing sources`: KakaoPay agreements."""

from collections.abc import Sequence
from typing import Annotated

import typer

from billing.domain.public_ids import Kind, brief_id
from billing.domain.states import RevocationState, SourceState
from billing.entrypoints.cli.columns import Column, ids, instants, print_list, words
from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import AsJson, Limit, OfCustomer, Reason, States, Yes, cleaned
from billing.entrypoints.cli.output import agreed, print_json, say
from billing.operations.revocations import settle_revocation
from billing.operations.revoke_source import revoke_source
from billing.store.lookups import find_source
from billing.store.source_reports import SourceRow, list_sources

app = typer.Typer(
    help="KakaoPay agreements: list, revoke, settle.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
)


@app.command("list")
def list_them(
    context: typer.Context,
    state: Annotated[list[SourceState] | None, States] = None,
    customer: OfCustomer = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List agreements, the newest first, with how many subscriptions are charged to each."""
    session = session_of(context)
    with session.reading().database.snapshot() as tx:
        rows = list_sources(tx, limit + 1, states=state or (), customer_reference=customer)
    columns: Sequence[Column[SourceRow]] = (
        ids("Id", Kind.SOURCE, lambda row: row.id),
        instants("Made", lambda row: (row.created_at, session.zone)),
        words("~Customer", lambda row: row.customer_reference),
        words("~Checkout.com", lambda row: row.gateway_source_id),
        words("State", lambda row: row.state.value),
        words("Told", lambda row: "" if row.revocation is RevocationState.NONE else row.revocation.value),
        words(">Used by", lambda row: str(row.subscriptions)),
    )
    print_list(rows, limit, columns, as_json=as_json, empty="There are no such agreements.")


SourceId = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="Checkout.com's src_ id, or our own (source_…) or how it begins; `sources list` tells both.",
    ),
]


@app.command()
def revoke(
    context: typer.Context,
    source: SourceId,
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


@app.command()
def settle(
    context: typer.Context,
    source: SourceId,
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            "-r",
            help='How that is known: "cut in KakaoTalk"; kept for ever, so name nobody in it.',
            callback=cleaned,
        ),
    ],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Write down that a revoked agreement has ended, though Checkout.com does not confirm it.

    It counts as confirmed, and Checkout.com is not told any more.
    """
    session = session_of(context)
    engine = session.acting(reason)
    with engine.database.snapshot() as tx:
        ident = find_source(tx, source)
    agreed(f"Agreement {source} has ended, though Checkout.com does not confirm it?", yes=yes)
    settle_revocation(engine, ident, reason=reason, now=session.now())
    if as_json:
        print_json({"source": ident, "revocation": RevocationState.CONFIRMED})
    else:
        say(f"The revocation of agreement {brief_id(Kind.SOURCE, ident)} is settled.")
