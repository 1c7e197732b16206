"""One call, thought through without sending it: what is sent, when it is sent again, and what comes of it.

Both clients follow :func:`carry_out`, which is handed answers and asks for waits; it does no I/O itself.
"""

import secrets
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Any, Final
from urllib.parse import quote

from billing.client.problems import BillingError, NoAnswer, Problem, problem_of

KEY_HEADER: Final = "Idempotency-Key"
_IN_FLIGHT: Final = ("idempotency_key_in_use", "charge_in_flight")


class Omit(Enum):
    """What is not said, so that the API's default holds; None says null."""

    OMIT = "omit"


OMIT: Final = Omit.OMIT


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is sent at most, and the waits in between: they begin with ``first_wait`` seconds and double.

    An API that asks for more is given it, up to ``longest_wait`` seconds; beyond that the call ends with its problem.
    """

    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 30.0


@dataclass(frozen=True, slots=True)
class Call:
    """A request to make. A POST carries the same key each time it is sent, made here unless one is given."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    key: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.key is None else {KEY_HEADER: self.key}


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; ``retry_after`` in seconds, if it says so."""

    status: int
    body: bytes
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """No whole answer came."""

    why: str


@dataclass(frozen=True, slots=True)
class Send:
    """Send the call; be handed the :class:`Reply`, or that it is :class:`Lost`."""


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


Course = Generator[Send | Wait, Reply | Lost | None, bytes]


def call(
    method: str,
    path: str,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Call:
    """Return a call. What is ``OMIT`` in query and body is left out."""
    if method == "POST" and key is None:
        key = secrets.token_urlsafe(24)
    asked = {name: _in_query(value) for name, value in (query or {}).items() if value is not OMIT}
    said = None if body is None else {name: _in_body(value) for name, value in body.items() if value is not OMIT}
    return Call(method, path, asked, said, key)


def carry_out(call: Call, retries: Retries, chance: float = 1.0) -> Course:
    """Return the body of the answer in the end.

    Every call may be sent again: a GET changes nothing, PUT, PATCH and DELETE end in the same state however often they
    arrive, and a POST is known by its key. ``chance`` from 0 to 1 spreads the waits of many clients.

    :raises NoAnswer: no whole answer came to the last send.
    :raises Problem: the API refused the call.
    """
    attempt = 1
    while True:
        reply = yield Send()
        if isinstance(reply, Reply) and reply.status < 400:
            return reply.body
        error = _error_of(reply, call)
        wait = _wait_after(error, retries.first_wait * 2 ** (attempt - 1) * (0.5 + chance / 2))
        if wait is None or wait > retries.longest_wait or attempt >= retries.attempts:
            raise error
        yield Wait(wait)
        attempt += 1


def _error_of(reply: Reply | Lost | None, call: Call) -> BillingError:
    if isinstance(reply, Reply):
        return problem_of(reply.status, reply.body, retry_after=reply.retry_after)
    return NoAnswer(reply.why if reply else "nothing was sent", call.key)


def _wait_after(error: BillingError, backoff: float) -> float | None:
    """Return how long to wait before the call is sent again; None when that would change nothing."""
    if isinstance(error, NoAnswer):
        return backoff
    if isinstance(error, Problem) and (error.status in (429, 503) or error.code in _IN_FLIGHT):
        return max(backoff, error.retry_after or 0.0)
    return None


def _in_query(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _in_body(value)


def _in_body(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("a datetime must be aware: say in which zone it is meant")
    return value.isoformat() if isinstance(value, date) else value


def in_path(value: str) -> str:
    """Return a value as one segment of a path."""
    return quote(value, safe="")
