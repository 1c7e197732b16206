"""`billing charges`: attempts to take an invoice's amount."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from billing.domain.disputes import DisputeState
from billing.domain.public_ids import Kind, brief_id, public_id
from billing.domain.states import ChargeState, InvoiceState
from billing.entrypoints.cli.columns import Column, amounts, ids, instants, print_list, words
from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import (
    AsJson,
    ChargeId,
    Limit,
    Lines,
    OfSubscription,
    Reason,
    States,
    SubscriberConfirmed,
    Why,
    Yes,
)
from billing.entrypoints.cli.output import (
    agreed,
    money,
    print_facts,
    print_json,
    say,
)
from billing.entrypoints.cli.retries import print_retry
from billing.entrypoints.cli.timelines import print_timeline
from billing.operations.engine import Refusal
from billing.operations.retry_charge import retry_charge
from billing.operations.settle_charge import settle_charge
from billing.operations.settle_dispute import settle_dispute
from billing.store.lookups import find_charge, find_subscription
from billing.store.obligation_reports import list_obligations
from billing.store.report_log import list_refunds
from billing.store.reports import ChargeRow, list_charges
from billing.store.sentences import decline, what_follows
from billing.store.timeline import charge_timeline, why_charged

app = typer.Typer(
    help="Attempts to take an invoice's amount: list, show why, retry, settle, settle-dispute.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
)


class EndOfDispute(StrEnum):
    """How a dispute ended."""

    WON = "won"
    LOST = "lost"


class Outcome(StrEnum):
    """How a charge without an outcome is settled by hand."""

    FAILED = "failed"


@app.command("list")
def list_them(
    context: typer.Context,
    state: Annotated[list[ChargeState] | None, States] = None,
    subscription: OfSubscription = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List charges, the newest first."""
    with session_of(context).reading().database.snapshot() as tx:
        owner = find_subscription(tx, subscription) if subscription is not None else None
        rows = list_charges(tx, limit + 1, states=state or (), subscription_id=owner)
    columns: Sequence[Column[ChargeRow]] = (
        ids("Id", Kind.CHARGE, lambda row: row.id),
        instants("Made", lambda row: (row.created_at, row.zone)),
        words("~Customer", lambda row: row.customer_reference),
        amounts("Amount"),
        words("Period from", lambda row: str(row.period_start)),
        words(">Try", lambda row: str(row.attempt_no)),
        words("~State", _state),
    )
    print_list(rows, limit, columns, as_json=as_json, empty="There are no such charges.")


@app.command()
def show(context: typer.Context, charge: ChargeId, limit: Lines = 100, as_json: AsJson = False) -> None:
    """Show a charge, why it was made, and everything that happened to it, to its invoice and its refunds."""
    with session_of(context).reading().database.snapshot() as tx:
        row = list_charges(tx, 1, ids=[find_charge(tx, charge)])[0]
        why = why_charged(tx, row)
        siblings = list_charges(tx, 1000, subscription_id=row.subscription_id)
        refunds = list_refunds(tx, 100, charge_ids=[row.id])
        owed = list_obligations(tx, 100, charge_ids=[row.id])
        timeline = charge_timeline(tx, row, limit)
    if as_json:
        told = {"charge": row, "why": why, "refunds": refunds, "obligations": owed, "timeline": timeline.lines}
        print_json({**told, "complete": not timeline.left_out})
        return
    still = ", ".join(f"{money(each.amount_minor, each.currency)} {each.state.value}" for each in owed)
    given_back = ", ".join(f"{money(each.amount_minor, each.currency)} {each.state.value}" for each in refunds)
    print_facts(
        f"Charge {public_id(Kind.CHARGE, row.id)}",
        [
            ("Why", why),
            ("Customer", f"{row.customer_reference} ({row.customer_name})"),
            ("Subscription", public_id(Kind.SUBSCRIPTION, row.subscription_id)),
            ("Invoice", public_id(Kind.INVOICE, row.invoice_id)),
            ("State", f"{row.state.value} {decline(row.response_code, row.decline_class, row.error)}".strip()),
            ("Then", what_follows(row, siblings)),
            ("Given back", given_back or None),
            ("Owed back", still or None),
            ("Reference", row.reference),
            ("Checkout.com", row.gateway_payment_id),
            ("Sent", f"{row.sends} times under one key" if row.sends > 1 else None),
        ],
    )
    print_timeline(timeline, row.zone)


@app.command()
def retry(
    context: typer.Context,
    charge: ChargeId,
    reason: Reason = None,
    confirmed: SubscriberConfirmed = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Charge the invoice of a failed charge again, now; it is no step of the plan of retries."""
    session = session_of(context)
    engine = session.acting(reason)
    with engine.database.snapshot() as tx:
        row = list_charges(tx, 1, ids=[find_charge(tx, charge)])[0]
    if row.invoice_state is not InvoiceState.OPEN:
        raise Refusal(
            f"nothing is owed: the invoice of charge {brief_id(Kind.CHARGE, row.id)} is {row.invoice_state.value}"
        )
    asked = f"Charge {money(row.amount_minor, row.currency)} to {row.customer_reference} again, now?"
    agreed(asked, yes=yes)
    print_retry(
        engine, retry_charge(engine, row.id, now=session.now(), subscriber_confirmed=confirmed), as_json=as_json
    )


@app.command()
def settle(
    context: typer.Context,
    charge: ChargeId,
    reason: Why,
    outcome: Annotated[Outcome, typer.Option("--as", help="How it ended.")] = Outcome.FAILED,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Settle a charge that has no outcome as failed, after asking Checkout.com what became of it.

    Refused only if Checkout.com took the money or holds it, or cannot be asked. The invoice is then charged again by
    the rules for technical failures, and the subscriber can pay another way, or leave. What is captured later all
    the same pays the invoice if it is still unpaid, or is given back; what was captured with another amount than was
    asked for is given back at once.
    """
    session = session_of(context)
    engine = session.acting(reason)
    with engine.database.snapshot() as tx:
        row = list_charges(tx, 1, ids=[find_charge(tx, charge)])[0]
    amount = money(row.amount_minor, row.currency)
    agreed(f"Settle the charge of {amount} to {row.customer_reference} as {outcome.value}?", yes=yes)
    told = settle_charge(engine, row.id, reason=reason, now=session.now())
    if as_json:
        print_json(told)
        return
    name = brief_id(Kind.CHARGE, row.id)
    if told.by_hand:
        say(f"Charge {name} is settled as failed: nothing waits for it any more, and a late capture still lands.")
    else:
        say(f"Charge {name} has ended: it is {told.state.value}.")


@app.command("settle-dispute")
def settle_a_dispute(
    context: typer.Context,
    dispute: Annotated[str, typer.Argument(metavar="DISPUTE", help="Its dsp_ id; `charges show` tells it.")],
    outcome: Annotated[EndOfDispute, typer.Option("--as", help="How it ended: won is decided for you.")],
    reason: Why,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Write down how a dispute ended, when Checkout.com's dashboard shows it and no event told it.

    Refunds that it held go on when it was won; when it was lost the amount counts as given back. A decision that
    Checkout.com tells later corrects it.
    """
    session = session_of(context)
    engine = session.acting(reason)
    agreed(f"Dispute {dispute} was {outcome.value}?", yes=yes)
    charge_id = settle_dispute(engine, dispute, DisputeState(outcome), reason=reason, now=session.now())
    if as_json:
        print_json({"dispute": dispute, "state": outcome, "charge": charge_id})
    else:
        say(f"Dispute {dispute} of charge {brief_id(Kind.CHARGE, charge_id)} is {outcome.value}.")


def _state(row: ChargeRow) -> str:
    return " ".join(filter(None, [row.state.value, row.response_code if row.decline_class else None]))
