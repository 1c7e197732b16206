"""A connection on which requests must arrive promptly: whoever sends a byte a minute is cut off.

The body's own deadline (`limits.py`) is answered with 408. This one stands behind it, for what no endpoint sees: heads
that never end, connections on which nothing is said, and bodies of requests that were refused before they had come.
"""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class PromptProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers, or whole request, take too long. Answers may take longer."""

    head_seconds: ClassVar[float] = 10.0
    """From the connection, or the first byte of a further request, to the end of the headers."""
    whole_seconds: ClassVar[float] = 25.0
    """From the end of the headers to the end of the body."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_within(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_within(self.head_seconds)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._expect_within(self.whole_seconds)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._expect_nothing()

    def _expect_within(self, seconds: float) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(seconds, self.transport.close)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
