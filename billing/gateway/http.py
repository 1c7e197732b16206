"""One HTTP exchange with a hard end: a total deadline, a byte cap, and an honest word on what may have left."""

import asyncio
from dataclasses import dataclass
from typing import Final

import aiohttp
import httpx2
from httpx_aiohttp.httpx2 import Httpx2AiohttpClient

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
    """No connection could be made, so nothing was written."""

    reason: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request may have been processed; no whole answer came back."""

    reason: str


Exchange = Reply | NeverLeft | NoAnswer


class TokenBucket:
    """Spaces requests out to ``per_second``. A Checkout.com account allows 100 reads and 100 writes a second."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._next = 0.0

    async def wait(self) -> None:
        """Return when the next request may leave."""
        now = asyncio.get_running_loop().time()
        slot = max(self._next, now)
        self._next = slot + self._gap
        if slot > now:
            await asyncio.sleep(slot - now)


def open_client(base_url: str, in_flight: int) -> Httpx2AiohttpClient:
    """Return a client for ``in_flight`` requests at once. Redirects are not followed."""
    return Httpx2AiohttpClient(
        base_url=base_url,
        limits=httpx2.Limits(max_connections=in_flight, max_keepalive_connections=in_flight, keepalive_expiry=15),
        timeout=None,
        follow_redirects=False,
        trust_env=False,
    )


async def exchange(
    client: httpx2.AsyncClient,
    method: str,
    path: str,
    *,
    headers: dict[str, str],
    body: bytes | None,
    seconds: float,
) -> Exchange:
    """Send one request and read its answer within ``seconds``, at most :data:`MOST_BYTES` of it."""
    try:
        async with asyncio.timeout(seconds):
            return await _read(client, method, path, headers, body)
    except TimeoutError:
        return NoAnswer(f"no whole answer within {seconds:g} s")
    except httpx2.HTTPError as error:
        # The transport maps every lost connection to ConnectTimeout, one lost after the body was
        # written too; only a failed connect proves that nothing left.
        if isinstance(error.__cause__, aiohttp.ClientConnectorError):
            return NeverLeft(f"cannot connect ({type(error.__cause__).__name__})")
        return NoAnswer(f"connection lost ({type(error.__cause__ or error).__name__})")
    except (OSError, aiohttp.ClientError, ValueError) as error:
        return NoAnswer(f"no readable answer ({type(error).__name__})")


async def _read(
    client: httpx2.AsyncClient, method: str, path: str, headers: dict[str, str], body: bytes | None
) -> Exchange:
    request = client.build_request(method, path, headers=headers, content=body)
    answer = await client.send(request, stream=True)
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
