"""Options that many commands share, with the same words everywhere."""

from typing import Annotated, Final

import typer

from billing.entrypoints.cli.logs import LogLevel

_LONGEST_REASON: Final = 200


def _said_shortly(reason: str | None) -> str | None:
    if reason is not None and not 1 <= len(reason.strip()) <= _LONGEST_REASON:
        raise typer.BadParameter(f"must have 1 to {_LONGEST_REASON} characters; leave --reason out to give none")
    return reason.strip() if reason is not None else None


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
LogAsJson = Annotated[
    bool, typer.Option("--json", help="Log JSON lines; so it does wherever it runs without a terminal.")
]
Level = Annotated[LogLevel, typer.Option("--log-level", help="Log what is at least so grave.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for scripts.")]
SubscriberConfirmed = Annotated[
    bool,
    typer.Option(
        "--subscriber-confirmed",
        help="The subscriber agreed to be charged for a debt of which more than 31 days gave no access; it buys a new "
        "period from today.",
    ),
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most this many, the newest first.")]
Lines = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most this many lines of the timeline.")
]
Reason = Annotated[
    str | None,
    typer.Option(
        "--reason",
        "-r",
        help="Why; kept in the audit trail for ever, so name nobody in it.",
        metavar="TEXT",
        callback=_said_shortly,
    ),
]
States = typer.Option("--state", help="Only those in this state; may be given more than once.")
OfSubscription = Annotated[
    str | None,
    typer.Option("--subscription", help="Only those of this subscription or customer.", metavar="SUBSCRIPTION"),
]
OfCustomer = Annotated[
    str | None, typer.Option("--customer", help="Only those of this customer's reference.", metavar="REFERENCE")
]
SubscriptionId = Annotated[
    str,
    typer.Argument(
        metavar="SUBSCRIPTION",
        help="Id of a subscription (sub_…) or how it begins, or a customer's reference (cust-1).",
    ),
]
ChargeId = Annotated[
    str,
    typer.Argument(
        metavar="CHARGE",
        help="Id of a charge (ch_…) or how it begins, or its reference, or Checkout.com's pay_ id.",
    ),
]
InvoiceId = Annotated[
    str,
    typer.Argument(
        metavar="INVOICE",
        help="Id of an invoice (inv_…) or how it begins, or the reference of one of its charges.",
    ),
]
PlanCode = Annotated[str, typer.Argument(metavar="PLAN", help="Code of a plan, such as basic.")]
