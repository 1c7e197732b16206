"""Methods in lower case, as Checkout.com's servers take them.

HTTP methods are case-sensitive, and aiohttp refuses ``patch``. But ``fetch`` sends a method as it was
written, except for a few that it knows, and the official SDK for Node writes ``patch``.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Final

#: The first line of a request. No JSON body can go on with one: a line's end within a string is escaped there.
_LINE: Final = re.compile(rb"(get|head|post|put|patch|delete|options) \S+ HTTP/1\.[01]\r\n")
_LOWER_A: Final = ord("a")


class AnyCase(asyncio.Protocol):
    """Hands a connection to another protocol, with the methods of its requests in upper case."""

    def __init__(self, inner: asyncio.Protocol) -> None:
        self._inner = inner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def data_received(self, data: bytes) -> None:
        if data[0] >= _LOWER_A:
            line = _LINE.match(data)
            if line:
                data = line[1].upper() + data[line.end(1) :]
        self._inner.data_received(data)


async def listen(make: Callable[[], asyncio.Protocol], host: str, port: int) -> asyncio.Server:
    """Listen for connections; each is served by a protocol of its own.

    :raises OSError: the port is taken.
    """
    return await asyncio.get_running_loop().create_server(lambda: AnyCase(make()), host, port, backlog=128)
