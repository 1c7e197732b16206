"""Exit codes, and the last place where an error can still become a sentence."""

import os
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

import typer
from typer.exceptions import TyperException

from billing.entrypoints.cli import terminal
from billing.entrypoints.cli.output import complain

TRACE_VARIABLE: Final = "BILLING_TRACE"
FAILED, MISUSED, UNTOLD, INTERRUPTED = 1, 2, 3, 130


def run_to_code(act: Callable[[], Any]) -> int:
    """Run a command and return its exit code; what it raises is told on standard error.

    0 done, 1 refused or failed, 2 misused, 3 done though its output could not be written, 130 interrupted.
    ``BILLING_TRACE=1`` shows where an error came from.
    """
    terminal.prepare()
    code = _run(act)
    lost = terminal.lost_output()
    if lost is None or code != 0:
        return code
    if lost:
        complain(f"it was done, but its output could not be written: {lost}")
    return UNTOLD


def _run(act: Callable[[], Any]) -> int:
    try:
        code = act()
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except TyperException as error:
        return _misused(error)
    except Exception as error:  # noqa: BLE001 - nothing comes after this
        if os.environ.get(TRACE_VARIABLE):
            traceback.print_exc()
        # The kinds of errors are imported when there is one: they bring the whole engine.
        complain(import_module("billing.entrypoints.cli.errors").sentence_of(error))
        return FAILED
    if code == INTERRUPTED:
        complain("interrupted; what was committed stays, and nothing is half done")
    return code if isinstance(code, int) else 0


def _misused(error: TyperException) -> int:
    message = str(getattr(error, "format_message", lambda: str(error))())
    context = getattr(error, "ctx", None)
    code = int(getattr(error, "exit_code", MISUSED))
    if type(error).__name__ == "NoArgsIsHelpError":
        return code  # the help was printed already
    message = message.removeprefix("Invalid value: ").replace("Value error, ", "")
    hint = f" (see `{context.command_path} --help`)" if context is not None else ""
    complain(f"{message.rstrip('.')}{hint}")
    return code
