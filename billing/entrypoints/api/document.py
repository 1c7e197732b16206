"""The OpenAPI document: what FastAPI reads off the endpoints, and what it cannot know."""

import re
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from billing.entrypoints.api.auth import OPEN_PATHS
from billing.entrypoints.api.examples import add_example
from billing.entrypoints.api.problems import MEDIA_TYPE, PROBLEMS, ProblemDetails

_REF: Final = "#/components/schemas/{model}"
_SUMMARY: Final = "Subscriptions paid by KakaoPay through Checkout.com"
_DESCRIPTION: Final = """\
Money is `{amount, currency}` in minor units, an instant is RFC 3339 in UTC, a day is a date in the subscription's zone,
and a period ends with the day before its `end`. Lists are pages: ask for the next with `cursor`. They go newest first,
but events and webhook endpoints oldest first, and plans and prices by code and version. What is not known in a body or
a query is refused. Every write answers with the object as it now is.

Send an `Idempotency-Key` with every POST: sent again with the same key it is done once, and answered the same.

Errors are problems (RFC 9457): `code` is for programs, `detail` says what would be right, `errors` names fields, and a
conflict shows the object as it now is in `current`.
"""
_SECURITY: Final = {
    "HTTPBearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key: `bk_test_…` or `bk_live_…`. Make the first with `billing keys create`.",
    }
}
_METHODS: Final = ("get", "post", "put", "patch", "delete")
# Which problems an operation may answer with: any, one that writes, and one that takes a body.
_ANY: Final = {401, 403, 404, 422, 429, 500, 503}
_WRITE: Final = {409, 502}
_BODY: Final = {400, 408, 413, 415}
_LATER: Final = {409, 429, 503}
_RETRY_AFTER: Final = {
    "description": "Seconds after which to send the same request again; on a conflict only where that may help.",
    "schema": {"type": "integer"},
}
_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "A name for this request, for 30 days. Sent again it is not done again but answered as it was, with the header "
        "`Idempotent-Replayed: true`."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an app, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, routes=app.routes, summary=_SUMMARY, description=_DESCRIPTION
        )
        document["components"]["securitySchemes"] = _SECURITY
        _add_problems(document)
        for path, operations in document["paths"].items():
            for method in _METHODS:
                if method in operations:
                    _say_in_a_line(operations[method])
                    add_example(operations[method], path)
        app.openapi_schema = document
    return app.openapi_schema


def methods_of(app: FastAPI, path: str) -> list[str]:
    """Return the methods that a path of the document takes, for the header ``Allow``."""
    found = {
        method.upper()
        for template, operations in describe(app)["paths"].items()
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path)
        for method in operations
    }
    return sorted(found | {"HEAD"} if path in OPEN_PATHS else found)


def _say_in_a_line(operation: dict[str, Any]) -> None:
    """Take the first paragraph of what an endpoint says of itself for its summary."""
    first, _, rest = operation.pop("description", operation["summary"]).partition("\n\n")
    operation["summary"] = " ".join(first.split()).rstrip(".")
    if rest:
        operation["description"] = rest


def _add_problems(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    _, made = models_json_schema([(ProblemDetails, "serialization")], ref_template=_REF)
    schemas.update(made["$defs"])
    for operations in document["paths"].values():
        for method in _METHODS:
            if method not in operations:
                continue
            if method == "post":
                operations[method].setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
            if operations[method].get("security"):
                _add_problems_of(operations[method], is_write=method != "get")
            else:
                operations[method]["responses"].pop("422", None)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)


def _add_problems_of(operation: dict[str, Any], *, is_write: bool) -> None:
    statuses = _ANY | (_WRITE if is_write else set()) | (_BODY if "requestBody" in operation else set())
    for status in sorted(statuses):
        codes = [code for code, problem in PROBLEMS.items() if problem.status == status]
        told = {
            "description": f"A problem: {', '.join(f'`{code}`' for code in codes)}",
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="ProblemDetails")}}},
        }
        if status in _LATER:
            told["headers"] = {"Retry-After": _RETRY_AFTER}
        operation["responses"][str(status)] = told
