"""The index of the API for people, made from its OpenAPI document: no script, nothing from elsewhere."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from billing.entrypoints.html import templates_beside

METHODS: Final = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class IndexedOperation:
    """``name`` is the operation's id in the document; ``role`` is the least role of a key, None if none is needed."""

    name: str
    method: str
    path: str
    summary: str
    role: str | None


def reference_page(document: Mapping[str, Any], roles: Mapping[str, str]) -> str:
    """Return the page. ``roles`` is the least role that an operation needs, by method and path."""
    tags: dict[str, list[IndexedOperation]] = defaultdict(list)
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                each = operations[method]
                role = roles.get(f"{method.upper()} {path}")
                tags[each["tags"][0]].append(IndexedOperation(each["operationId"], method, path, each["summary"], role))
    return templates_beside(__file__).get_template("reference.html").render(info=document["info"], tags=dict(tags))
