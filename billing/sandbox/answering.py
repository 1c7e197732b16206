"""Putting an answer on the wire, well or badly."""

import asyncio
import json

from aiohttp import web

from billing.sandbox.call import Reply

_JSON = "application/json; charset=utf-8"

#: Bodies with a good status and no sense: HTML, nothing, half a document, wrong types, numbers JSON lacks.
GARBAGE = (
    b"<html><body>Service temporarily unavailable</body></html>",
    b"",
    b'{"id": "pay_',
    b'{"id": null, "status": 7, "amount": "lots", "reference": []}',
    b'{"id": NaN, "status": Infinity, "amount": 1e999}',
    b"[" * 50_000,
    b"\xff\xfe\x00{\x00}",
    b'"Pending"',
)


def body_of(reply: Reply) -> bytes:
    if reply.document is None:
        return b""
    if isinstance(reply.document, str):
        return reply.document.encode()
    return json.dumps(reply.document, ensure_ascii=False, separators=(",", ":")).encode()


def plain(status: int, body: bytes, headers: dict[str, str]) -> web.Response:
    if body:
        headers.setdefault("Content-Type", _JSON)
    return web.Response(status=status, body=body or None, headers=headers)


class Wire:
    """Answers that go wrong. A release ends every hanging one at once, for a reset or a stop."""

    def __init__(self) -> None:
        self._released = asyncio.Event()

    def release(self) -> None:
        """Cut all that hangs now; later requests may hang again."""
        self._released.set()
        self._released = asyncio.Event()

    async def pause(self, real_seconds: float) -> bool:
        """Wait; False if a release came first."""
        try:
            await asyncio.wait_for(self._released.wait(), real_seconds)
        except TimeoutError:
            return True
        return False

    async def hang(self, request: web.Request, real_seconds: float) -> web.StreamResponse:
        """Never answer; after so long the connection is cut."""
        await self.pause(real_seconds)
        return self._cut(request)

    async def drip(
        self, request: web.Request, status: int, body: bytes, headers: dict[str, str], real_seconds: float
    ) -> web.StreamResponse:
        """Send the body byte by byte, so that each read succeeds and the whole takes too long."""
        response = await self._start(request, status, headers, len(body))
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for at in range(len(body)):
            due = begun + real_seconds * (at + 1) / len(body)
            if not await self.pause(max(0.0, due - loop.time())):
                return self._cut(request)
            await response.write(body[at : at + 1])
        return response

    async def endless(self, request: web.Request, status: int, headers: dict[str, str]) -> web.StreamResponse:
        """Send spaces for ever, which JSON allows before a value; ends when the caller goes."""
        response = await self._start(request, status, headers, None)
        chunk = b" " * 65_536
        while await self.pause(0.005):
            try:
                await response.write(chunk)
            except ConnectionError:
                break
        return self._cut(request)

    async def truncated(
        self, request: web.Request, status: int, body: bytes, headers: dict[str, str]
    ) -> web.StreamResponse:
        """Promise the whole body, send half, end the connection."""
        response = await self._start(request, status, headers, len(body))
        await response.write(body[: len(body) // 2])
        return self._cut(request)

    @staticmethod
    async def _start(
        request: web.Request, status: int, headers: dict[str, str], length: int | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Type": _JSON} | headers)
        response.content_length = length
        await response.prepare(request)
        return response

    @staticmethod
    def _cut(request: web.Request) -> web.StreamResponse:
        """Close the connection under the answer, as a dying server does."""
        if request.transport is not None:
            request.transport.close()
        return web.Response(status=500)
