"""What goes wrong, said in one shape: a code for programs, a sentence for people, never a stack trace."""

import difflib
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from billing.operations.engine import Refusal
from billing.store.database import is_conflict
from billing.store.installation import NoInstallation

log = structlog.get_logger()

_STATUS_OF_REFUSAL: Final[Mapping[str, int]] = {
    "not_found": 404,
    "idempotency_key_reused": 422,
    "gateway_refused": 502,
    "gateway_unavailable": 503,
}
_RETRY_AFTER: Final = {"Retry-After": "5"}
_MOST_FIELDS: Final = 20


class FieldProblem(BaseModel):
    field: str
    message: str


class ErrorOfAnswer(BaseModel):
    """``code`` is for programs, ``message`` says what would be right; quote ``request_id`` to the operator."""

    code: str
    message: str
    request_id: str
    fields: list[FieldProblem] | None = None


class ErrorAnswer(BaseModel):
    error: ErrorOfAnswer


class ApiError(Exception):
    """An answer that is an error: ``code`` for programs, ``message`` with what would be right."""

    def __init__(self, status: int, code: str, message: str, fields: Sequence[FieldProblem] = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.fields = status, code, message, fields


def invalid(problems: Mapping[str, str]) -> ApiError:
    """Return the error for fields that cannot be used, each with what would be right."""
    fields = [FieldProblem(field=field, message=message) for field, message in problems.items()]
    return ApiError(422, "invalid_request", "; ".join(f"{each.field} {each.message}" for each in fields), fields)


def error_body(code: str, message: str, request_id: str, fields: Sequence[FieldProblem] = ()) -> dict[str, Any]:
    """Return the one shape of an error."""
    told = ErrorOfAnswer(code=code, message=message, request_id=request_id, fields=list(fields) or None)
    return ErrorAnswer(error=told).model_dump(exclude_none=True)


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error of an endpoint in the one shape."""
    for kind, handler in (
        (ApiError, _api_error),
        (Refusal, _refusal),
        (RequestValidationError, _validation),
        (HTTPException, _http_error),
        (OperationalError, _no_database),
        (InterfaceError, _no_database),
        (PoolTimeout, _no_database),
        (NoInstallation, _no_database),
    ):
        app.add_exception_handler(kind, handler)  # type: ignore[arg-type]


def _answer(
    request: Request,
    status: int,
    code: str,
    message: str,
    fields: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    body = error_body(code, message, getattr(request.state, "request_id", ""), fields)
    return JSONResponse(body, status, headers=dict(headers or {}))


def _api_error(request: Request, error: ApiError) -> JSONResponse:
    return _answer(request, error.status, error.code, error.message, error.fields)


def _refusal(request: Request, error: Refusal) -> JSONResponse:
    status = _STATUS_OF_REFUSAL.get(error.code, 409)
    return _answer(request, status, error.code, str(error), headers=_RETRY_AFTER if status == 503 else None)


def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    code = HTTPStatus(error.status_code).name.lower()
    messages = {404: "there is no such path", 405: "this path does not take this method"}
    message = messages.get(error.status_code, HTTPStatus(error.status_code).phrase.lower())
    return _answer(request, error.status_code, code, message, headers=error.headers)


def _no_database(request: Request, error: Exception) -> JSONResponse:
    log.error("database_unavailable", error=type(error).__name__)
    busy = is_conflict(error)
    message = "the database is busy" if busy else "the database cannot be used now"
    code = "busy" if busy else "database_unavailable"
    return _answer(request, 503, code, f"{message}; send the same request again", headers=_RETRY_AFTER)


def _validation(request: Request, error: RequestValidationError) -> JSONResponse:
    problems = list(error.errors())[:_MOST_FIELDS]
    fields = [FieldProblem(field=_field(each["loc"]), message=_sentence(request, each)) for each in problems]
    return _api_error(request, invalid({each.field: each.message for each in fields}))


def _field(place: Sequence[Any]) -> str:
    named = ".".join(str(part) for part in place[1:]) or str(place[0])
    # A key of the request may hold anything; what cannot be printed cannot be answered.
    return named[:100] if named.isprintable() else "?"


def _sentence(request: Request, problem: Mapping[str, Any]) -> str:
    place, kind = problem["loc"], problem["type"]
    if kind == "missing":
        return "is required" if len(place) > 1 else "is required: send a JSON object"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "must be a JSON object"
    if kind == "string_pattern_mismatch":
        return "must be a code such as basic-yearly: a to z, 0 to 9 and -, a letter first, at most 50 characters"
    if kind == "extra_forbidden":
        return _not_known(request, str(place[0]), str(place[-1]))
    told = str(problem["msg"]).removeprefix("Value error, ")
    told = re.sub(r"^(?:Input|String|Value) should (?:be|have)\b", lambda found: f"must {found[0].split()[-1]}", told)
    return told[:1].lower() + told[1:300]


def _not_known(request: Request, where: str, name: str) -> str:
    known = _names_known(request, where)
    near = difflib.get_close_matches(name, known, n=1)
    return f"is not known; did you mean {near[0]}?" if near else f"is not known; there are {', '.join(known)}"


def _names_known(request: Request, where: str) -> list[str]:
    route = request.scope.get("route")
    fields = route.dependant.body_params if where == "body" else route.dependant.query_params  # type: ignore[union-attr]
    models = [each.field_info.annotation for each in fields]
    return sorted(name for model in models for name in getattr(model, "model_fields", {}))
