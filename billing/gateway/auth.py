"""Bearer headers: a secret key as it is, or an OAuth token that is fetched and renewed early."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import httpx2
from pydantic import SecretStr

from billing.gateway.headers import COMMON
from billing.gateway.http import Exchange, NeverLeft, Reply, exchange
from billing.gateway.messages import Unreadable, read_json

_RENEW_BEFORE_SECONDS: Final = 60
_OUR_SET_UP: Final = {
    "invalid_client": "it does not know the client id and secret",
    "unauthorized_client": "the access key may not use client credentials",
    "invalid_scope": "the access key lacks one of the scopes `{scopes}`",
}
"""Errors of RFC 6749 (section 5.2) that our configuration causes, by their code."""


class NoToken(Exception):
    """The token endpoint gave no token, so nothing can be sent. ``set_up``: because of our configuration."""

    def __init__(self, why: str, *, set_up: bool = False) -> None:
        super().__init__(why)
        self.set_up = set_up


class Authorization(Protocol):
    async def header(self, transport: httpx2.AsyncBaseTransport) -> str: ...

    def forget(self, header: str) -> bool:
        """Drop a token that was turned away; say whether asking for another can help."""
        ...

    async def refused_scopes(self, transport: httpx2.AsyncBaseTransport) -> tuple[str, ...]:
        """Return which configured scopes are not granted, as far as that can be asked."""
        ...


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A NAS secret key; it is the bearer token itself (Checkout.com authentication page)."""

    key: SecretStr

    async def header(self, _transport: httpx2.AsyncBaseTransport) -> str:
        return f"Bearer {self.key.get_secret_value()}"

    def forget(self, _header: str) -> bool:
        return False

    async def refused_scopes(self, _transport: httpx2.AsyncBaseTransport) -> tuple[str, ...]:
        """Return none: a secret key has its scopes and is not asked for any."""
        return ()


class OAuth:
    """Client credentials. ``expires_in`` is obeyed and the token is renewed a minute early."""

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: SecretStr,
        *,
        scopes: Sequence[str] = ("gateway", "vault:instruments"),
        answer_seconds: float = 10,
    ) -> None:
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._scopes = tuple(scopes)
        self._answer_seconds = answer_seconds
        self._token: str | None = None
        self._good_until = 0.0
        self._failures = 0
        self._failure: NoToken | None = None
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
                if self._failure is not None and self._failures != failures_before:
                    raise NoToken(str(self._failure), set_up=self._failure.set_up)
                try:
                    await self._fetch(transport)
                except NoToken as error:
                    self._failures, self._failure = self._failures + 1, error
                    raise
            return f"Bearer {self._token}"

    def forget(self, header: str) -> bool:
        if header == f"Bearer {self._token}":  # another request may have fetched a new one since
            self._token = None
        return True

    async def refused_scopes(self, transport: httpx2.AsyncBaseTransport) -> tuple[str, ...]:
        """Return which scopes the token endpoint refuses: one ``invalid_scope`` for all does not say which it means."""
        refused = []
        for scope in self._scopes:
            answer = await self._ask(transport, [scope])
            if isinstance(answer, Reply) and _error_of(answer) == "invalid_scope":
                refused.append(scope)
        return tuple(refused)

    async def _fetch(self, transport: httpx2.AsyncBaseTransport) -> None:
        answer = await self._ask(transport, self._scopes)
        if not isinstance(answer, Reply):
            raise NoToken(answer.reason if isinstance(answer, NeverLeft) else "the token endpoint did not answer")
        self._token, lifetime = _read_token(answer, self._scopes)
        self._good_until = asyncio.get_running_loop().time() + lifetime - _RENEW_BEFORE_SECONDS

    async def _ask(self, transport: httpx2.AsyncBaseTransport, scopes: Sequence[str]) -> Exchange:
        secret = self._client_secret.get_secret_value()
        basic = base64.b64encode(f"{self._client_id}:{secret}".encode()).decode()
        form = {"grant_type": "client_credentials", "client_id": self._client_id, "client_secret": secret}
        form["scope"] = " ".join(scopes)
        headers = {
            **COMMON,
            "Authorization": f"Basic {basic}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode(form).encode()
        return await exchange(
            transport, "POST", self._token_url, headers=headers, body=body, seconds=self._answer_seconds
        )


def _read_token(answer: Reply, scopes: Sequence[str]) -> tuple[str, float]:
    if answer.status != 200:
        error = _error_of(answer)
        why = _OUR_SET_UP.get(error or "")
        told = f"the token endpoint answered HTTP {answer.status}"
        if why is None:
            raise NoToken(told)
        raise NoToken(f"{told} {error}: {why.format(scopes=' '.join(scopes))}", set_up=True)
    body = _json(answer)
    token = body.get("access_token") if isinstance(body, dict) else None
    lifetime = body.get("expires_in") if isinstance(body, dict) else None
    if not isinstance(token, str) or not isinstance(lifetime, int | float):
        raise NoToken("the token endpoint's answer has no token")
    if not token or not token.isascii() or not token.isprintable():
        raise NoToken("the token endpoint's answer has a token that fits no header")
    return token, float(lifetime)


def _error_of(answer: Reply) -> str | None:
    """Return the error code of a refusal of the token endpoint, or None when it tells none."""
    try:
        body = _json(answer)
    except NoToken:
        return None
    error = body.get("error") if isinstance(body, dict) and answer.status in (400, 401, 403) else None
    return error if isinstance(error, str) else None


def _json(answer: Reply) -> Any:
    try:
        return read_json(answer.body)
    except Unreadable as error:
        raise NoToken(str(error)) from None
