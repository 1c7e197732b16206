"""How the types of the OpenAPI document are written in Python."""

import re
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_FORMATS = {"date-time": "datetime", "date": "date"}
_TYPES = {"integer": "int", "number": "float", "boolean": "bool", "null": "None", "object": "dict[str, Any]"}


def class_name(schema_name: str) -> str:
    """Return ``Subscription`` for what the API calls ``SubscriptionObject`` or ``SubscriptionAnswer``."""
    return re.sub(r"(Answer|Object|Resource|View)$", "", schema_name)


def ref_of(schema: Schema) -> str | None:
    """Return the name of the schema that this one refers to."""
    return schema["$ref"].rpartition("/")[2] if "$ref" in schema else None


def annotation(schema: Schema) -> str:
    """Return a schema's type as an annotation; a reference is the class of its name."""
    if (name := ref_of(schema)) is not None:
        return class_name(name)
    for joined in ("anyOf", "oneOf"):
        if joined in schema:
            return either([annotation(each) for each in schema[joined]])
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return annotation(schema["allOf"][0])
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    return _of_type(schema)


def _of_type(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return either([_of_type(schema | {"type": each}) for each in kind])
    if kind == "string":
        return _FORMATS.get(schema.get("format", ""), "str")
    if kind == "array":
        return f"tuple[{annotation(schema['items'])}, ...]"
    return _TYPES.get(str(kind), "Any")


def either(kinds: list[str]) -> str:
    """Join alternatives, each once, None last."""
    unique = list(dict.fromkeys(one for kind in kinds for one in _alternatives(kind)))
    return " | ".join([*(each for each in unique if each != "None"), *(each for each in unique if each == "None")])


def _alternatives(kind: str) -> list[str]:
    """Split an annotation at its outermost bars."""
    found, depth = [""], 0
    for letter in kind:
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if letter == "|" and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [each.strip() for each in found]


def refs_in(schema: Any) -> Iterator[str]:
    """Name every schema that one refers to."""
    if isinstance(schema, dict):
        if (name := ref_of(schema)) is not None:
            yield name
        for each in schema.values():
            yield from refs_in(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from refs_in(each)


def is_list(schema: Schema) -> bool:
    """Say whether a schema is a page of a list."""
    return {"data", "has_more"} <= set(schema.get("properties", {}))


def imports_for(code: str) -> list[str]:
    """Return the imports that a module's code needs, apart from our own."""
    found = []
    # A literal may hold the word "date" and mean no type.
    code = re.sub(r"""(['\"]).*?\1""", "''", code)
    dates = [each for each in ("date", "datetime") if re.search(rf"\b{each}\b", code)]
    if dates:
        found.append(f"from datetime import {', '.join(dates)}")
    typing = [each for each in ("Annotated", "Any", "Literal") if re.search(rf"\b{each}\b", code)]
    if typing:
        found.append(f"from typing import {', '.join(typing)}")
    return found
