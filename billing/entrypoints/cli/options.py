"""Options that many commands share, with the same words everywhere."""

from typing import Annotated, Final

import typer

from billing.entrypoints.cli.logs import LogLevel
from plans.visible_text import clean_text

_LONGEST_TEXT: Final = 200


def cleaned(text: str | None) -> str | None:
    """Return text that is kept, as the API takes it, or None where none is told.

    :raises typer.BadParameter: it is empty, too long, or holds a character that cannot be seen.
    """
    try:
        return None if text is None else clean_text(text, _LONGEST_TEXT)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


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
        callback=cleaned,
    ),
]
Why = Annotated[
    str,
    typer.Option(
        "--reason",
        "-r",
        help="Why; kept in the audit trail for ever, so name nobody in it.",
        metavar="TEXT",
        callback=cleaned,
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
