"""`billing invoices`: what is owed for which period."""

from collections.abc import Sequence
from typing import Annotated

import typer

from billing.domain.public_ids import Kind, brief_id
from billing.domain.states import InvoiceState
from billing.entrypoints.cli.columns import Column, amounts, ids, print_list, words
from billing.entrypoints.cli.context import Session, session_of
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import (
    AsJson,
    InvoiceId,
    Limit,
    OfSubscription,
    Reason,
    States,
    SubscriberConfirmed,
    Yes,
)
from billing.entrypoints.cli.output import agreed, moment, money, print_json, say
from billing.entrypoints.cli.retries import print_retry
from billing.operations import forgive_invoice
from billing.operations.engine import Engine
from billing.operations.forgive_invoice import ForgivenInvoice
from billing.operations.retry_charge import retry_invoice
from billing.store.invoice_reports import InvoiceRow, list_invoices
from billing.store.lookups import find_invoice, find_subscription
from billing.store.sentences import days

app = typer.Typer(
    help="What is owed for which period: list, void, write off, retry.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
)


@app.command("list")
def list_them(
    context: typer.Context,
    state: Annotated[list[InvoiceState] | None, States] = None,
    subscription: OfSubscription = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List invoices, the newest first."""
    with session_of(context).reading().database.snapshot() as tx:
        owner = find_subscription(tx, subscription) if subscription is not None else None
        rows = list_invoices(tx, limit + 1, states=state or (), subscription_id=owner)
    columns: Sequence[Column[InvoiceRow]] = (
        ids("Id", Kind.INVOICE, lambda row: row.id),
        words("~Customer", lambda row: row.customer_reference),
        amounts("Amount"),
        words("~Period", lambda row: days(row.period_start, row.period_end)),
        words("State", lambda row: row.state.value),
        words("~Next try", _next_try),
    )
    print_list(rows, limit, columns, as_json=as_json, empty="There are no such invoices.")


@app.command()
def void(
    context: typer.Context,
    invoice: InvoiceId,
    reason: Reason = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Void an invoice that should not have been issued: nothing is owed for its period.

    It is not issued again, and what is captured for it all the same is given back. When nothing else is owed,
    a subscription that was past due or unpaid is active again.
    """
    session, engine, row = _acting_on(context, invoice, reason)
    agreed(f"Void the invoice {_of(row)}? It is never charged again.", yes=yes)
    _told(as_json, forgive_invoice.void_invoice(engine, row.id, reason=reason or "", now=session.now()))


@app.command()
def uncollectible(
    context: typer.Context,
    invoice: InvoiceId,
    reason: Reason = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Write off an invoice that is rightly owed but will not be paid: it is not tried any more.

    What is captured for it all the same pays it; it goes back if more than 31 days gave no access and nobody had
    confirmed it. When nothing else is owed, a subscription that was past due or unpaid is active again; cancel it as
    well if it should end.
    """
    session, engine, row = _acting_on(context, invoice, reason)
    agreed(f"Write off the invoice {_of(row)}? It is not tried any more.", yes=yes)
    _told(as_json, forgive_invoice.mark_uncollectible(engine, row.id, reason=reason or "", now=session.now()))


@app.command()
def retry(
    context: typer.Context,
    invoice: InvoiceId,
    reason: Reason = None,
    confirmed: SubscriberConfirmed = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Charge an open invoice again, now; it is no step of the plan of retries."""
    session, engine, row = _acting_on(context, invoice, reason)
    agreed(f"Charge {money(row.amount_minor, row.currency)} to {row.customer_reference} again, now?", yes=yes)
    print_retry(
        engine, retry_invoice(engine, row.id, now=session.now(), subscriber_confirmed=confirmed), as_json=as_json
    )


def _next_try(row: InvoiceRow) -> str:
    return moment(row.next_attempt_at, row.zone) if row.state is InvoiceState.OPEN else ""


def _acting_on(context: typer.Context, invoice: str, reason: str | None) -> tuple[Session, Engine, InvoiceRow]:
    session = session_of(context)
    engine = session.acting(reason)
    with engine.database.snapshot() as tx:
        return session, engine, list_invoices(tx, 1, ids=[find_invoice(tx, invoice)])[0]


def _of(row: InvoiceRow) -> str:
    amount = money(row.amount_minor, row.currency)
    return f"of {amount} to {row.customer_reference} for {days(row.period_start, row.period_end)}"


def _told(as_json: bool, done: ForgivenInvoice) -> None:
    if as_json:
        print_json(done)
        return
    state = done.subscription_state.value
    say(f"Invoice {brief_id(Kind.INVOICE, done.invoice_id)} is {done.state.value}; its subscription is {state}.")
