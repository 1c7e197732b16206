"""The root of the command line: it knows each command by name and sentence, and loads only the one that is run.

Everything at once (the web framework, the sandbox, the demo) takes seconds to import; ``--help`` takes none of it.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from billing.entrypoints.cli.exits import run_to_code
from billing.entrypoints.cli.typed_text import refusing_hidden_text

MARKUP: Final = "markdown"
HELP_NAMES: Final = {"help_option_names": ["-h", "--help"]}
_HERE: Final = "billing.entrypoints.cli"


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: where it is, what it does in a sentence, and the panel of the help that it stands in."""

    place: str
    sentence: str
    panel: str

    def load(self, name: str) -> Any:
        """Import the command and return it."""
        module, _, attribute = self.place.partition(":")
        found = getattr(import_module(module if "." in module else f"{_HERE}.{module}"), attribute)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False, rich_markup_mode=MARKUP, context_settings=HELP_NAMES)
            alone.command(name)(found)
            return refusing_hidden_text(typer.main.get_command(alone))
        command = typer.main.get_group(found)
        command.name = name
        return refusing_hidden_text(command)


_LOOK, _RUN, _MEND, _TRY = "Look and change", "Run", "Check and mend", "Try out"
ENTRIES: Final = {
    "plans": Entry("plans:app", "What is sold: list, show, apply a file, archive, pause, resume.", _LOOK),
    "subscriptions": Entry(
        "subscriptions:app", "Who subscribes to what: list, show why they were charged, pause, resume, cancel.", _LOOK
    ),
    "customers": Entry("customers:app", "Who subscribes: list, show, update, erase.", _LOOK),
    "invoices": Entry("invoices:app", "What is owed for which period: list, void, write off, retry.", _LOOK),
    "charges": Entry("charges:app", "Attempts to take an invoice's amount: list, show why, retry.", _LOOK),
    "refunds": Entry("refunds:app", "Giving money back: create, list.", _LOOK),
    "sources": Entry("sources:app", "KakaoPay agreements: list, revoke.", _LOOK),
    "events": Entry("events:events", "Show what happened and who did it, the newest first.", _LOOK),
    "webhooks": Entry(
        "webhooks:app", "What Checkout.com told; and events sent on: endpoints, deliveries, resend.", _LOOK
    ),
    "listen": Entry("listen:listen", "Show events as they happen; forward them to a program of yours.", _LOOK),
    "config": Entry("configuration:app", "The settings: write config.toml, show them and where each comes from.", _RUN),
    "keys": Entry("keys:app", "Keys of this API: create, list, rotate, revoke.", _RUN),
    "migrate": Entry("operate:migrate", "Make the database, or bring it to the newest schema.", _RUN),
    "daemon": Entry("serve:daemon", "Renew, charge, retry and settle what is due, until Ctrl-C.", _RUN),
    "api": Entry("serve_api:api", "Serve the HTTP API for your backend and Checkout.com's webhooks.", _RUN),
    "run-due": Entry("operate:run_due", "Do everything that is due, once, and tell what was done.", _RUN),
    "doctor": Entry("doctor:doctor", "Say what is wrong with this installation, and what to do.", _MEND),
    "audit": Entry("audit:app", "What people decided: list, verify that nobody tampered with it.", _MEND),
    "verify": Entry("verify:verify", "Check that every rule about money holds in the database.", _MEND),
    "parked": Entry("parked:app", "What was set aside for a person: list, release, refund.", _MEND),
    "stop": Entry("switch:stop", "Stop charging at once, in every process.", _MEND),
    "go": Entry("switch:go", "Allow charging again.", _MEND),
    "sandbox": Entry("sandbox:sandbox", "Run a Checkout.com with KakaoPay wallets on this machine.", _TRY),
    "clock": Entry("clock:app", "The test clock: show, set, advance, real.", _TRY),
    "demo": Entry(
        "billing.entrypoints.demo.command:demo_command", "Live through a year of subscriptions in a minute.", _TRY
    ),
}
"""Every command, in the order of the help."""


class RootGroup(TyperGroup):
    """Lists the commands without importing them; whatever goes wrong ends as a sentence and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the help."""
        del ctx
        return list(ENTRIES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return what the help shows of a command."""
        del ctx
        entry = ENTRIES.get(cmd_name)
        return entry and TyperCommand(cmd_name, help=entry.sentence, rich_help_panel=entry.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that is to be run, imported."""
        entry = ENTRIES.get(args[0])
        return super().resolve_command(ctx, args) if entry is None else (args[0], entry.load(args[0]), args[1:])

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run a command and leave the process with its exit code; it is called billing however it was started."""
        del prog_name
        extra["standalone_mode"] = False
        sys.exit(run_to_code(lambda: super(RootGroup, self).main(args, "billing", **extra)))
