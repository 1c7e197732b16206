"""`billing customers`: who subscribes."""

from collections.abc import Sequence
from typing import Annotated

import typer

from billing.domain.public_ids import Kind, brief_id, public_id
from billing.entrypoints.cli.columns import Column, ids, instants, print_list, words
from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import AsJson, Limit, Reason, Yes
from billing.entrypoints.cli.output import (
    agreed,
    moment,
    print_facts,
    print_json,
    print_table,
    say,
    warn,
)
from billing.operations.customers import update_customer
from billing.operations.erase_customer import erase_customer
from billing.store.customer_reports import CustomerRow, list_customers
from billing.store.lookups import find_customer
from billing.store.reports import list_subscriptions
from billing.store.source_reports import list_sources

app = typer.Typer(
    help="Who subscribes: list, show, update, erase.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
)
CustomerId = Annotated[
    str,
    typer.Argument(metavar="CUSTOMER", help="Reference of a customer (cust-1), or an id (cus_…) or how it begins."),
]


@app.command("list")
def list_them(context: typer.Context, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List customers, the newest first."""
    session = session_of(context)
    with session.reading().database.snapshot() as tx:
        rows = list_customers(tx, limit + 1)
    columns: Sequence[Column[CustomerRow]] = (
        ids("Id", Kind.CUSTOMER, lambda row: row.id),
        instants("Made", lambda row: (row.created_at, session.zone)),
        words("~Reference", lambda row: row.reference),
        words("~Name", lambda row: row.name),
        words(">Subscriptions", lambda row: str(row.subscriptions)),
        words("Erased", lambda row: f"{row.erased_at:%Y-%m-%d}" if row.erased_at else ""),
    )
    print_list(rows, limit, columns, as_json=as_json, empty="There are no customers yet.")


@app.command()
def show(context: typer.Context, customer: CustomerId, as_json: AsJson = False) -> None:
    """Show a customer with their subscriptions and KakaoPay agreements."""
    session = session_of(context)
    with session.reading().database.snapshot() as tx:
        row = list_customers(tx, 1, ids=[find_customer(tx, customer)])[0]
        subscriptions = list_subscriptions(tx, 100, customer_reference=row.reference)
        sources = list_sources(tx, 100, customer_reference=row.reference)
    if as_json:
        print_json({"customer": row, "subscriptions": subscriptions, "sources": sources})
        return
    print_facts(
        f"Customer {public_id(Kind.CUSTOMER, row.id)}",
        [
            ("Reference", row.reference),
            ("Name", row.name or None),
            ("E-mail", row.email or None),
            ("Phone", row.phone),
            ("Locale", row.locale),
            ("Country", row.country or f"{session.settings.enrolment.country} (as configured)"),
            ("Checkout.com", row.gateway_customer_id),
            ("Made", moment(row.created_at, session.zone)),
            ("Erased", moment(row.erased_at, session.zone) or None),
        ],
    )
    print_table(
        ("Subscription", "~Plan", "State"),
        [(brief_id(Kind.SUBSCRIPTION, each.id), each.plan_code, each.state.value) for each in subscriptions],
        empty="No subscription was ever made.",
    )
    print_table(
        ("Agreement", "~Checkout.com", "State", "Revocation"),
        [
            (brief_id(Kind.SOURCE, each.id), each.gateway_source_id, each.state.value, each.revocation.value)
            for each in sources
        ],
        empty="There is no KakaoPay agreement.",
    )


@app.command()
def update(
    context: typer.Context,
    customer: CustomerId,
    country: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Country, by its ISO 3166-1 alpha-2 code (KR); '' to take it away."),
    ] = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Change the country of a customer, which Checkout.com is told with every payment.

    Without one, that of `enrolment.country` is told. Name, e-mail and phone number are changed by your backend, over
    the API.
    """
    if country is None:
        raise typer.BadParameter("say what to change: --country")
    session = session_of(context)
    engine = session.acting(reason)
    with engine.database.snapshot() as tx:
        row = list_customers(tx, 1, ids=[find_customer(tx, customer)])[0]
    update_customer(engine, row.id, {"country": country or None}, now=session.now())
    if as_json:
        with engine.database.snapshot() as tx:
            print_json(list_customers(tx, 1, ids=[row.id])[0])
        return
    say(f"Customer {row.reference} is in {country or f'{session.settings.enrolment.country}, as configured'}.")


@app.command()
def erase(
    context: typer.Context,
    customer: CustomerId,
    reason: Reason = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Erase a customer's name, e-mail and phone number for good, and end their KakaoPay agreements.

    Invoices and charges stay, under the reference. Everything must have ended before: subscriptions, charges and
    refunds. Nobody can be enrolled under the reference again.
    """
    session = session_of(context)
    engine = session.acting(reason)
    with engine.database.snapshot() as tx:
        row = list_customers(tx, 1, ids=[find_customer(tx, customer)])[0]
    agreed(f"Erase customer {row.reference} ({row.name})? This cannot be undone.", yes=yes)
    done = erase_customer(engine, row.id, reason=reason or "", now=session.now())
    if as_json:
        print_json(done)
    else:
        say(f"Customer {row.reference} is erased.")
    for each in done.untold_sources:
        agreement = brief_id(Kind.SOURCE, each)
        warn(f"Checkout.com did not confirm yet that agreement {agreement} is revoked; the daemon tells it again")
    if done.gateway_customer_id is not None:
        warn(f"Checkout.com still has its profile {done.gateway_customer_id} of the customer: have it deleted there")
