"""An answer that is found once a second, however many ask for it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

log = structlog.get_logger()
EVERY_SECONDS: Final = 1.0
STALE_SECONDS: Final = 10.0


class Refreshed:
    """Keeps the last answer to a question: None when all is well, else why it is not, in words. Any thread may read it.

    Who asks over an open path costs the database nothing, and waits for nothing.
    """

    def __init__(self, ask: Callable[[], str | None], *, clock: Callable[[], float] = time.monotonic) -> None:
        """``ask`` may block; ``clock`` returns monotonic seconds."""
        self._ask = ask
        self._clock = clock
        self._last: tuple[float, str | None] | None = None

    def why_not(self) -> str | None:
        """Return the last answer, or that there is none that is not too old."""
        if self._last is None:
            return "it was not looked at yet"
        asked_at, why = self._last
        age = self._clock() - asked_at
        return f"there has been no answer for {age:.0f} s" if age > STALE_SECONDS else why

    def refresh(self) -> None:
        """Ask now. Blocks until there is an answer."""
        try:
            why = self._ask()
        except Exception as error:  # noqa: BLE001 - whatever it is: what cannot be told is not well
            log.error("not_refreshed", error=type(error).__name__)
            why = "it cannot be told"
        self._last = (self._clock(), why)

    @contextmanager
    def kept_fresh(self, every_seconds: float = EVERY_SECONDS) -> Iterator[None]:
        """Ask now, and within this again and again, on a thread of its own."""
        done = threading.Event()

        def ask_again() -> None:
            while not done.wait(every_seconds):
                self.refresh()

        self.refresh()
        # A daemon thread, and not waited for: a database that does not answer must not keep the process from its end.
        threading.Thread(target=ask_again, name="refresher", daemon=True).start()
        try:
            yield
        finally:
            done.set()
