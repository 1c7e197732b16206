"""`billing refunds`: giving money back."""

from collections.abc import Sequence
from typing import Annotated

import typer

from billing.domain.public_ids import Kind, brief_id
from billing.domain.states import ObligationState
from billing.entrypoints.cli.columns import Column, amounts, ids, instants, print_list, words
from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.instants import whole_number
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import AsJson, ChargeId, Limit, Reason, Why, Yes, cleaned
from billing.entrypoints.cli.output import agreed, moment, money, print_json, say
from billing.operations.obligations import retry_obligation, settle_obligation
from billing.operations.request_refund import request_refund
from billing.operations.settle_refund import settle_refund
from billing.store.lookups import find_charge, find_obligation, find_refund
from billing.store.obligation_reports import ObligationLine, list_obligations
from billing.store.report_log import RefundLine, list_refunds
from billing.store.reports import list_charges

app = typer.Typer(
    help="Giving money back: create, list, settle-failed; and what is owed: owed, retry, settle.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
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


@app.command("settle-failed")
def settle_failed(
    context: typer.Context,
    refund: Annotated[
        str, typer.Argument(metavar="REFUND", help="Its id, or how it begins, or its reference; `refunds list` tells.")
    ],
    reason: Why,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Settle a refund that has no outcome as failed, after asking Checkout.com what became of it.

    Refused only if the money went back, or Checkout.com cannot be asked. What the refund claimed can be refunded again,
    what is owed is seen to as after a failed refund, and the customer can be erased. A refund that is made later all
    the same is booked.
    """
    session = session_of(context)
    engine = session.acting(reason)
    with engine.database.snapshot() as tx:
        row = list_refunds(tx, 1, ids=[find_refund(tx, refund)])[0]
    name = brief_id(Kind.REFUND, row.id)
    agreed(f"Settle refund {name} of {money(row.amount_minor, row.currency)} as failed?", yes=yes)
    told = settle_refund(engine, row.id, reason=reason, now=session.now())
    if as_json:
        print_json(told)
    elif told.by_hand:
        say(f"Refund {name} is settled as failed: nothing waits for it any more. Should it be made, it is booked.")
    else:
        say(f"Refund {name} has ended: it is {told.state.value}.")


Obligation = Annotated[
    str,
    typer.Argument(
        metavar="OBLIGATION", help="Its id, or how it begins, or its pay_ id; `billing refunds owed` tells."
    ),
]


@app.command()
def owed(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Those that have gone back or were settled, too.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List what must go back to subscribers and has not yet, the oldest first."""
    session = session_of(context)
    with session.reading().database.snapshot() as tx:
        rows = list_obligations(tx, limit + 1, ended_too=every)
    columns: Sequence[Column[ObligationLine]] = (
        ids("Id", Kind.REFUND_OBLIGATION, lambda row: row.id),
        instants("Since", lambda row: (row.created_at, session.zone)),
        words("~Customer", lambda row: row.customer_reference),
        amounts("Amount"),
        words("State", lambda row: row.state.value),
        words(">Tries", lambda row: str(row.tries)),
        ids("Charge", Kind.CHARGE, lambda row: row.charge_id),
        words("~Why, and how it stands", lambda row: _stands(row, session.zone)),
    )
    print_list(rows, limit, columns, as_json=as_json, empty="Nothing is owed.")


@app.command()
def settle(
    context: typer.Context,
    obligation: Obligation,
    how: Annotated[
        str,
        typer.Option(
            "--how",
            help='How it went back: "bank transfer of 3 March, no. 4711"; no personal data.',
            metavar="TEXT",
            callback=cleaned,
        ),
    ],
    reason: Why,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Write down that what is owed went back by other means; nothing more is refunded of it.

    Checkout.com is asked first: what went back by a refund, the dashboard's included, is booked as that.
    """
    session = session_of(context)
    engine = session.acting(reason)
    with engine.database.snapshot() as tx:
        row = list_obligations(tx, 1, ids=[find_obligation(tx, obligation)])[0]
    amount = money(row.amount_minor, row.currency)
    agreed(f"{amount} of {row.customer_reference} went back by other means ({how})?", yes=yes)
    settle_obligation(engine, row.id, how=how, reason=reason, now=session.now())
    _print_as_it_is(context, row, as_json=as_json)


@app.command()
def retry(
    context: typer.Context, obligation: Obligation, reason: Why, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Make the next refund of what is owed at the next sweep, whether it was parked or waited for its time."""
    session = session_of(context)
    engine = session.acting(reason)
    with engine.database.snapshot() as tx:
        row = list_obligations(tx, 1, ids=[find_obligation(tx, obligation)])[0]
    agreed(f"Refund {money(row.amount_minor, row.currency)} to {row.customer_reference} again?", yes=yes)
    retry_obligation(engine, row.id, reason=reason, now=session.now())
    _print_as_it_is(context, row, as_json=as_json)


def _print_as_it_is(context: typer.Context, row: ObligationLine, *, as_json: bool) -> None:
    with session_of(context).reading().database.snapshot() as tx:
        now_is = list_obligations(tx, 1, ids=[row.id])[0]
    if as_json:
        print_json(now_is)
    else:
        amount = money(now_is.amount_minor, now_is.currency)
        say(f"{brief_id(Kind.REFUND_OBLIGATION, row.id)} of {amount} is {now_is.state.value}.")


def _stands(row: ObligationLine, zone: str) -> str:
    if row.parked_reason is not None:
        return f"{row.reason}; {row.parked_reason}"
    if row.settled_how is not None:
        return f"{row.reason}; {row.settled_how}"
    if row.state is ObligationState.OWED and row.check_at is not None:
        return f"{row.reason}; refunded next at {moment(row.check_at, zone)}"
    return row.reason
