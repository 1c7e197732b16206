"""What a value may be, and what fields an object has, in words."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

from billing.entrypoints.api.reference.markup import code, line, prose

Schema = Mapping[str, Any]
_FORMATS: Final = {"date-time": "instant", "date": "day", "uri": "URL", "email": "e-mail address"}
_LONGEST_PATTERN: Final = 80


class Shapes:
    """The named shapes of an OpenAPI document."""

    def __init__(self, document: Schema) -> None:
        self._named: Mapping[str, Schema] = document["components"]["schemas"]

    def kind(self, schema: Schema) -> str:
        """Return what a value may be, with a link to where its shape is told."""
        if "$ref" in schema:
            return self._kind_of_named(schema["$ref"].rpartition("/")[2])
        if "anyOf" in schema:
            return " or ".join(self.kind(each) for each in schema["anyOf"])
        if "const" in schema:
            return code(str(schema["const"]))
        if "enum" in schema:
            return ", ".join(code(str(each)) for each in schema["enum"])
        if schema.get("type") == "array":
            return f"list of {self.kind(schema['items'])}"
        begins = _prefix(schema.get("pattern", ""))
        if begins:
            return f"id {code(begins + '…')}"
        named: str = schema.get("type", "anything")
        return escape(_FORMATS.get(schema.get("format", ""), named))

    def fields(self, schema: Schema) -> str:
        """Return a row for each field of an object: its name, what it may be, and whether it must be there."""
        whole = self._named[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        required = whole.get("required", ())
        return rows(self.row(name, field, is_required=name in required) for name, field in whole["properties"].items())

    def row(self, name: str, schema: Schema, *, is_required: bool, says: str = "") -> str:
        """Return the row of one field or parameter."""
        marks = "" if is_required else ' <span class="mark">optional</span>'
        told = f"<p>{line(says)}</p>" if says else ""
        return f"<dt>{code(name)}{marks}</dt><dd>{'; '.join([self.kind(schema), *_rules(schema)])}{told}</dd>"

    def says(self, schema: Schema) -> str:
        """Return what is said of a named shape."""
        return prose(self._named[schema["$ref"].rpartition("/")[2]].get("description", "")) if "$ref" in schema else ""

    def objects(self) -> list[tuple[str, str]]:
        """Return name and section of each shape that is an object and no list, by name."""
        return [
            (name, f'<section class="shape" id="{escape(name)}"><h3>{escape(name)}</h3>{told}</section>')
            for name, schema in sorted(self._named.items())
            if "properties" in schema and not _is_list(schema)
            for told in [prose(schema.get("description", "")) + self.fields(schema)]
        ]

    def _kind_of_named(self, name: str) -> str:
        schema = self._named[name]
        if "properties" not in schema:
            return self.kind(schema)
        if _is_list(schema):
            return f"page of {self.kind(schema['properties']['data']['items'])}"
        return f'<a href="#{escape(name)}">{escape(name)}</a>'


def but_null(schema: Schema) -> Schema:
    """Return what a value may be when it is there."""
    return next((each for each in schema.get("anyOf", ()) if each.get("type") != "null"), schema)


def rows(each: Iterable[str]) -> str:
    """Return rows as one list of definitions."""
    return f"<dl>{''.join(each)}</dl>"


def _is_list(schema: Schema) -> bool:
    return bool(schema["properties"].get("object", {}).get("const") == "list")


def _prefix(pattern: str) -> str:
    """Return how an id begins, by the pattern that it must match."""
    begins, _, rest = pattern.removeprefix("^").partition("_")
    return f"{begins}_" if begins.isalpha() and rest.startswith(("[a-z2-7]", "(0|")) else ""


def _rules(schema: Schema) -> list[str]:
    """Return what must hold of a value beside its type."""
    inner = but_null(schema)
    told = []
    if "maxLength" in inner:
        least = f"{inner['minLength']} to" if "minLength" in inner else "at most"
        told.append(f"{least} {inner['maxLength']} characters")
    if "minimum" in inner or "maximum" in inner:
        told.append(f"{inner['minimum']:,.0f} to {inner['maximum']:,.0f}")
    if "maxItems" in inner:
        told.append(f"at most {inner['maxItems']}")
    pattern = inner.get("pattern", "")
    if pattern and not _prefix(pattern) and len(pattern) <= _LONGEST_PATTERN:
        told.append(f"matches {code(pattern)}")
    if schema.get("default") is not None and "const" not in schema:
        told.append(f"{code(str(schema['default']))} unless given")
    return told
