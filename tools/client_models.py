"""The models of the client: one class for each schema that an answer of the API holds."""

import re
from collections import defaultdict
from collections.abc import Iterable

from tools.client_types import Schema, annotation, class_name, imports_for, is_list, refs_in

_HEAD = '"""{about}. Written by `make client` from the OpenAPI document."""\n\n'


def model_modules(document: Schema, roots: dict[str, set[str]]) -> dict[str, str]:
    """Return the modules of models by name. ``roots`` are the schemas that each resource's answers name.

    What one resource uses alone stands in the module of its name, everything else in ``shared``.
    """
    schemas = document["components"]["schemas"]
    users = defaultdict(set)
    for resource, names in roots.items():
        for name in _reached(schemas, names):
            users[name].add(resource)
    homes = {name: next(iter(users[name])) if len(users[name]) == 1 else "shared" for name in schemas if users[name]}
    kept = {name: home for name, home in homes.items() if not is_list(schemas[name])}
    modules = {
        home: _module(home, [name for name in kept if kept[name] == home], schemas, kept)
        for home in sorted(set(kept.values()))
    }
    return modules | {"__init__": _index(kept)}


def _reached(schemas: dict[str, Schema], names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += refs_in(schemas[name])
    return found


def _module(home: str, names: list[str], schemas: dict[str, Schema], homes: dict[str, str]) -> str:
    ordered = _definitions_first(names, schemas)
    body = "\n\n".join(_definition(name, schemas[name]) for name in ordered)
    elsewhere = {ref for name in names for ref in refs_in(schemas[name]) if homes.get(ref, home) != home}
    lines = imports_for(body)
    if "SkipValidation" in body:
        lines.append("from pydantic import SkipValidation")
    if "(Answer)" in body:
        lines.append("from billing.client.answers import Answer")
    if elsewhere:
        lines.append(f"from billing.client.models.shared import {', '.join(sorted(map(class_name, elsewhere)))}")
    about = "What several resources answer with" if home == "shared" else f"What calls about {_spoken(home)} answer"
    return _HEAD.format(about=about) + "\n".join(lines) + "\n\n" + body + "\n"


def _definitions_first(names: list[str], schemas: dict[str, Schema]) -> list[str]:
    """Order names so that each comes after those it refers to."""
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name in names and name not in ordered:
            for ref in refs_in(schemas[name]):
                visit(ref)
            ordered.append(name)

    for name in names:
        visit(name)
    return ordered


def _definition(name: str, schema: Schema) -> str:
    if "enum" in schema:
        # A word that a later version of the API adds is taken as it is.
        return f"{class_name(name)} = Annotated[{annotation(schema)}, SkipValidation]"
    lines = [f"class {class_name(name)}(Answer):"]
    about = schema.get("description")
    if about:
        lines += [_docstring(about), ""]
    required = set(schema.get("required", ()))
    for field, told in schema.get("properties", {}).items():
        kind = annotation(told)
        if "const" not in told and "enum" in told:
            kind = f"Annotated[{kind}, SkipValidation]"
        if "const" in told:
            lines.append(f"    {field}: {kind} = {told['const']!r}")
        else:
            lines.append(f"    {field}: {kind}" if field in required else f"    {field}: {_or_none(kind)} = None")
    return "\n".join(lines if len(lines) > 1 else [*lines, "    pass"]) + "\n"


def _or_none(kind: str) -> str:
    return kind if kind.endswith("None") else f"{kind} | None"


def _docstring(about: str) -> str:
    lines = about.strip().splitlines()
    if len(lines) == 1:
        return f'    """{lines[0]}"""'
    return "\n".join(f"    {line}".rstrip() for line in [f'"""{lines[0]}', *lines[1:], '"""'])


def _index(homes: dict[str, str]) -> str:
    lines = []
    for home in sorted(set(homes.values())):
        names = ", ".join(sorted(class_name(name) for name in homes if homes[name] == home))
        lines.append(f"from billing.client.models.{home} import {names}")
    names = ", ".join(f'"{class_name(name)}"' for name in sorted(homes))
    return _HEAD.format(about="Everything that the API answers with") + "\n".join(lines) + f"\n\n__all__ = [{names}]\n"


def _spoken(resource: str) -> str:
    return re.sub("_", " ", resource)
