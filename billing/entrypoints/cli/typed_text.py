"""Text that people type on the command line holds nothing that cannot be seen, whichever parameter it stands in."""

from collections.abc import Iterable, Mapping
from functools import wraps
from typing import Any

import typer

from plans.visible_text import hidden_refusal


def refusing_hidden_text(command: Any) -> Any:
    """Return a command, or a group with all its commands, that refuses such text before it does anything."""
    for inner in getattr(command, "commands", {}).values():
        refusing_hidden_text(inner)
    act = command.callback
    if act is not None and not hasattr(command, "commands"):

        @wraps(act)
        def checked(**values: Any) -> Any:
            _refuse(command, values)
            return act(**values)

        command.callback = checked
    return command


def _refuse(command: Any, values: Mapping[str, Any]) -> None:
    for parameter in command.params:
        for text in _texts_in(values.get(parameter.name)):
            refusal = hidden_refusal(text)
            if refusal is not None:
                raise typer.BadParameter(f"{_name_of(parameter)} {refusal}")


def _name_of(parameter: Any) -> str:
    if parameter.param_type_name == "option":
        return str(max(parameter.opts, key=len))
    return str(parameter.metavar or parameter.name).strip("[]").upper()


def _texts_in(value: object) -> Iterable[str]:
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list | tuple) else []
