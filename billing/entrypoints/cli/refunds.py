"""`billing refunds`: giving money back."""

from collections.abc import Sequence
from typing import Annotated

import typer

from billing.domain.public_ids import Kind, brief_id
from billing.entrypoints.cli.columns import Column, amounts, ids, instants, print_list, words
from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.instants import whole_number
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import AsJson, ChargeId, Limit, Reason, Yes
from billing.entrypoints.cli.output import agreed, money, print_json, say
from billing.operations.request_refund import request_refund
from billing.store.lookups import find_charge
from billing.store.report_log import RefundLine, list_refunds
from billing.store.reports import list_charges

app = typer.Typer(
    help="Giving money back: create, list.", no_args_is_help=True, rich_markup_mode=MARKUP, context_settings=HELP_NAMES
)


@app.command()
def create(
    context: typer.Context,
    charge: ChargeId,
    amount: Annotated[
        str | None,
        typer.Option(
            "--amount",
            "-a",
            help="In minor units: 3000 is ₩3,000, and HK$30.00. All that is left when not given.",
            metavar="NUMBER",
        ),
    ] = None,
    reason: Reason = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Give back a captured charge, whole or in part; how it ends shows in `billing charges show`."""
    session = session_of(context)
    minor = whole_number(amount) if amount is not None else None
    engine = session.acting(reason)
    with engine.database.snapshot() as tx:
        row = list_charges(tx, 1, ids=[find_charge(tx, charge)])[0]
    how_much = "all that is left" if minor is None else money(minor, row.currency)
    agreed(f"Give back {how_much} of {money(row.amount_minor, row.currency)} to {row.customer_reference}?", yes=yes)
    refund_id = request_refund(engine, row.id, minor, reason=reason or "", now=session.now())
    with engine.database.snapshot() as tx:
        made = list_refunds(tx, 1, ids=[refund_id])[0]
    if as_json:
        print_json(made)
    else:
        amount = money(made.amount_minor, made.currency)
        say(f"Refund {brief_id(Kind.REFUND, made.id)} of {amount} is {made.state.value}.")


@app.command("list")
def list_them(
    context: typer.Context,
    charge: Annotated[str | None, typer.Option("--charge", help="Only those of this charge.", metavar="CHARGE")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List refunds, the newest first."""
    session = session_of(context)
    with session.reading().database.snapshot() as tx:
        of = [find_charge(tx, charge)] if charge is not None else None
        rows = list_refunds(tx, limit + 1, charge_ids=of)
    columns: Sequence[Column[RefundLine]] = (
        ids("Id", Kind.REFUND, lambda row: row.id),
        instants("Asked for", lambda row: (row.created_at, session.zone)),
        amounts("Amount"),
        words("State", lambda row: row.state.value),
        ids("Charge", Kind.CHARGE, lambda row: row.charge_id),
        words("~Reason", lambda row: row.reason),
        words("~By", lambda row: row.requested_by),
    )
    print_list(rows, limit, columns, as_json=as_json, empty="There are no such refunds.")
