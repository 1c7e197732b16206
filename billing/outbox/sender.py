"""One signed POST to an endpoint: checked at the moment of connecting, bounded in time and size, redirected never."""

import asyncio
import json
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from standardwebhooks import Webhook

from billing.domain.causes import why_not_connected
from billing.outbox.addresses import AddressRefused, Network, refuse_unless_allowed

DEADLINE_SECONDS: Final = 15.0
MOST_BYTES_KEPT: Final = 1024
_AGENT: Final = "kakaopay-billing-webhooks"
_MOST_INTERIM_ANSWERS: Final = 8
_COMPRESSED: Final = "(compressed, although that was not asked for: not kept)"


class TooManyInterimAnswers(aiohttp.ClientError):
    """Answers of the kind 1xx came without an end (RFC 9110, 15.2, sets none)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status with the first kilobyte of its body, or why none did. ``error`` is for people."""

    status: int | None
    body: str
    error: str | None
    milliseconds: int

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def body_of(payload: Mapping[str, Any]) -> str:
    """Return a payload as it is sent and signed."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def signed(webhook_id: str, body: str, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """Return the headers of Standard Webhooks: signed with each secret, so that one can replace the other."""
    signatures = [Webhook(secret).sign(webhook_id, at, body) for secret in secrets]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
        "content-type": "application/json",
        "user-agent": _AGENT,
    }


class _Reply(aiohttp.ClientResponse):
    """An answer that may be preceded by a few others of the kind 1xx."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        # The library reads over them in a loop that never yields while they are there already, so that neither the
        # deadline nor anything else would have its turn.
        protocol = connection.protocol
        if protocol is None:
            raise aiohttp.ClientConnectionError("closed")
        read, interim = protocol.read, 0

        async def counted() -> tuple[RawResponseMessage, aiohttp.StreamReader]:
            nonlocal interim
            message, payload = await read()
            interim += 100 <= message.code < 200
            if interim > _MOST_INTERIM_ANSWERS:
                raise TooManyInterimAnswers
            return message, payload

        protocol.read = counted  # type: ignore[method-assign]
        return await super().start(connection)


class Sender:
    """Sends on the event loop that it was opened on. Proxies of the environment and cookies are not used."""

    def __init__(self, allowed: Sequence[Network] = (), *, deadline: float = DEADLINE_SECONDS) -> None:
        self._allowed = tuple(allowed)
        self._deadline = deadline
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=0,
            use_dns_cache=False,
            socket_factory=self._socket,
            force_close=True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"Accept-Encoding": "identity"},  # nothing is unpacked here: a kilobyte can be a gigabyte
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
            auto_decompress=False,
            raise_for_status=False,
            response_class=_Reply,
        )
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._session is not None:
            await self._session.close()

    def _socket(self, found: Any) -> socket.socket:
        # The address that is checked is the one that is connected to, whatever the name says a moment later.
        family, kind, protocol, _, address = found
        refuse_unless_allowed(address[0], self._allowed)
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    async def post(self, url: str, headers: Mapping[str, str], body: str) -> Answer:
        """Send, and return what came back within the deadline."""
        began = time.monotonic()
        status, kept, error = None, "", None
        try:
            async with asyncio.timeout(self._deadline):
                status, kept = await self._exchange(url, headers, body)
        except TimeoutError:
            error = f"no whole answer within {self._deadline:g} s"
        except aiohttp.ClientConnectorError as raised:
            error = _why_not_connected(raised)
        except (aiohttp.ClientError, OSError, ValueError) as raised:
            error = f"no readable answer ({type(raised).__name__})"
        if status is not None and 300 <= status < 400:
            error = "redirects are not followed: register the address that they lead to"
        return Answer(status, kept, error, round(1000 * (time.monotonic() - began)))

    async def _exchange(self, url: str, headers: Mapping[str, str], body: str) -> tuple[int, str]:
        if self._session is None:
            raise AssertionError("the sender was not opened")
        async with self._session.post(url, data=body.encode(), headers=headers, allow_redirects=False) as answer:
            kept = b""
            while len(kept) < MOST_BYTES_KEPT:
                chunk = await answer.content.read(MOST_BYTES_KEPT - len(kept))
                if not chunk:
                    break
                kept += chunk
            # A body that says more is not read: the connection is closed with it.
            if kept and answer.headers.get("Content-Encoding", "identity").lower() != "identity":
                return answer.status, _COMPRESSED
            return answer.status, kept.decode("utf-8", "replace").replace("\x00", "\ufffd")


def _why_not_connected(raised: aiohttp.ClientConnectorError) -> str:
    cause: BaseException | None = raised
    while cause is not None:
        if isinstance(cause, AddressRefused):
            return str(cause)
        cause = cause.__cause__ or getattr(cause, "os_error", None)
        if cause is raised:
            break
    return f"cannot connect: {why_not_connected(raised)}"
