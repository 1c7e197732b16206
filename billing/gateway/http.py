"""One HTTP exchange with a hard end: a total deadline, a byte cap, and an honest word on what may have left."""

import asyncio
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import aiohttp
import httpx2
from httpx_aiohttp.httpx2 import AiohttpTransport

from billing.domain.causes import why_not_connected

MOST_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. ``body`` was read to its end."""

    status: int
    body: bytes
    request_id: str | None
    date: str | None


@dataclass(frozen=True, slots=True)
class NeverLeft:
    """Nothing was written: no connection could be made, or no token was given.

    ``set_up``: we were turned away for what our configuration says, so that the next request will be, too.
    """

    reason: str
    set_up: bool = False


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request may have been processed; no whole answer came back."""

    reason: str


Exchange = Reply | NeverLeft | NoAnswer


def open_transport(in_flight: int) -> httpx2.AsyncBaseTransport:
    """Return what carries ``in_flight`` requests at once. Cookies, redirects and proxies are not its business.

    The client that would stand around it brings just these, and costs as much as the request itself.
    """
    limits = httpx2.Limits(max_connections=in_flight, max_keepalive_connections=in_flight, keepalive_expiry=15)
    return AiohttpTransport(limits=limits, trust_env=False)


async def exchange(
    transport: httpx2.AsyncBaseTransport,
    method: str,
    url: str,
    *,
    headers: dict[str, str],
    body: bytes | None,
    seconds: float,
) -> Exchange:
    """Send one request and read its answer within ``seconds``, at most :data:`MOST_BYTES` of it."""
    try:
        async with asyncio.timeout(seconds):
            return await _read(transport, httpx2.Request(method, _parsed(url), headers=headers, content=body))
    except TimeoutError:
        return NoAnswer(f"no whole answer within {seconds:g} s")
    except httpx2.HTTPError as error:
        # The transport maps every lost connection to ConnectTimeout, one lost after the body was
        # written too; only a failed connect proves that nothing left.
        if isinstance(error.__cause__, aiohttp.ClientConnectorError):
            return NeverLeft(f"cannot connect: {why_not_connected(error)}")
        return NoAnswer(f"connection lost ({type(error.__cause__ or error).__name__})")
    except (OSError, aiohttp.ClientError, ValueError) as error:
        return NoAnswer(f"no readable answer ({type(error).__name__})")


async def _read(transport: httpx2.AsyncBaseTransport, request: httpx2.Request) -> Exchange:
    answer = await transport.handle_async_request(request)
    try:
        chunks, size = [], 0
        async for chunk in answer.aiter_raw():
            size += len(chunk)
            if size > MOST_BYTES:
                return NoAnswer(f"the answer is longer than {MOST_BYTES} bytes")
            chunks.append(chunk)
    finally:
        await answer.aclose()
    return Reply(
        status=answer.status_code,
        body=b"".join(chunks),
        request_id=answer.headers.get("cko-request-id"),
        date=answer.headers.get("date"),
    )


@lru_cache
def _parsed(url: str) -> httpx2.URL:
    return httpx2.URL(url)
