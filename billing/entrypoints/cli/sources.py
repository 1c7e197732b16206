"""`billing source`: KakaoPay agreements."""

from typing import Annotated

import typer

from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import AsJson, Yes
from billing.entrypoints.cli.output import agreed, print_json, say, short
from billing.operations.revoke_source import revoke_source
from billing.store.lookups import find_source

app = typer.Typer(
    help="KakaoPay agreements: revoke.", no_args_is_help=True, rich_markup_mode=MARKUP, context_settings=HELP_NAMES
)


@app.callback()
def source() -> None:
    """KakaoPay agreements: revoke."""


@app.command()
def revoke(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Checkout.com's src_ id, or the first 6 or more digits of our own; `subscriptions show` tells it.",
        ),
    ],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Never charge an agreement again, and tell Checkout.com so; the subscriber must make a new one."""
    session = session_of(context)
    engine = session.acting()
    with engine.database.snapshot() as tx:
        ident = find_source(tx, source)
    agreed(f"Revoke agreement {source}? It can never be charged again.", yes=yes)
    told = revoke_source(engine, ident, now=session.now())
    if as_json:
        print_json({"source": ident, "state": "revoked", "gateway": told})
    else:
        say(f"Agreement {short(ident)} is revoked: {told}.")
