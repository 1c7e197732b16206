"""`billing`: the command by which people run, watch and mend the engine."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP, RootGroup
from billing.entrypoints.cli.output import say

app = typer.Typer(
    cls=RootGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            say(f"billing {version('kakaopay-billing')}")
        except PackageNotFoundError:
            say("billing, not installed")
        raise typer.Exit


@app.callback()
def billing(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help="Configuration to use, instead of $BILLING_CONFIG or ./config.toml.", metavar="FILE"
        ),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Subscription billing for recurring KakaoPay payments through Checkout.com.

    Every command takes **--json**. Of an id, the first 6 letters are enough: sub_bu7w7d. What ends something or moves
    money asks first; **--yes** answers. Exit codes: 0 done, 1 refused or something is wrong, 2 misused, 3 done
    though its output could not be written, 130 interrupted.
    """
    context.obj = config


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
