"""Writes the OpenAPI document and the methods of the client into ``docs/reference``. `--check` only compares."""

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from billing.config.settings import Settings
from billing.entrypoints.api.app import create_app
from billing.entrypoints.api.roles import LEAST_ROLE
from tools.client_methods import Operation, operations, parameters_of
from tools.client_types import Schema

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "reference"
_NO_ENGINE: Any = None
_LINE: Final = 100
_OPENING: Final = """\
# The methods of the Python client

Written by `make reference` from the OpenAPI document, [openapi.json](openapi.json), which also holds an example of each
request with its answer. The [page of the client](../python-client.md) shows how to use it. `AsyncBilling` has the same
methods, to be awaited. A parameter whose default is `OMIT` is not sent unless it is given.
"""


def reference_files() -> dict[Path, str]:
    """Return the text of each file."""
    document = create_app(Settings(), _NO_ENGINE).openapi()
    return {
        FOLDER / "openapi.json": json.dumps(document, indent=1, ensure_ascii=False) + "\n",
        FOLDER / "client-methods.md": method_reference(document),
    }


def method_reference(document: Schema) -> str:
    """Return a section for each resource, with each of its methods."""
    roles = {operation.replace(":path}", "}"): role.value for operation, role in LEAST_ROLE.items()}
    parts = [_OPENING]
    for resource, group in groupby(operations(document), key=lambda each: each.resource):
        parts.append(f"## {resource}\n")
        parts += [_method(each, roles[f"{each.method} {each.path}"]) for each in group]
    return "\n".join(parts)


def _method(each: Operation, role: str) -> str:
    lines = [f"### {each.resource}.{each.name}", "", " ".join(each.about.split()), ""]
    lines += [f"`{each.method} {each.path}`, with a key of the role `{role}`.", "", "```text"]
    lines.append(_signature(f"{each.resource}.{each.name}", parameters_of(each)[0], each.answer))
    if each.is_paged:
        name = "iterate" if each.name == "list" else f"iterate_{each.name}"
        parameters, _ = parameters_of(each, without=("cursor",))
        lines.append(_signature(f"{each.resource}.{name}", parameters, f"Iterator[{each.item}]"))
    return "\n".join([*lines, "```", ""])


def _signature(name: str, parameters: list[str], answer: str) -> str:
    """Return a signature in one line, or with a line for each parameter where it is too long for one."""
    whole = f"{name}({', '.join(parameters)}) -> {answer}"
    if len(whole) <= _LINE:
        return whole
    return "\n".join([f"{name}(", *(f"    {parameter}," for parameter in parameters), f") -> {answer}"])


def _compare(files: dict[Path, str]) -> None:
    stale = [file.name for file, text in files.items() if not file.exists() or file.read_text("utf-8") != text]
    if stale:
        sys.exit(f"docs/reference differs from the API; run `make reference`: {', '.join(stale)}")


def _write(files: dict[Path, str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    for file, text in files.items():
        file.write_text(text, encoding="utf-8")
    print(f"docs/reference: {len(files)} files written")


if __name__ == "__main__":
    (_compare if "--check" in sys.argv[1:] else _write)(reference_files())
