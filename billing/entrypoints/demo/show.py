"""The demo's last page."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from billing.entrypoints.demo.audit import Figures
from plans.money import Money


def show_figures(
    console: Console, figures: Figures, subscribers: int, months: int, seconds: float, config: Path
) -> None:
    """Print the tables, the audit, and three commands to look into it."""
    console.print()
    console.print(f"[bold]{subscribers} subscribers, {months} months, {seconds:.1f} s[/]")
    states = Table("subscriptions", "number", title_justify="left", min_width=34)
    states.columns[1].justify = "right"
    for state, number in figures.subscriptions.items():
        states.add_row(state, str(number))
    renewals = Table("renewals", "number", min_width=40)
    renewals.columns[1].justify = "right"
    renewals.add_row("due", str(figures.renewals_due))
    renewals.add_row("captured", str(figures.captured))
    renewals.add_row("  of these recovered by dunning", str(figures.recovered))
    renewals.add_row("lost", str(figures.lost))
    for why, number in sorted(figures.lost_because.items()):
        renewals.add_row(f"  {why.replace('_', ' ')}", str(number))
    renewals.add_row("still being tried", str(figures.still_tried))
    won = Table("money", "won", min_width=34)
    won.columns[1].justify = "right"
    won.add_row("captured", str(Money(figures.captured_minor, "KRW")))
    won.add_row("refunded", str(Money(figures.refunded_minor, "KRW")))
    for table in (states, renewals, won):
        console.print(table)
    zeros = (
        ("charged twice", figures.charged_twice),
        ("missed", figures.missed),
        ("unexplained", figures.unmatched),
    )
    console.print("Audit against the sandbox's own ledger: ", end="")
    console.print(", ".join(f"[{'red' if number else 'green'}]{name} {number}[/]" for name, number in zeros))
    console.print("\nLook into it:")
    for command in ("subscriptions list --state past_due", "subscriptions show cust-0007", "verify"):
        console.print(f"  .venv/bin/billing --config {config} {command}", highlight=False, soft_wrap=True)
