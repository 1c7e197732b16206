"""Options that many commands share, with the same words everywhere."""

from typing import Annotated

import typer

from billing.entrypoints.cli.logs import LogLevel

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
LogAsJson = Annotated[
    bool, typer.Option("--json", help="Log JSON lines; so it does wherever it runs without a terminal.")
]
Level = Annotated[LogLevel, typer.Option("--log-level", help="Log what is at least so grave.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for scripts.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most this many, the newest first.")]
Lines = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most this many lines of the timeline.")
]
Reason = Annotated[
    str, typer.Option("--reason", "-r", help="Why, in a few words; it is kept in the timeline.", metavar="TEXT")
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
