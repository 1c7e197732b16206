"""`billing stop` and `billing go`: the stop switch."""

from typing import Annotated

import typer

from billing.bootstrap import facts_of
from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.options import AsJson, Reason, Yes, cleaned
from billing.entrypoints.cli.output import agreed, print_json, say
from billing.operations import set_up
from billing.store.installation import load_installation
from billing.store.queries import count_due_invoices

_MOST = 100_000


def stop(
    context: typer.Context,
    because: Annotated[
        str,
        typer.Argument(
            metavar="[WHY]",
            help="Why; everybody who asks reads it, and it is kept for ever. In quotes.",
            callback=cleaned,
        ),
    ] = "stopped by hand",
    as_json: AsJson = False,
) -> None:
    """Stop charging at once, in every process: invoices are written, nothing is sent. It does not ask."""
    session = session_of(context)
    engine = session.reading()
    set_up.stop(engine, because, now=session.now())
    if as_json:
        print_json({"charging": False, "because": because})
    else:
        say(f"Charging is stopped: {because}. What is on its way is still settled. `billing go` ends it.")


def go(
    context: typer.Context,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt",
            help="Bind the database to this configuration and place: only after it was moved, and the old one is gone.",
        ),
    ] = False,
    reason: Reason = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Allow charging again; what is due is charged at the next sweep."""
    session = session_of(context)
    if adopt:
        session.reading()
    else:
        session.acting()
    engine = session.because(reason)
    now = session.now()
    with engine.database.snapshot() as tx:
        installation = load_installation(tx)
        due = count_due_invoices(tx, now, _MOST)
    why = installation.why_not_charge(now)
    if adopt:
        agreed("Adopt this database? If another copy of it is in use, subscribers are charged twice.", yes=yes)
    agreed(f"Allow charging? {_invoices(due)} due at once{f' ({why})' if why else ''}.", yes=yes)
    set_up.go(engine, now=now, adopt=facts_of(session.settings) if adopt else None)
    if as_json:
        print_json({"charging": True, "adopted": adopt, "due": due})
    else:
        adopted = "The database is adopted. " if adopt else ""
        say(f"{adopted}Charging is allowed; {_invoices(due)} due at the next sweep.")


def _invoices(number: int) -> str:
    return "1 invoice is" if number == 1 else f"{number} invoices are"
