"""What goes wrong, said as RFC 9457 has it: a code for programs, a sentence for people, never a stack trace."""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, get_args

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from billing.domain.public_ids import with_public_ids
from billing.entrypoints.api.document import methods_of
from billing.entrypoints.api.fields import PATTERNS_SAID
from billing.entrypoints.api.problems import MEDIA_TYPE, PROBLEMS, FieldError, details, status_of
from billing.entrypoints.api.shapes import Body
from billing.operations.engine import BadInput, Refusal
from billing.store.database import is_conflict
from billing.store.installation import NoInstallation

log = structlog.get_logger()

_RETRY_AFTER: Final = {"Retry-After": "5"}
_MOST_FIELDS: Final = 20


class ApiError(Exception):
    """A problem that an endpoint answers with: a code of :data:`~.problems.PROBLEMS`, and what would be right."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        current: BaseModel | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.code, self.detail, self.errors, self.current = code, detail, errors, current
        self.retry_after = retry_after


def invalid(problems: Mapping[str, str]) -> ApiError:
    """Return the error for fields that cannot be used, each with what would be right."""
    errors = [FieldError(field=field, detail=detail) for field, detail in problems.items()]
    return ApiError("invalid_request", "; ".join(f"{each.field} {each.detail}" for each in errors), errors=errors)


@contextmanager
def telling_current(show: Callable[[], BaseModel]) -> Iterator[None]:
    """Have a conflict in this block answered with the object as it now is."""
    try:
        yield
    except Refusal as refusal:
        if status_of(refusal.code) != 409:
            raise
        told = with_remedy(refusal)
        raise ApiError(refusal.code, told, current=show(), retry_after=refusal.retry_after) from refusal


def with_remedy(refusal: Refusal) -> str:
    """Return what was refused and, in a second sentence unless the first has said it, what to do."""
    sentence = with_public_ids(str(refusal)).rstrip(".")
    if refusal.says_what_to_do:
        return f"{sentence}."
    remedy = PROBLEMS[refusal.code].remedy
    return f"{sentence}. {remedy}"


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


def _answer(request: Request, error: ApiError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    request_id = getattr(request.state, "request_id", "")
    body = details(error.code, error.detail, request_id, list(error.errors), error.current)
    return JSONResponse(body, status_of(error.code), headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _api_error(request: Request, error: ApiError) -> JSONResponse:
    come_back = None if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return _answer(request, error, come_back)


def _refusal(request: Request, error: Refusal) -> JSONResponse:
    if isinstance(error, BadInput):
        return _api_error(request, invalid({error.field: error.detail}))
    come_back = _RETRY_AFTER if status_of(error.code) == 503 else None
    return _answer(request, ApiError(error.code, with_remedy(error)), come_back)


def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    code = {404: "no_such_path", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    known, headers = PROBLEMS[code], error.headers
    if error.status_code == 405 and (allowed := methods_of(request.app, request.url.path)):
        # The framework names the methods of the first route of a path only.
        headers = {"Allow": ", ".join(allowed)}
    return _answer(request, ApiError(code, f"{known.title}. {known.remedy}"), headers)


def _no_database(request: Request, error: Exception) -> JSONResponse:
    log.error("database_unavailable", error=type(error).__name__)
    busy = is_conflict(error)
    sentence = "the database is busy" if busy else "the database cannot be used now"
    code = "busy" if busy else "database_unavailable"
    return _answer(request, ApiError(code, f"{sentence}; send the same request again"), _RETRY_AFTER)


def _validation(request: Request, error: RequestValidationError) -> JSONResponse:
    problems = list(error.errors())[:_MOST_FIELDS]
    return _answer(request, invalid({_field(each["loc"]): _sentence(request, each) for each in problems}))


def _field(place: Sequence[Any]) -> str:
    named = ".".join(str(part) for part in place[1:]) or str(place[0])
    # A key of the request may hold anything; what cannot be printed cannot be answered.
    return named[:100] if named.isprintable() else "?"


def _sentence(request: Request, problem: Mapping[str, Any]) -> str:
    place, kind = problem["loc"], problem["type"]
    if kind == "missing":
        return "is required" if len(place) > 1 else "is required: send a JSON object"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        shape = next(
            (model.shape for model in _models_at(request, place) if issubclass(model, Body) and model.shape), ""
        )
        return f"must be a JSON object such as {shape}" if shape else "must be a JSON object"
    if kind == "string_pattern_mismatch":
        return PATTERNS_SAID.get(problem["ctx"]["pattern"], "must be of the form that the documentation gives")
    if kind == "extra_forbidden":
        return _not_known(request, place)
    told = str(problem["msg"]).removeprefix("Value error, ")
    told = re.sub(r"^(?:Input|String|Value) should (?:be|have)\b", lambda found: f"must {found[0].split()[-1]}", told)
    return told[:1].lower() + told[1:300]


def _not_known(request: Request, place: Sequence[Any]) -> str:
    known = _names_known(request, place)
    near = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f"is not known; did you mean {near[0]}?" if near else f"is not known; there are {', '.join(known)}"


def _names_known(request: Request, place: Sequence[Any]) -> list[str]:
    """Return the names that there are beside the one at ``place``, in the body or query or in an object within."""
    return sorted({name for model in _models_at(request, place[:-1]) for name in model.model_fields})


def _models_at(request: Request, place: Sequence[Any]) -> list[type[BaseModel]]:
    """Return the models that a body or query, or an object within, may be."""
    route = request.scope.get("route")
    fields = route.dependant.body_params if place[0] == "body" else route.dependant.query_params  # type: ignore[union-attr]
    models = [model for each in fields for model in _models_in(each.field_info.annotation)]
    for part in place[1:]:
        told = [model.model_fields[part] for model in models if part in model.model_fields]
        models = [model for each in told for model in _models_in(each.annotation)]
    return models


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models of an annotation, such as the one of ``Model | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
