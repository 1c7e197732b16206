"""An asyncio TCP proxy between engine and sandbox that can be told to be bad, at any time and at once."""

import asyncio
import threading
from collections import Counter
from contextlib import suppress
from enum import StrEnum
from random import Random
from typing import Self

_ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


class Mode(StrEnum):
    PASS = "pass"
    DRIP = "drip"
    """An answer comes byte by byte, slower than anybody waits."""
    CUT = "cut"
    """The line is cut in the middle of an answer; the request was processed."""
    GARBLE = "garble"
    """Bytes of an answer are overwritten by what is no text. (A plausible lie is TLS's business, not ours.)"""
    ENDLESS = "endless"
    """An answer that never ends comes instead of the real one; the request was processed."""
    BLACK_HOLE = "black hole"
    """Requests are taken and go nowhere."""
    SLAM = "slam"
    """Connections are closed before a byte was read."""


class BadProxy:
    """``with BadProxy(port, seed) as proxy``: listens on ``proxy.port``, in a thread of its own."""

    def __init__(self, upstream_port: int, seed: int) -> None:
        self.mode = Mode.PASS
        self.done: Counter[Mode] = Counter()
        self.port = 0
        self._upstream_port = upstream_port
        self._dice = Random(seed)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="bad-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._lines: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        try:
            if self.mode is Mode.SLAM:
                self.done[Mode.SLAM] += 1
                return
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._carry(reader, writer)
        except asyncio.CancelledError:
            pass  # the proxy is being closed
        finally:
            writer.transport.abort()
            self._lines.discard(line)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        try:
            ways = [
                asyncio.create_task(self._requests(reader, far_writer)),
                asyncio.create_task(self._answers(far_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            far_writer.transport.abort()

    async def _requests(self, reader: asyncio.StreamReader, far_writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self.mode is Mode.BLACK_HOLE:
                self.done[Mode.BLACK_HOLE] += 1
                await reader.read()  # until the engine gives up: half a request must not be followed by another
                return
            far_writer.write(data)
            await far_writer.drain()

    async def _answers(self, far_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await far_reader.read(65536):
            mode = self.mode
            self.done[mode] += 1
            match mode:
                case Mode.DRIP:
                    await self._drip(data, writer)
                case Mode.CUT:
                    writer.write(data[: self._dice.randrange(len(data))])
                    await writer.drain()
                    return
                case Mode.GARBLE:
                    start = self._dice.randrange(len(data))
                    writer.write(data[:start] + b"\xff" * min(len(data) - start, 16) + data[start + 16 :])
                case Mode.ENDLESS:
                    await self._never_end(writer)
                case _:
                    writer.write(data)
            await writer.drain()

    async def _drip(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        for position in range(len(data)):
            writer.write(data[position : position + 1])
            await writer.drain()
            await asyncio.sleep(0.05)

    async def _never_end(self, writer: asyncio.StreamWriter) -> None:
        writer.write(_ENDLESS)
        while True:
            writer.write(b"1000\r\n" + b" " * 0x1000 + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.005)
