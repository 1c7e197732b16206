"""A client of the billing API: typed, small, and free of the engine.

::

    from billing.client import Billing, Conflict

    with Billing("https://billing.internal", api_key) as billing:
        for subscription in billing.subscriptions.iterate(state="past_due"):
            ...

:class:`AsyncBilling` has the same calls to await. Both may be used for as long as the program runs.
"""

import ssl
from types import TracebackType
from typing import Self

from billing.client.answers import Page
from billing.client.async_resources import AsyncResources
from billing.client.calls import OMIT, Omit, Retries
from billing.client.problems import (
    BillingError,
    Conflict,
    FieldError,
    Forbidden,
    InvalidRequest,
    NoAnswer,
    NotFound,
    Problem,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnreadableAnswer,
)
from billing.client.resources import Resources
from billing.client.webhooks import NotAuthentic, verify_webhook
from billing.client.wire import SECONDS, AsyncWire, Wire

__all__ = [
    "OMIT",
    "AsyncBilling",
    "Billing",
    "BillingError",
    "Conflict",
    "FieldError",
    "Forbidden",
    "InvalidRequest",
    "NoAnswer",
    "NotAuthentic",
    "NotFound",
    "Omit",
    "Page",
    "Problem",
    "Retries",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "UnreadableAnswer",
    "verify_webhook",
]


class Billing(Resources):
    """The billing API at ``base_url``: each call is sent for ``seconds`` at most, and again as ``retries`` say.

    ``tls`` is for an API with a certificate of your own: ``ssl.create_default_context(cafile="own.pem")``. The URL is
    https, or of this machine, unless ``allow_http`` says that nobody else reads the network in between.

    :raises ValueError: ``base_url`` or ``api_key`` cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        seconds: float = SECONDS,
        retries: Retries | None = None,
        tls: ssl.SSLContext | None = None,
        allow_http: bool = False,
    ) -> None:
        self._wire = Wire(base_url, api_key, seconds, retries or Retries(), tls, http=allow_http)
        super().__init__(self._wire)

    def close(self) -> None:
        """Close all connections."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncBilling(AsyncResources):
    """As :class:`Billing`, with calls to await."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        seconds: float = SECONDS,
        retries: Retries | None = None,
        tls: ssl.SSLContext | None = None,
        allow_http: bool = False,
    ) -> None:
        self._wire = AsyncWire(base_url, api_key, seconds, retries or Retries(), tls, http=allow_http)
        super().__init__(self._wire)

    async def close(self) -> None:
        """Close all connections."""
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()
