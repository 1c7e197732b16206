"""Waiting in tests: for an event, until a deadline that only a hang misses. No test passes or fails by its speed."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")
HANG_SECONDS: Final = 180.0
"""What takes longer than this hangs: no machine on which the tests run at all is that slow."""


def until(holds: Callable[[], T], what: str = "it", *, every: float = 0.01, seconds: float = HANG_SECONDS) -> T:
    """Return the first truthy value of ``holds``, which is asked every so many seconds.

    :raises AssertionError: there was none within :data:`HANG_SECONDS`.
    """
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(every)
    return value
