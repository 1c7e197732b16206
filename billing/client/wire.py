"""Calls over the network: what a synchronous and an asynchronous client share, and what each does its own way."""

import asyncio
import json
import random
import re
import ssl
import time
from ipaddress import ip_address
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx2

from billing.client.answers import read
from billing.client.calls import Call, Course, Lost, Reply, Retries, Send, Wait, carry_out
from billing.client.causes import why_not_connected

T = TypeVar("T")
SECONDS: Final = 30.0  # an enrolment waits for the wallet's gateway
_AGENT: Final = "kakaopay-billing-client"


class _Wire:
    def __init__(
        self, base_url: str, api_key: str, seconds: float, retries: Retries, tls: ssl.SSLContext | None, *, http: bool
    ) -> None:
        if not base_url.startswith(("https://", "http://")):
            raise ValueError("base_url must be the URL of the billing API, such as https://billing.internal")
        if base_url.startswith("http://") and not (http or _is_loopback(base_url)):
            raise ValueError(
                "base_url must be https://, or others on the way read the key; allow_http=True if the network is yours"
            )
        if not re.fullmatch(r"[!-~]+", api_key):
            raise ValueError("api_key must be the key as it was shown: visible ASCII, no spaces, no line breaks")
        self._retries = retries
        self._headers = {"Authorization": f"Bearer {api_key}", "User-Agent": _AGENT, "Accept": "application/json"}
        self._settings: dict[str, Any] = {"base_url": base_url, "timeout": seconds, "verify": tls or True}

    def _course(self, call: Call) -> Course:
        return carry_out(call, self._retries, random.random())  # noqa: S311 - it only spreads waits

    def _request(self, call: Call) -> dict[str, Any]:
        headers, content = self._headers | call.headers, None
        if call.body is not None:
            content = json.dumps(call.body, ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        return {
            "method": call.method,
            "url": call.path,
            "params": call.query or None,
            "content": content,
            "headers": headers,
        }


class Wire(_Wire):
    """Sends calls one after the other; may be used by many threads."""

    def __init__(
        self, base_url: str, api_key: str, seconds: float, retries: Retries, tls: ssl.SSLContext | None, *, http: bool
    ) -> None:
        super().__init__(base_url, api_key, seconds, retries, tls, http=http)
        self._client = httpx2.Client(**self._settings)

    def ask(self, call: Call, kind: type[T]) -> T:
        """Carry a call out and return its answer as an object of a kind.

        :raises BillingError: what :func:`billing.client.calls.carry_out` and :func:`billing.client.answers.read` raise.
        """
        return read(self.tell(call), kind)

    def tell(self, call: Call) -> bytes:
        """Carry a call out and return the body of its answer.

        :raises BillingError: as :func:`billing.client.calls.carry_out`.
        """
        course, reply = self._course(call), None
        while True:
            try:
                step = course.send(reply)
            except StopIteration as end:
                body: bytes = end.value
                return body
            reply = self._take(step, call)

    def _take(self, step: Send | Wait, call: Call) -> Reply | Lost | None:
        if isinstance(step, Wait):
            time.sleep(step.seconds)
            return None
        try:
            return _reply(self._client.request(**self._request(call)))
        except httpx2.TransportError as error:
            return Lost(_why_lost(error))

    def close(self) -> None:
        self._client.close()


class AsyncWire(_Wire):
    """Sends calls on one event loop, any number at once."""

    def __init__(
        self, base_url: str, api_key: str, seconds: float, retries: Retries, tls: ssl.SSLContext | None, *, http: bool
    ) -> None:
        super().__init__(base_url, api_key, seconds, retries, tls, http=http)
        self._client = httpx2.AsyncClient(**self._settings)

    async def ask(self, call: Call, kind: type[T]) -> T:
        """As :meth:`Wire.ask`."""
        return read(await self.tell(call), kind)

    async def tell(self, call: Call) -> bytes:
        """As :meth:`Wire.tell`."""
        course, reply = self._course(call), None
        while True:
            try:
                step = course.send(reply)
            except StopIteration as end:
                body: bytes = end.value
                return body
            reply = await self._take(step, call)

    async def _take(self, step: Send | Wait, call: Call) -> Reply | Lost | None:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            return None
        try:
            return _reply(await self._client.request(**self._request(call)))
        except httpx2.TransportError as error:
            return Lost(_why_lost(error))

    async def close(self) -> None:
        await self._client.aclose()


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _why_lost(error: httpx2.TransportError) -> str:
    if isinstance(error, httpx2.ConnectError):
        return f"cannot connect: {why_not_connected(error)}"
    return type(error).__name__


def _reply(answer: httpx2.Response) -> Reply:
    told = answer.headers.get("Retry-After", "")
    return Reply(answer.status_code, answer.content, float(told) if told.isdecimal() else None)
