"""What can go wrong with a call: a problem that the API told (RFC 9457), or no answer at all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class FieldError:
    """A field of the request that cannot be used, and what would be right."""

    field: str
    detail: str


class BillingError(Exception):
    """A call that did not do what it was asked for. Catch this to catch all of them."""


class NoAnswer(BillingError):
    """No whole answer came, so the call may have been carried out.

    Send it again with the same ``idempotency_key``: it will not be carried out twice.
    """

    def __init__(self, why: str, idempotency_key: str | None) -> None:
        super().__init__(f"no answer from the billing API: {why}")
        self.idempotency_key = idempotency_key


class UnreadableAnswer(BillingError):
    """An answer came that is not the billing API's: look at the URL, and at what stands before it."""


class Problem(BillingError):
    """The API refused the call, and says why.

    ``code`` is stable and for programs; ``detail`` is a sentence with the remedy. ``errors`` names the fields of bad
    input, ``current`` is the object as it now is. Quote ``request_id`` to whoever runs the engine.
    """

    def __init__(self, told: Mapping[str, Any], *, retry_after: float | None = None) -> None:
        self.status = int(told["status"])
        self.code = str(told["code"])
        self.title = str(told.get("title", ""))
        self.detail = str(told.get("detail", ""))
        self.type = str(told.get("type", "about:blank"))
        self.request_id = str(told.get("request_id", ""))
        self.errors = tuple(FieldError(str(each["field"]), str(each["detail"])) for each in told.get("errors") or ())
        self.current: Mapping[str, Any] | None = told.get("current")
        self.retry_after = retry_after
        super().__init__(f"{self.status} {self.code}: {self.detail} (request {self.request_id})")


class Unauthorized(Problem):
    """401: the API key is missing, wrong or revoked."""


class Forbidden(Problem):
    """403: the API key's role does not allow it."""


class NotFound(Problem):
    """404: there is no such object."""


class Conflict(Problem):
    """409: it cannot be done as things stand; ``current`` shows how they stand."""


class InvalidRequest(Problem):
    """400, 413, 415 or 422: something in the request cannot be used; ``errors`` names it."""


class TooManyRequests(Problem):
    """429: too many requests with this key; ``retry_after`` seconds are asked for."""


class Unavailable(Problem):
    """5xx: it did not work on the other side; sending the call again under its key is safe."""


_BY_STATUS: Final[Mapping[int, type[Problem]]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    429: TooManyRequests,
}


def problem_of(status: int, body: bytes, *, retry_after: float | None = None) -> BillingError:
    """Return the error that an answer tells of."""
    kind = Unavailable if status >= 500 else _BY_STATUS.get(status, Problem)
    try:
        return kind(json.loads(body), retry_after=retry_after)
    except (ValueError, KeyError, TypeError):
        return UnreadableAnswer(f"the answer {status} is not one of the billing API; is the base URL right?")
