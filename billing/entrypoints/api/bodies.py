"""How the body of a request is read: so many bytes and seconds at most, and so many bodies at once."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from billing.entrypoints.api.edge import headers_of, refuse
from billing.entrypoints.api.readers import Readers

BODY_SECONDS: Final = 10.0
"""A body must have arrived whole this long after its headers."""
MOST_READING: Final = 2048
"""Bodies that are waited for, so that memory stays bounded. One more, and the oldest is given up."""
MOST_DRAINED_BYTES: Final = 1024 * 1024
_DRAIN_SECONDS: Final = 1.0


class _TooLarge(Exception):
    """It is not read to its end."""


class _Gone(Exception):
    """The client left before its body was whole."""


def _nobody_counts(_why: str) -> None:
    """Do nothing."""


class Bodies:
    """Reads bodies of at most ``most_bytes``."""

    def __init__(
        self, most_bytes: int, *, body_seconds: float = BODY_SECONDS, most_reading: int = MOST_READING
    ) -> None:
        self._most_bytes = most_bytes
        self._body_seconds = body_seconds
        self._readers = Readers(most_reading)

    async def read(
        self, scope: Scope, receive: Receive, send: Send, refused: Callable[[str], object] = _nobody_counts
    ) -> bytes | None:
        """Return the body of a request; None if there is nothing left to do: it was refused, or who sent it is gone.

        ``refused`` is told why it was refused: ``too_large`` or ``too_slow``.
        """
        try:
            return await self._read(scope, receive)
        except _TooLarge:
            await _drain(receive)
            code, detail = "body_too_large", f"the body must have at most {self._most_bytes} bytes"
        except TimeoutError:
            code, detail = "body_too_slow", "the body did not arrive in time; send it again"
        except _Gone:
            return None
        refused(code.removeprefix("body_"))
        await refuse(scope, send, code, detail, headers={"Connection": "close"})
        return None

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        if any(told.isdecimal() and int(told[:18]) > self._most_bytes for told in headers_of(scope, b"content-length")):
            raise _TooLarge
        body = bytearray()
        async with self._readers.one(self._body_seconds):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                body += message.get("body", b"")
                if len(body) > self._most_bytes:
                    raise _TooLarge
                more = message.get("more_body", False)
        return bytes(body)


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that tells of a body that was read already, and then of what comes after it."""
    unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return unread.pop() if unread else await receive()

    return receive_again


async def _drain(receive: Receive) -> None:
    """Read on for a little: a client that is cut off while it sends may never see why."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            left = MOST_DRAINED_BYTES
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
