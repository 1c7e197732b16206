"""The methods of the client: one for each operation of the API, synchronous and asynchronous."""

import re
import textwrap
from dataclasses import dataclass
from keyword import iskeyword

from tools.client_types import Schema, annotation, class_name, either, imports_for, is_list, ref_of

_METHODS = ("get", "post", "put", "patch", "delete")
_ON_COLLECTIONS = {"get": "list", "post": "create"}
_ON_ONE = {"get": "get", "patch": "update", "put": "replace", "delete": "delete"}


@dataclass(frozen=True)
class Operation:
    """``answer`` is an annotation, or ``item`` that of what a list holds."""

    resource: str
    name: str
    method: str
    path: str
    about: str
    in_path: list[str]
    query: list[tuple[str, str, bool]]
    body: list[tuple[str, str, bool]] | None
    answer: str
    item: str | None

    @property
    def is_paged(self) -> bool:
        return self.item is not None and any(name == "cursor" for name, _, _ in self.query)


def operations(document: Schema) -> list[Operation]:
    """Return the operations that need an API key, in the order of the document."""
    found = [
        _operation(document, path, method, told)
        for path, told_of_path in document["paths"].items()
        if path.startswith("/v1/")
        for method, told in told_of_path.items()
        if method in _METHODS and told.get("security")
    ]
    names = [(each.resource, each.name) for each in found]
    twice = {each for each in names if names.count(each) > 1}
    if twice:
        raise SystemExit(f"two operations would be called the same: {sorted(twice)}")
    return found


def _operation(document: Schema, path: str, method: str, told: Schema) -> Operation:
    schemas = document["components"]["schemas"]
    parts = [part.replace("-", "_") for part in path.removeprefix("/v1/").split("/")]
    resource = told.get("tags", [parts[0]])[0].replace("-", "_").replace(" ", "_")
    last = parts[-1]
    if last.startswith("{"):
        name = _ON_ONE[method]
    elif last == resource or len(parts) == 1:
        name = _ON_COLLECTIONS[method]
    else:
        name = last
    parameters = [each for each in told.get("parameters", []) if each["in"] == "query"]
    answer, item = _answer(schemas, told)
    return Operation(
        resource=resource,
        name=name,
        method=method.upper(),
        path=path,
        about=f"{told['summary']}.",
        in_path=re.findall(r"{(\w+)}", path),
        query=[(each["name"], annotation(each["schema"]), each.get("required", False)) for each in parameters],
        body=_body(schemas, told),
        answer=answer,
        item=item,
    )


def _answer(schemas: Schema, told: Schema) -> tuple[str, str | None]:
    status = next(status for status in told["responses"] if status.startswith("2"))
    content = told["responses"][status].get("content", {}).get("application/json")
    if content is None:
        return "None", None
    name = ref_of(content["schema"])
    if name is not None and is_list(schemas[name]):
        item = annotation(schemas[name]["properties"]["data"]["items"])
        return f"Page[{item}]", item
    return annotation(content["schema"]), None


def _body(schemas: Schema, told: Schema) -> list[tuple[str, str, bool]] | None:
    content = told.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    schema = content["schema"]
    for alternative in schema.get("anyOf", [schema]):
        name = ref_of(alternative)
        if name is not None:
            schema = schemas[name]
    required = set(schema.get("required", ()))
    return [(field, _wanted(schemas, each), field in required) for field, each in schema.get("properties", {}).items()]


def _wanted(schemas: Schema, schema: Schema) -> str:
    """Return the type of what is sent; an object that only requests hold is a mapping."""
    for alternative in [schema, *schema.get("anyOf", [])]:
        name = ref_of(alternative)
        if name is not None and "enum" not in schemas[name]:
            return "Mapping[str, Any]" + (" | None" if {"type": "null"} in schema.get("anyOf", []) else "")
    kind = annotation(schema)
    return re.sub(r"tuple\[(.*), \.\.\.\]", r"Sequence[\1]", kind)


def resource_module(resource: str, found: list[Operation], schemas: Schema, *, is_async: bool) -> str:
    """Return the module with a resource's class."""
    code = "\n".join(_method(each, is_async=is_async) for each in found)
    if any(each.is_paged for each in found):
        code += "\n" + "\n".join(_iterating(each, is_async=is_async) for each in found if each.is_paged)
    called = class_of(resource, is_async=is_async)
    wire = "AsyncWire" if is_async else "Wire"
    kinds = " ".join(kind for each in found for kind in _kinds(each))
    models = sorted({class_name(name) for name in schemas if re.search(rf"\b{class_name(name)}\b", kinds)})
    abstract = [
        each for each in ("AsyncIterator", "Iterator", "Mapping", "Sequence") if re.search(rf"\b{each}\b", code)
    ]
    lines = [f"from collections.abc import {', '.join(abstract)}"] if abstract else []
    lines += imports_for(kinds)
    if "Page[" in code:
        lines.append("from billing.client.answers import Page")
    lines.append(f"from billing.client.calls import {_from_calls(code)}")
    if models:
        lines.append(f"from billing.client.models import {', '.join(models)}")
    lines.append(f"from billing.client.wire import {wire}")
    about = f"Calls about {resource.replace('_', ' ')}. Written by `make client` from the OpenAPI document."
    return (
        f'"""{about}"""\n\n'
        + "\n".join(lines)
        + f"\n\n\nclass {called}:\n    def __init__(self, wire: {wire}) -> None:\n        self._wire = wire\n\n{code}"
    )


def _kinds(each: Operation) -> list[str]:
    return [each.answer, *(kind for _, kind, _ in [*each.query, *(each.body or [])])]


def class_of(resource: str, *, is_async: bool) -> str:
    """Return ``AsyncWebhookEndpointsResource`` for ``webhook_endpoints``."""
    return ("Async" if is_async else "") + "".join(part.title() for part in resource.split("_")) + "Resource"


def parameters_of(each: Operation, *, without: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    """Return the parameters of a method after ``self``, and the names that are keywords."""
    told = [one for one in [*each.query, *(each.body or [])] if one[0] not in without]
    required = [f"{_parameter(name)}: {kind}" for name, kind, is_required in told if is_required]
    free = [(name, either([kind, "Omit"])) for name, kind, is_required in told if not is_required]
    optional = [f"{_parameter(name)}: {kind} = OMIT" for name, kind in free]
    if each.method == "POST":
        optional.append("idempotency_key: str | None = None")
    keywords = [*required, *optional]
    parameters = [*(f"{name}: str" for name in each.in_path), *(["*", *keywords] if keywords else [])]
    return parameters, [name for name, _, _ in told]


def _method(each: Operation, *, is_async: bool) -> str:
    parameters = ", ".join(["self", *parameters_of(each)[0]])
    arguments = [f'"{each.method}"', _path(each)]
    if each.query:
        arguments.append(f"query={_dict([name for name, _, _ in each.query])}")
    if each.body is not None:
        arguments.append(f"body={_dict([name for name, _, _ in each.body])}")
    if each.method == "POST":
        arguments.append("key=idempotency_key")
    asked = f"{'await ' if is_async else ''}self._wire."
    if each.answer == "None":
        asked += f"tell(call({', '.join(arguments)}))"
    else:
        asked = f"return {asked}ask(call({', '.join(arguments)}), {each.answer})"
    return (
        f"    {'async ' if is_async else ''}def {each.name}({parameters}) -> {each.answer}:\n"
        f"{_docstring(each.about)}\n"
        f"        {asked}\n"
    )


def _iterating(each: Operation, *, is_async: bool) -> str:
    """Return the method that goes through all pages of a list."""
    found, names = parameters_of(each, without=("cursor",))
    parameters = ", ".join(["self", *found])
    passed = ", ".join([*each.in_path, *(f"{name}={name}" for name in names), "cursor=cursor"])
    name = "iterate" if each.name == "list" else f"iterate_{each.name}"
    prefix, wait = ("async ", "await ") if is_async else ("", "")
    told = "for each in page.data:\n                yield each" if is_async else "yield from page.data"
    return f'''    {prefix}def {name}({parameters}) -> {"Async" if is_async else ""}Iterator[{each.item}]:
        """Go through all that :meth:`{each.name}` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = {wait}self.{each.name}({passed})
            {told}
            cursor, more = page.next_cursor, page.has_more
'''


def _path(each: Operation) -> str:
    filled = re.sub(r"{(\w+)}", r"{in_path(\1)}", each.path)
    return f'f"{filled}"' if each.in_path else f'"{each.path}"'


def _dict(names: list[str]) -> str:
    return "{" + ", ".join(f'"{name}": {_parameter(name)}' for name in names) + "}"


def _parameter(name: str) -> str:
    return f"{name}_" if iskeyword(name) else name


def _docstring(about: str) -> str:
    text = " ".join(about.split()) or "See the API's documentation."
    lines = textwrap.wrap(text, 105)
    if len(lines) == 1:
        return f'        """{lines[0]}"""'
    return "\n".join(f"        {line}" for line in [f'"""{lines[0]}', *lines[1:], '"""'])


def _from_calls(code: str) -> str:
    needed = ["call", *(["OMIT", "Omit"] if "OMIT" in code else []), *(["in_path"] if "in_path(" in code else [])]
    return ", ".join(needed)
