"""An example of each operation: what was asked and answered in a story that the tests live through."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).with_name("examples.json")


@cache
def load_examples() -> dict[str, dict[str, Any]]:
    """Return the examples by the operation's name: ``path``, ``query``, ``body``, ``status``, ``answer``.

    An answer that only sends on has a ``location`` instead.
    """
    found: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def add_example(operation: dict[str, Any], path: str) -> None:
    """Put its example into an operation of the OpenAPI document, if there is one."""
    example = load_examples().get(operation["operationId"])
    if example is None:
        return
    answer = operation["responses"][str(example["status"])]
    if "location" in example:
        answer["headers"] = {"Location": {"schema": {"type": "string"}, "example": example["location"]}}
    else:
        [content] = answer["content"].values()
        content["example"] = example["answer"]
    if "body" in example:
        operation["requestBody"]["content"]["application/json"]["example"] = example["body"]
    told = _in_path(path, example["path"]) | example.get("query", {})
    for parameter in operation.get("parameters", []):
        if parameter["name"] in told:
            parameter["example"] = told[parameter["name"]]


def _in_path(template: str, path: str) -> dict[str, str]:
    pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template)
    found = re.fullmatch(pattern, path)
    return found.groupdict() if found is not None else {}
