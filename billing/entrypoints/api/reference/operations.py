"""One operation: what it takes and answers, who may ask, and an example that was lived through."""

import re
import shlex
from collections.abc import Mapping
from html import escape
from typing import Any, Final
from urllib.parse import quote, urlencode

from billing.entrypoints.api.reference.markup import code, line, listing, pretty, prose
from billing.entrypoints.api.reference.shapes import Shapes, but_null, rows

METHODS: Final = ("get", "post", "put", "patch", "delete")
_JSON: Final = "application/json"


def operation_section(
    method: str, path: str, operation: Mapping[str, Any], shapes: Shapes, least_role: str | None
) -> str:
    """Return the section of an operation; ``least_role`` is the role that a key needs for it, if it needs a key."""
    who = f"a key of the role {code(least_role)}" if least_role else "anybody"
    return (
        f'<section class="operation" id="{escape(operation["operationId"])}"><div>'
        f"<h3>{line(operation['summary'])}</h3>"
        f'<p class="path"><b class="{method}">{method.upper()}</b> <code>{_breakable(path)}</code></p>'
        f"{prose(operation.get('description', ''))}"
        f'<p class="who">For {who}.</p>'
        f"{_parameters(operation, shapes)}{_body(operation, shapes)}{_answers(operation, shapes)}"
        f'</div><div class="example">{_example(method, path, operation)}</div></section>'
    )


def _breakable(path: str) -> str:
    return escape(path).replace("/", "<wbr>/")


def _parameters(operation: Mapping[str, Any], shapes: Shapes) -> str:
    parts = []
    for place, title in (("path", "In the path"), ("query", "In the query"), ("header", "Headers")):
        told = [
            shapes.row(
                each["name"],
                _of_parameter(each["schema"]),
                is_required=each["required"],
                says=each.get("description", ""),
            )
            for each in operation.get("parameters", ())
            if each["in"] == place
        ]
        if told:
            parts.append(f"<h4>{title}</h4>{rows(told)}")
    return "".join(parts)


def _of_parameter(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a parameter may be; it can be left out, but not be null."""
    default = {"default": schema["default"]} if "default" in schema else {}
    return {**but_null(schema), **default}


def _body(operation: Mapping[str, Any], shapes: Shapes) -> str:
    if "requestBody" not in operation:
        return ""
    schema = operation["requestBody"]["content"][_JSON]["schema"]
    whole = but_null(schema)
    optional = "" if operation["requestBody"].get("required") else ' <span class="mark">optional</span>'
    return f"<h4>Body{optional}</h4>{shapes.says(whole)}{shapes.fields(whole)}"


def _answers(operation: Mapping[str, Any], shapes: Shapes) -> str:
    told, problems = [], []
    for status, answer in sorted(operation["responses"].items()):
        content = answer.get("content", {})
        if "application/problem+json" in content:
            codes = re.findall(r"`(\w+)`", answer["description"])
            problems += [f'<a href="#problem-{each}">{code(each)}</a>' for each in codes]
        elif _JSON in content:
            told.append(f"<dt>{code(status)}</dt><dd>{shapes.kind(content[_JSON]['schema'])}</dd>")
        else:
            told.append(f"<dt>{code(status)}</dt><dd>{line(answer['description'])}</dd>")
    folded = f"<details><summary>{len(problems)} problems</summary><p>{' '.join(problems)}</p></details>"
    return f"<h4>Answers</h4>{rows(told)}{folded if problems else ''}"


def _example(method: str, path: str, operation: Mapping[str, Any]) -> str:
    shown = [listing("Asked", _command(method, path, operation))]
    for status, answer in operation["responses"].items():
        examples = [each["example"] for each in answer.get("content", {}).values() if "example" in each]
        examples += [f"Location: {each['example']}" for each in answer.get("headers", {}).values() if "example" in each]
        shown += [listing(f"Answered {status}", pretty(each)) for each in examples]
    return "".join(shown)


def _command(method: str, path: str, operation: Mapping[str, Any]) -> str:
    """Return the example as a command for a shell."""
    told = {each["name"]: each for each in operation.get("parameters", ()) if "example" in each}
    for name, each in told.items():
        if each["in"] == "path":
            path = path.replace(f"{{{name}}}", quote(str(each["example"]), safe=""))
    asked = {name: each["example"] for name, each in told.items() if each["in"] == "query"}
    query = f"?{urlencode(asked)}" if asked else ""
    parts = [f'curl "$API{path}{query}"' if method == "get" else f'curl -X {method.upper()} "$API{path}{query}"']
    if operation.get("security"):
        parts.append('-H "Authorization: Bearer $KEY"')
    if any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", ())):
        parts.append("-H 'Idempotency-Key: a-name-for-this-request'")
    example = operation.get("requestBody", {}).get("content", {}).get(_JSON, {}).get("example")
    if example is not None:
        parts += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(pretty(example))}"]
    return " \\\n  ".join(parts)
