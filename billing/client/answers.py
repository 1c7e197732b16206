"""Reading what the API answers: into the models of :mod:`billing.client.resources`, whatever else it may hold."""

from functools import cache
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from billing.client.problems import UnreadableAnswer

T = TypeVar("T")


class Answer(BaseModel):
    """An object of the API. Fields and values that a later version of the API adds do no harm."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Page(Answer, Generic[T]):
    """A page of a list; ``next_cursor`` asks for the next one.

    On the last page it is None, but for events: there it asks, later, for what has happened since.
    """

    data: tuple[T, ...]
    has_more: bool
    next_cursor: str | None = None


def read(body: bytes, kind: type[T]) -> T:
    """Return what a body holds, as an object of a kind.

    :raises UnreadableAnswer: it holds something else.
    """
    try:
        told: T = _adapter(cast("Any", kind)).validate_json(body)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, each["loc"])) or "the whole" for each in error.errors()[:5])
        raise UnreadableAnswer(f"the answer is not the {kind.__name__} that was asked for: see {places}") from None
    return told


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
