"""`billing doctor`: what is wrong with this installation, and what to do about it."""

from collections.abc import Callable
from typing import Final

import typer
from rich.text import Text

from billing.config.source import BadConfig
from billing.entrypoints.cli import examine_database, examine_endpoints, examine_machine, examine_set_up
from billing.entrypoints.cli.checks import Check, Verdict, wrong
from billing.entrypoints.cli.context import Session, session_of
from billing.entrypoints.cli.copyable import lines_of
from billing.entrypoints.cli.errors import sentence_of
from billing.entrypoints.cli.options import AsJson
from billing.entrypoints.cli.output import out, print_any, print_json, say, seen

_STYLES: Final = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.WRONG: "red"}
_REMEDY: Final = "correct it; `billing config init` writes a file that explains each key"


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Examine configuration, database, gateway, clock and backlog: what is wrong, and what to do. Exits 1 if so."""
    checks = _examine(session_of(context))
    ill = [check for check in checks if check.verdict is Verdict.WRONG]
    if as_json:
        print_json({"healthy": not ill, "checks": checks})
    else:
        _print(checks)
    if ill:
        raise typer.Exit(1)


def _examine(session: Session) -> list[Check]:
    try:
        session.settings  # noqa: B018 - reading it is the examination
    except BadConfig as error:
        return [wrong("configuration", line, _REMEDY) for line in str(error).split("\n")]
    checks = _all((*examine_set_up.EXAMINATIONS, examine_machine.disk), session)
    reached = _all((examine_database.reachable,), session)
    if any(check.verdict is Verdict.WRONG for check in reached):
        return checks + reached
    return (
        checks
        + reached
        + _all(
            (*examine_database.EXAMINATIONS, *examine_endpoints.EXAMINATIONS, *examine_machine.EXAMINATIONS), session
        )
    )


def _all(examinations: tuple[Callable[[Session], Check], ...], session: Session) -> list[Check]:
    found = []
    for examine in examinations:
        try:
            found.append(examine(session))
        except Exception as error:  # noqa: BLE001 - an examination that fails is a finding, and the others go on
            found.append(wrong(examine.__name__.replace("_", " "), sentence_of(error), "mend this first"))
    return found


def _print(checks: list[Check]) -> None:
    width = out().width
    margin = max(len(verdict.value) for verdict in Verdict) + 2
    for check in checks:
        text = Text(check.verdict.value.ljust(margin), style=_STYLES[check.verdict])
        text.append("\n".join(_lines(f"{check.name}: {check.found}", margin, width)), style="default")
        if check.remedy:
            text.append("\n" + " " * margin + "\n".join(_lines(f"→ {check.remedy}", margin, width)), style="bold")
        print_any(text, soft_wrap=True)
    ill = sum(check.verdict is Verdict.WRONG for check in checks)
    doubtful = sum(check.verdict is Verdict.WARNING for check in checks)
    if ill or doubtful:
        say(f"{ill} wrong, {doubtful} to look at.", "red" if ill else "yellow")
    else:
        say("Everything is in order.", "green")


def _lines(text: str, margin: int, width: int) -> list[str]:
    first, *others = lines_of(seen(text), width - margin)
    return [first, *(" " * margin + line for line in others)]
