"""Acts on an object that there is, answered with the object as it now is."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel

from billing.entrypoints.api.desk import Desk
from billing.entrypoints.api.errors import telling_current

M = TypeVar("M", bound=BaseModel)


def managed(desk: Desk, name: str, act: Callable[[datetime], object], show: Callable[[], M], *, about: object) -> M:
    """Run an act and return the object as it now is; a conflict shows it too.

    An act that was done under the request's ``Idempotency-Key`` before, with its answer lost, is only shown.
    """
    with telling_current(show):
        desk.once(name, act, again=lambda _made, _now: None, about=about)
    return show()
