"""`billing parked`: what was set aside for a person, and letting it go on."""

from enum import StrEnum
from typing import Annotated, Final

import typer

from billing.domain.days.releasing import Bill
from billing.domain.public_ids import Kind, brief_id, brief_subject
from billing.domain.states import ChargeState
from billing.entrypoints.cli.context import Session, session_of
from billing.entrypoints.cli.instants import whole_number
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import AsJson, ChargeId, Limit, Reason, Yes, cleaned
from billing.entrypoints.cli.output import agreed, print_json, print_table, say
from billing.operations import parking
from billing.operations.obligations import retry_obligation
from billing.operations.refund_parked import captured_otherwise, refund_parked
from billing.operations.revocations import release_revocation
from billing.store.lookups import find_charge, find_obligation, find_refund, find_source, find_subscription
from billing.store.report_log import list_parked
from billing.store.reports import list_charges

app = typer.Typer(
    help="What was set aside for a person: list, release, refund.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
)


class ParkedKind(StrEnum):
    """What can be parked."""

    SUBSCRIPTION = "subscription"
    CHARGE = "charge"
    REFUND = "refund"
    REFUND_OBLIGATION = "refund_obligation"
    WEBHOOK = "webhook"
    PAYMENT = "payment"
    SOURCE = "source"


_BY_HAND: Final = {
    ParkedKind.CHARGE: "A charge that hangs is ended with `billing charges settle ID --as failed --reason …`.",
    ParkedKind.REFUND: "A refund that hangs is ended with `billing refunds settle-failed ID --reason …`.",
    ParkedKind.WEBHOOK: "A webhook of which nothing will come: `billing webhooks ignore NUMBER --reason …`.",
    ParkedKind.SOURCE: "An agreement that has ended all the same: `billing sources settle ID --reason …`.",
}


@app.command("list")
def list_them(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List what was set aside, with the reason and the command that lets it go on."""
    with session_of(context).reading().database.snapshot() as tx:
        rows = list_parked(tx, limit)
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Kind", "Id", "~Customer", "~Why"),
        [(row.kind, brief_subject(row.kind, row.id), row.customer_reference or "", row.why or "") for row in rows],
        empty="Nothing is parked.",
    )
    if rows:
        say("Let one go on with `billing parked release KIND ID --reason …`.", "dim")
        for kind, told in _BY_HAND.items():
            if any(row.kind == kind for row in rows):
                say(told, "dim")


@app.command()
def release(
    context: typer.Context,
    kind: Annotated[ParkedKind, typer.Argument(help="What it is; `billing parked list` tells.")],
    ident: Annotated[str, typer.Argument(metavar="ID", help="Its id, or how it begins; `billing parked list` tells.")],
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            "-r",
            help="Why it may go on; kept for ever, so write no personal data in it.",
            callback=cleaned,
        ),
    ],
    bill: Annotated[
        Bill | None,
        typer.Option(
            "--bill",
            help="What becomes of the period that came due meanwhile, with which access ended. latest: bill it if it "
            "is still running, else begin a new one today. first: bill it, though it may be over. none: bill from the "
            "next period on. Only for a subscription; needed when daemon.catch_up is hold.",
        ),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Let something that was parked go on.

    A subscription is renewed and charged again, a charge or refund is looked up, the refund that an obligation is
    about is made again, a webhook is processed, and a stray payment counts as dealt with.
    """
    if bill is not None and kind is not ParkedKind.SUBSCRIPTION:
        raise typer.BadParameter("--bill is for a subscription only")
    session = session_of(context)
    session.acting()
    agreed(f"Release {kind.value} {ident}?", yes=yes)
    released, sentence = _release(session, kind, ident, reason, bill)
    if as_json:
        print_json({"kind": kind, "id": released, "released": True})
    else:
        say(sentence)


@app.command()
def refund(
    context: typer.Context,
    charge: ChargeId,
    reason: Reason = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Give back what a parked charge captured with another amount or currency than was asked for.

    Checkout.com is asked for the payment now. Whatever it captured goes back, in its own currency; the charge
    counts as failed by nobody's fault, so its invoice is charged again by the rules for technical failures.
    Running it again changes nothing.
    """
    session = session_of(context)
    engine = session.acting(reason)
    with engine.database.snapshot() as tx:
        row = list_charges(tx, 1, ids=[find_charge(tx, charge)])[0]
    if row.state is ChargeState.PARKED:
        amount, difference = captured_otherwise(engine, row.id)
        agreed(f"{difference}. Give back {amount} to {row.customer_reference} and charge again?", yes=yes)
    given = refund_parked(engine, row.id, reason=reason, now=session.now())
    if as_json:
        print_json(
            {
                "charge": row.id,
                "refund": given.refund_id,
                "amount_minor": given.amount.minor,
                "currency": given.amount.currency,
                "difference": given.difference,
            }
        )
        return
    closed = f"charge {brief_id(Kind.CHARGE, row.id)} is closed"
    if given.refund_id is None and given.amount.minor:
        say(f"{given.amount} is owed, and no refund of it can be made now (`billing refunds owed`); {closed}.")
    elif given.refund_id is None:
        say(f"Nothing was left to give back: {closed}.")
    else:
        say(f"Refund {brief_id(Kind.REFUND, given.refund_id)} of {given.amount} is on its way; {closed}.")


def _release(session: Session, kind: ParkedKind, ident: str, reason: str, bill: Bill | None) -> tuple[str, str]:
    engine, now = session.engine, session.now()
    match kind:
        case ParkedKind.WEBHOOK:
            parking.release_webhook(engine, whole_number(ident), reason, now)
            return ident, f"Webhook {ident} is processed again at the next sweep."
        case ParkedKind.PAYMENT:
            parking.close_stray(engine, ident, reason, now)
            return ident, f"Payment {ident} counts as dealt with."
        case ParkedKind.SOURCE:
            with engine.database.snapshot() as tx:
                found = find_source(tx, ident)
            release_revocation(engine, found, reason, now)
            return str(found), f"Checkout.com is told at the next sweep that {brief_id(Kind.SOURCE, found)} is revoked."
        case ParkedKind.SUBSCRIPTION:
            with engine.database.snapshot() as tx:
                found = find_subscription(tx, ident)
            forgiven = parking.release_subscription(engine, found, reason, now, bill=bill)
            unbilled = f" {forgiven} day{'s' if forgiven != 1 else ''} of access are forgiven." if forgiven else ""
            return str(
                found
            ), f"Subscription {brief_id(Kind.SUBSCRIPTION, found)} is renewed and charged again.{unbilled}"
        case ParkedKind.CHARGE:
            with engine.database.snapshot() as tx:
                found = find_charge(tx, ident)
            parking.release_charge(engine, found, reason, now)
            return str(found), f"Charge {brief_id(Kind.CHARGE, found)} is looked up at the next sweep."
        case ParkedKind.REFUND:
            with engine.database.snapshot() as tx:
                found = find_refund(tx, ident)
            parking.release_refund(engine, found, reason, now)
            return str(found), f"Refund {brief_id(Kind.REFUND, found)} is looked up at the next sweep."
        case ParkedKind.REFUND_OBLIGATION:
            with engine.database.snapshot() as tx:
                found = find_obligation(tx, ident)
            retry_obligation(engine, found, reason=reason, now=now)
            return str(found), f"{brief_id(Kind.REFUND_OBLIGATION, found)} is refunded again at the next sweep."
