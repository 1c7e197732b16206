"""The OpenAPI document: what FastAPI reads off the endpoints, and what it cannot know."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from billing.entrypoints.api.problems import MEDIA_TYPE, PROBLEMS, ProblemDetails

_REF: Final = "#/components/schemas/{model}"
_METHODS: Final = ("get", "post", "put", "patch", "delete")


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an app, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes, summary=app.summary)
        _add_problems(document)
        app.openapi_schema = document
    return app.openapi_schema


def _add_problems(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    _, made = models_json_schema([(ProblemDetails, "serialization")], ref_template=_REF)
    schemas.update(made["$defs"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations and operations[method].get("security"):
                _add_problems_of(operations[method], path, is_write=method != "get")


def _add_problems_of(operation: dict[str, Any], path: str, *, is_write: bool) -> None:
    statuses = {401, 403, 422, 429, 503} | ({404} if "{" in path else set()) | ({409} if is_write else set())
    for status in sorted(statuses):
        told = ", ".join(f"`{code}`" for code, problem in PROBLEMS.items() if problem.status == status)
        operation["responses"][str(status)] = {
            "description": f"A problem: {told}",
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="ProblemDetails")}}},
        }
