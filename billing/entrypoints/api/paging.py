"""Lists: one envelope, and cursors that say where the next page begins and nothing else."""

import base64
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel

from billing.entrypoints.api.errors import invalid
from billing.entrypoints.api.shapes import Answered, PageQuery
from billing.store.columns import AnyRow
from billing.store.pages import Page, Position

T = TypeVar("T", bound=BaseModel)
L = TypeVar("L", bound="ListOf[Any]")
_WRONG: Final = "is not the next_cursor of a page of this list; leave it out to begin at the first"
_INSTANT: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?\+00:00"
_UUID: Final = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class ListOf(Answered, Generic[T]):
    """A page. While ``has_more``, ask for the next with ``cursor`` = ``next_cursor``."""

    object: Literal["list"] = "list"
    data: list[T]
    has_more: bool
    next_cursor: str | None


def page_asked(name: str, query: PageQuery) -> Page:
    """Return which page of the list ``name``, newest first, is asked for.

    :raises ApiError: the cursor was not given out for this list.
    """
    if query.cursor is None:
        return Page(query.limit)
    created_at, row_id = read_cursor(name, query.cursor, _INSTANT, _UUID)
    try:
        return Page(query.limit, Position(datetime.fromisoformat(created_at), UUID(row_id)))
    except ValueError:
        raise invalid({"cursor": _WRONG}) from None


def list_of(cls: type[L], name: str, page: Page, rows: Sequence[AnyRow], make: Callable[[AnyRow], BaseModel]) -> L:
    """Return a page of objects, made of rows with ``created_at`` and ``id``, one more than asked for if there is."""
    shown, more = rows[: page.limit], len(rows) > page.limit
    following = write_cursor(name, shown[-1].created_at.isoformat(), str(shown[-1].id)) if more else None
    return cls(data=[make(row) for row in shown], has_more=more, next_cursor=following)


def write_cursor(name: str, *key: str) -> str:
    """Return the cursor of the row with this key in the list ``name``."""
    return base64.urlsafe_b64encode(json.dumps([name, *key]).encode()).decode().rstrip("=")


def read_cursor(name: str, cursor: str, *key: str) -> Sequence[str]:
    """Return the key that :func:`write_cursor` wrote; ``key`` are patterns, one for each part.

    :raises ApiError: it was not given out for this list.
    """
    try:
        told = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, list) or len(told) != len(key) + 1 or told[0] != name:
        raise invalid({"cursor": _WRONG})
    parts = told[1:]
    if not all(isinstance(part, str) and re.fullmatch(wanted, part) for part, wanted in zip(parts, key, strict=True)):
        raise invalid({"cursor": _WRONG})
    return parts
