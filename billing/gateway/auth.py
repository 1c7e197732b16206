"""Bearer headers: a secret key as it is, or an OAuth token that is fetched and renewed early."""

import asyncio
import base64
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlencode

import httpx2
from pydantic import SecretStr

from billing.gateway.http import NeverLeft, Reply, exchange
from billing.gateway.messages import Unreadable, read_json

_RENEW_BEFORE_SECONDS: Final = 60


class NoToken(Exception):
    """The token endpoint gave no token, so nothing can be sent."""


class Authorization(Protocol):
    async def header(self, transport: httpx2.AsyncBaseTransport) -> str: ...

    def forget(self, header: str) -> bool:
        """Drop a token that was turned away; say whether asking for another can help."""
        ...


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A NAS secret key; it is the bearer token itself (Checkout.com authentication page)."""

    key: SecretStr

    async def header(self, _transport: httpx2.AsyncBaseTransport) -> str:
        return f"Bearer {self.key.get_secret_value()}"

    def forget(self, _header: str) -> bool:
        return False


class OAuth:
    """Client credentials. ``expires_in`` is obeyed and the token is renewed a minute early."""

    def __init__(self, token_url: str, client_id: str, client_secret: SecretStr, *, answer_seconds: float = 10) -> None:
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._answer_seconds = answer_seconds
        self._token: str | None = None
        self._good_until = 0.0
        self._failures = 0
        self._failure = ""
        self._fetching = asyncio.Lock()

    async def header(self, transport: httpx2.AsyncBaseTransport) -> str:
        """Return the header value.

        :raises NoToken: the token endpoint refused or gave no readable answer.
        """
        failures_before = self._failures
        async with self._fetching:
            if self._token is None or asyncio.get_running_loop().time() > self._good_until:
                # Who waited while a fetch failed shares its failure: a dead endpoint is asked once, not once each.
                # Counted, not timed: the loop's clock shows whole milliseconds, in which the next may ask already.
                if self._failures != failures_before:
                    raise NoToken(self._failure)
                try:
                    await self._fetch(transport)
                except NoToken as error:
                    self._failures, self._failure = self._failures + 1, str(error)
                    raise
            return f"Bearer {self._token}"

    def forget(self, header: str) -> bool:
        if header == f"Bearer {self._token}":  # another request may have fetched a new one since
            self._token = None
        return True

    async def _fetch(self, transport: httpx2.AsyncBaseTransport) -> None:
        secret = self._client_secret.get_secret_value()
        basic = base64.b64encode(f"{self._client_id}:{secret}".encode()).decode()
        form = {"grant_type": "client_credentials", "client_id": self._client_id, "client_secret": secret}
        form["scope"] = "gateway vault:instruments flow:events"
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(form).encode()
        answer = await exchange(
            transport, "POST", self._token_url, headers=headers, body=body, seconds=self._answer_seconds
        )
        if not isinstance(answer, Reply):
            raise NoToken(answer.reason if isinstance(answer, NeverLeft) else "the token endpoint did not answer")
        self._token, lifetime = _read_token(answer)
        self._good_until = asyncio.get_running_loop().time() + lifetime - _RENEW_BEFORE_SECONDS


def _read_token(answer: Reply) -> tuple[str, float]:
    if answer.status != 200:
        raise NoToken(f"the token endpoint answered HTTP {answer.status}")
    try:
        body = read_json(answer.body)
    except Unreadable as error:
        raise NoToken(str(error)) from None
    token = body.get("access_token") if isinstance(body, dict) else None
    lifetime = body.get("expires_in") if isinstance(body, dict) else None
    if not isinstance(token, str) or not isinstance(lifetime, int | float):
        raise NoToken("the token endpoint's answer has no token")
    if not token or not token.isascii() or not token.isprintable():
        raise NoToken("the token endpoint's answer has a token that fits no header")
    return token, float(lifetime)
