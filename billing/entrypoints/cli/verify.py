"""`billing verify`: every invariant as a query over the database, the audit trail, and the gateway's list."""

from collections import Counter
from datetime import timedelta
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from billing.bootstrap import make_hanging_bounds
from billing.domain.public_ids import Kind, brief_id, brief_subject
from billing.entrypoints.cli.context import Session, session_of
from billing.entrypoints.cli.options import AsJson, Reason
from billing.entrypoints.cli.output import err, print_json, print_table, say
from billing.operations.audit import Verified, verify_trail
from billing.operations.reconcile import Reconciliation, reconcile
from billing.operations.settle_finding import settle_finding
from billing.store.invariants import INVARIANTS, Bounds, Breach, check_all
from billing.store.lookups import find_invoice

HOW_TO_GRANT: Final = (
    "In Checkout.com's Dashboard give the access key the scope payments:search (Developers, Access keys),"
    " and add it to gateway.scopes; or ask Checkout.com."
)
_ROWS_SHOWN = 50
_LOOKED_AT_AGAIN_WITHIN: Final = timedelta(hours=25)
"""What hangs is parked when it is asked about the next time."""


def verify(
    context: typer.Context,
    gateway: Annotated[
        bool, typer.Option("--gateway", help="Compare every payment with Checkout.com's own account of it too.")
    ] = False,
    settle: Annotated[
        str | None,
        typer.Option(
            "--settle",
            metavar="RULE:INVOICE",
            help="Settle what a rule found about an invoice in the past, as `51:inv_…`; with --reason.",
        ),
    ] = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Check that every rule about money holds in the database, now, and the audit trail; exit 1 with what does not."""
    session = session_of(context)
    engine = session.reading()
    now = session.now()
    if settle is not None:
        _settle(session, settle, reason)
        return
    bounds = _bounds(session)
    with engine.database.snapshot() as tx:
        breaches = check_all(tx, now, bounds)
    _tell(session, breaches, gateway=gateway, as_json=as_json)


def _bounds(session: Session) -> Bounds:
    hanging = make_hanging_bounds(session.settings)
    return Bounds(
        ladder_steps=len(session.settings.dunning.ladder),
        set_up_tries=session.settings.set_up.tries,
        pending=max(hanging.renewal, hanging.present) + _LOOKED_AT_AGAIN_WITHIN,
    )


def _settle(session: Session, settle: str, reason: str | None) -> None:
    rule, _, invoice = settle.partition(":")
    if not (rule.isascii() and rule.isdigit()) or not invoice:
        raise typer.BadParameter("must be a rule and an invoice, such as 51:inv_bu7w7d", param_hint="--settle")
    if reason is None:
        raise typer.BadParameter("is needed with --settle; it is kept for ever", param_hint="--reason")
    engine = session.acting(reason)
    with engine.database.snapshot() as tx:
        invoice_id = find_invoice(tx, invoice)
    settle_finding(engine, int(rule), invoice_id, reason=reason, bounds=_bounds(session), now=session.now())
    say(f"Settled: rule {rule} does not name invoice {brief_id(Kind.INVOICE, invoice_id)} any more.")


def _tell(session: Session, breaches: list[Breach], *, gateway: bool, as_json: bool) -> None:
    engine = session.engine
    trail = verify_trail(engine.database)
    compared = _reconcile(session, quiet=as_json) if gateway else None
    holds = not breaches and trail.broken is None and (compared is None or not compared.differences)
    if as_json:
        print_json({"holds": holds, **_object(breaches, trail), "gateway": compared})
    else:
        _print(breaches, trail, compared)
        if holds:
            say("Every rule holds.", "green")
    if not holds:
        raise typer.Exit(1)


def _reconcile(session: Session, *, quiet: bool) -> Reconciliation:
    with Progress(
        TextColumn("Comparing with the gateway"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err(),
        transient=True,
        disable=quiet or not err().is_terminal,
    ) as bar:
        task = bar.add_task("", total=None)
        return reconcile(
            session.acting(),
            now=session.now(),
            on_progress=lambda done, of: bar.update(task, completed=done, total=of),
        )


def _print(breaches: list[Breach], trail: Verified, compared: Reconciliation | None) -> None:
    count = Counter((breach.number, breach.name) for breach in breaches)
    print_table(
        (">No.", "~Rule", "Holds"),
        [
            (
                str(each.number),
                each.sentence,
                "ok" if not (found := count[each.number, each.name]) else f"wrong {found}",
            )
            for each in INVARIANTS
        ],
        empty="",
    )
    if breaches:
        print_table(
            (">No.", "~Row", "~What is wrong"),
            [
                (str(each.number), f"{each.subject} {brief_subject(each.subject, each.id)}", each.detail)
                for each in breaches[:_ROWS_SHOWN]
            ],
            empty="",
        )
    if len(breaches) > _ROWS_SHOWN:
        say(f"and {len(breaches) - _ROWS_SHOWN} more; --json tells all", "dim")
    if trail.broken is not None:
        say(f"The audit trail does not hold: {trail.broken.why}", "red")
    else:
        say(f"The audit trail holds: {trail.entries} entries.")
    if compared is not None:
        _print_compared(compared)


def _print_compared(compared: Reconciliation) -> None:
    how = "each reference of ours" if compared.unseen else "each reference of ours, and all payments of the account"
    say(f"Compared {compared.payments} payments of the gateway ({how}) with {compared.charges} charges.")
    if compared.unseen:
        say(
            "It cannot see payments that carry none of our references, or a reference that no charge here has:"
            f" {compared.unseen}. {HOW_TO_GRANT}",
            "yellow",
        )
    if compared.differences:
        print_table(
            ("~Payment", "Charge", "~What differs"),
            [
                (each.payment_id or "", brief_id(Kind.CHARGE, each.charge_id) if each.charge_id else "", each.detail)
                for each in compared.differences[:_ROWS_SHOWN]
            ],
            empty="",
        )


def _object(breaches: list[Breach], trail: Verified) -> dict[str, object]:
    count = Counter((breach.number, breach.name) for breach in breaches)
    rules = [
        {"number": each.number, "name": each.name, "rule": each.sentence, "breaches": count[each.number, each.name]}
        for each in INVARIANTS
    ]
    rows = [
        {"number": each.number, "name": each.name, "subject": each.subject, "id": each.id, "detail": each.detail}
        for each in breaches
    ]
    walked = {"holds": trail.broken is None, "entries": trail.entries, "broken": trail.broken}
    return {"rules": rules, "breaches": rows, "audit_trail": walked}
