"""Checkout.com over HTTP: a batch of requests in, outcomes out.

The one asynchronous island: an event loop in a thread keeps many requests in
flight; everything around it is synchronous.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx2

from billing.domain.charging import (
    Accepted,
    Found,
    GatewayPayment,
    LookUp,
    Outcome,
    PaymentStatus,
    RefundLookUp,
    RefundOutcome,
    RefundsFound,
    RevocationOutcome,
    Search,
)
from billing.domain.charging import Unreadable as UnreadableLookUp
from billing.domain.disputes import DisputeAnswer
from billing.gateway.auth import Authorization, NoToken
from billing.gateway.classify import payment_outcome, payments_in, refund_outcome, revocation_outcome
from billing.gateway.disputes import dispute_outcome, dispute_path, list_outcome, list_path
from billing.gateway.headers import API
from billing.gateway.http import Exchange, NeverLeft, Reply, exchange, open_transport
from billing.gateway.limiter import RateLimiter
from billing.gateway.messages import (
    AS_ON_THE_PAGE,
    SeriesFields,
    Unreadable,
    decline_code,
    payment_body,
    read_json,
    read_payment,
    read_refunds,
    refund_body,
)
from billing.gateway.observing import GatewayObserver, Unobserved, class_of
from billing.gateway.port import Health, PaymentRequest, RefundRequest
from billing.gateway.searching import SEARCH_PATH, search_body, search_outcome

T = TypeVar("T")
A = TypeVar("A", bound=Outcome | RefundOutcome | RevocationOutcome | LookUp | RefundLookUp | DisputeAnswer)
_PAGE: Final = 100
# Linux's usual one stands still while the machine sleeps.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_TOO_LATE: Final = NeverLeft("its turn came too late")


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """How hard the gateway may be pressed. Rates are per second and per process."""

    in_flight: int = 128
    writes_per_second: float = 80
    reads_per_second: float = 80
    answer_seconds: float = 20
    batch_seconds: float = 60
    """A request that has not left this long after it was written down is not sent at all."""


class CheckoutGateway:
    """A client that many threads may use. Close it, or use it as a context manager."""

    def __init__(
        self,
        base_url: str,
        authorization: Authorization,
        processing_channel_id: str,
        limits: GatewayLimits,
        observer: GatewayObserver | None = None,
        *,
        series: SeriesFields = AS_ON_THE_PAGE,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._authorization = authorization
        self._channel = processing_channel_id
        self._series = series
        self._limits = limits
        self._observer = observer or Unobserved()
        self._writes = RateLimiter(limits.writes_per_second)
        self._reads = RateLimiter(limits.reads_per_second)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._transport: httpx2.AsyncBaseTransport | None = None
        self._starting = threading.Lock()

    def payments_in(self, seconds: float) -> int:
        """Return how many payments may leave in so many seconds, at least one."""
        return max(1, int(self._writes.rate(time.monotonic()) * seconds))

    def moment(self) -> float:
        """Return the time in seconds, for ``since``: it only grows, also while the machine sleeps where it can tell."""
        return _seconds()

    def create_payments(self, requests: Sequence[PaymentRequest], *, since: float | None = None) -> list[Outcome]:
        """Send payments and return what each answer proves, in the same order.

        ``since`` is the :meth:`moment` before they were written down, by default now. A sender that stood still for
        too long after it must not send any more: others look for its payments by then, and send them again.
        """

        async def create(request: PaymentRequest) -> Outcome:
            body = payment_body(request, self._channel, self._series)
            answer = await self._write("create_payment", "/payments", body, request.idempotency_key, send_by)
            outcome = payment_outcome(request, answer)
            return Accepted(await self._with_code(outcome.payment)) if isinstance(outcome, Accepted) else outcome

        send_by = self._send_by(since)
        return self._in_parallel("create_payment", create, requests)

    def create_refunds(self, requests: Sequence[RefundRequest], *, since: float | None = None) -> list[RefundOutcome]:
        """Ask for refunds and return what each answer proves, in the same order; ``since`` as for payments."""

        async def create(request: RefundRequest) -> RefundOutcome:
            path = f"/payments/{quote(request.payment_id, safe='')}/refunds"
            answer = await self._write("create_refund", path, refund_body(request), request.idempotency_key, send_by)
            return refund_outcome(request, answer)

        send_by = self._send_by(since)
        return self._in_parallel("create_refund", create, requests)

    def find_by_reference(self, references: Sequence[str], *, with_codes: bool = True) -> list[LookUp]:
        """Return every payment with each reference. Eventually consistent: absent once is no proof.

        Why a payment was declined may take a read of its own; not ``with_codes``, that is not asked.
        """

        async def find(reference: str) -> LookUp:
            path = f"/payments?reference={quote(reference, safe='')}&limit={_PAGE}&skip=0"
            return await self._read_list("find_by_reference", path, with_codes=with_codes)

        return self._in_parallel("find_by_reference", find, references)

    def search_payments(self, since: datetime, until: datetime, *, limit: int, following: str | None = None) -> Search:
        """Return a page of all payments of the account that were requested in a window (UTC, both ends included).

        ``following`` is what the page before told. Without the scope ``payments:search`` it is refused.
        """
        call = "search_payments"
        if following is None:
            asked = self._send(call, "POST", SEARCH_PATH, search_body(since, until, limit), {}, self._reads)
        else:
            asked = self._read(call, following)
        told = search_outcome(self._run(asked), self._base_url)
        self._observer.answered(call, class_of(told))
        return told

    def list_disputes(self, since: datetime, *, limit: int, skip: int = 0) -> DisputeAnswer:
        """Return a page of all disputes of the account that changed at ``since`` (UTC) or later.

        ``skip`` is what the page before told. Without the scope ``disputes:view`` it is refused.
        """
        call = "list_disputes"
        told = list_outcome(self._run(self._read(call, list_path(since, limit, skip))), limit, skip)
        self._observer.answered(call, class_of(told))
        return told

    def find_disputes(self, dispute_ids: Sequence[str]) -> list[DisputeAnswer]:
        """Return each dispute. A 404 proves nothing."""

        async def find(dispute_id: str) -> DisputeAnswer:
            return dispute_outcome(await self._read("find_disputes", dispute_path(dispute_id)))

        return self._in_parallel("find_disputes", find, dispute_ids)

    def find_by_id(self, payment_ids: Sequence[str]) -> list[LookUp]:
        """Return each payment. A 404 proves nothing (eventual consistency)."""

        async def find(payment_id: str) -> LookUp:
            answer = await self._read("find_by_id", f"/payments/{quote(payment_id, safe='')}")
            return await self._look_up(answer, lambda body: (read_payment(body),), with_codes=True)

        return self._in_parallel("find_by_id", find, payment_ids)

    def find_refunds(self, payment_ids: Sequence[str]) -> list[RefundLookUp]:
        """Return the refunds of each payment, from its actions."""

        async def find(payment_id: str) -> RefundLookUp:
            answer = await self._read("find_refunds", f"/payments/{quote(payment_id, safe='')}/actions")
            if not isinstance(answer, Reply) or answer.status != 200:
                not_found = isinstance(answer, Reply) and answer.status == 404
                return UnreadableLookUp(_why(answer), not_found=not_found)
            try:
                return RefundsFound(read_refunds(read_json(answer.body)))
            except Unreadable as error:
                return UnreadableLookUp(str(error))

        return self._in_parallel("find_refunds", find, payment_ids)

    def revoke_sources(self, source_ids: Sequence[str]) -> list[RevocationOutcome]:
        """Tell the gateway that each of these sources must never be charged again."""

        async def revoke(source_id: str) -> RevocationOutcome:
            path = f"/instruments/{quote(source_id, safe='')}/revoke"
            return revocation_outcome(await self._send("revoke_source", "PATCH", path, b"", {}, self._writes))

        return self._in_parallel("revoke_source", revoke, source_ids)

    def check_health(self) -> Health:
        """Ask a harmless question and tell whether the gateway is there, knows us, and agrees on the time."""
        answer = self._run(self._read("check_health", "/payments?reference=health-check&limit=1&skip=0"))
        if not isinstance(answer, Reply):
            reachable = isinstance(answer, NeverLeft) and answer.set_up
            scopes = self._run(self._refused_scopes()) if reachable else ()
            return Health(reachable, authorised=False, detail=answer.reason, refused_scopes=scopes)
        return Health(True, answer.status == 200, f"HTTP {answer.status}", _skew(answer.date))

    async def _refused_scopes(self) -> tuple[str, ...]:
        return await self._authorization.refused_scopes(self._transport or self._open())

    def close(self) -> None:
        """Close connections and end the loop's thread."""
        with self._starting:
            loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        if self._transport is not None:
            asyncio.run_coroutine_threadsafe(self._transport.aclose(), loop).result(timeout=5)
            self._transport = None
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(timeout=5)
        loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        with self._starting:
            if self._loop is None:
                self._loop = _new_event_loop()
                self._slots = asyncio.Semaphore(self._limits.in_flight)
                self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)
                self._thread.start()
            loop = self._loop
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    def _send_by(self, since: float | None) -> float:
        return (self.moment() if since is None else since) + self._limits.batch_seconds

    def _in_parallel(self, call: str, act: Callable[[T], Awaitable[A]], items: Sequence[T]) -> list[A]:
        async def all_of_them() -> list[A]:
            async def one(item: T) -> A:
                async with self._slots:
                    answer = await act(item)
                self._observer.answered(call, class_of(answer))
                return answer

            return list(await asyncio.gather(*(one(item) for item in items)))

        return self._run(all_of_them()) if items else []

    async def _write(self, call: str, path: str, body: bytes, key: str, send_by: float) -> Exchange:
        headers = {"Cko-Idempotency-Key": key}
        return await self._send(call, "POST", path, body, headers, self._writes, send_by=send_by)

    async def _read(self, call: str, path: str) -> Exchange:
        return await self._send(call, "GET", path, None, {}, self._reads)

    async def _send(
        self,
        call: str,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        limiter: RateLimiter,
        *,
        send_by: float | None = None,
    ) -> Exchange:
        transport = self._transport or self._open()
        answer, again = await self._send_once(transport, call, method, path, body, headers, limiter, send_by)
        if again:
            answer, _ = await self._send_once(transport, call, method, path, body, headers, limiter, send_by)
        return answer

    async def _send_once(
        self,
        transport: httpx2.AsyncBaseTransport,
        call: str,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        limiter: RateLimiter,
        send_by: float | None,
    ) -> tuple[Exchange, bool]:
        """Return the answer, and whether our token was turned away so that a new one may help."""
        await limiter.wait()
        if self._is_over(send_by):
            return _TOO_LATE, False
        try:
            bearer = await self._authorization.header(transport)
        except NoToken as error:
            return NeverLeft(str(error), set_up=error.set_up), False
        if self._is_over(send_by):
            return _TOO_LATE, False
        sent = {"Authorization": bearer, **API, **headers}
        began = time.monotonic()
        url = f"{self._base_url}{path}"
        answer = await exchange(transport, method, url, headers=sent, body=body, seconds=self._limits.answer_seconds)
        self._observer.exchanged(call, time.monotonic() - began)
        status = answer.status if isinstance(answer, Reply) else None
        if status == 429:
            limiter.turned_away(time.monotonic())
        return answer, status == 401 and self._authorization.forget(bearer)

    def _is_over(self, send_by: float | None) -> bool:
        return send_by is not None and self.moment() > send_by

    def _open(self) -> httpx2.AsyncBaseTransport:
        self._transport = open_transport(self._limits.in_flight)
        return self._transport

    async def _read_list(self, call: str, path: str, *, with_codes: bool) -> LookUp:
        def read(body: Any) -> tuple[GatewayPayment, ...]:
            payments = payments_in(body)
            total = body.get("total_count")
            if isinstance(total, int) and total > len(payments):
                raise Unreadable(f"the list shows {len(payments)} of {total} payments")
            return payments

        return await self._look_up(await self._read(call, path), read, with_codes=with_codes)

    async def _look_up(
        self, answer: Exchange, read: Callable[[Any], tuple[GatewayPayment, ...]], *, with_codes: bool
    ) -> LookUp:
        if not isinstance(answer, Reply) or answer.status != 200:
            return UnreadableLookUp(_why(answer), not_found=isinstance(answer, Reply) and answer.status == 404)
        try:
            payments = read(read_json(answer.body))
            return Found(tuple([await self._with_code(each) for each in payments]) if with_codes else payments)
        except Unreadable as error:
            return UnreadableLookUp(str(error))

    async def _with_code(self, payment: GatewayPayment) -> GatewayPayment:
        """Return a payment with the best reason that can be had, if it was declined.

        A decline is a decline: whether its actions can be read or not changes the reason, and nothing else.
        """
        if payment.status is not PaymentStatus.DECLINED or payment.response_code is not None:
            return payment
        answer = await self._read("find_decline", f"/payments/{quote(payment.id, safe='')}/actions")
        code = None
        if isinstance(answer, Reply) and answer.status == 200:
            with suppress(Unreadable):
                code = decline_code(read_json(answer.body))
        return replace(payment, response_code=code or payment.partner_code)


def _new_event_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":  # where there is no uvloop
        return asyncio.new_event_loop()
    import uvloop  # noqa: PLC0415 - as above

    return uvloop.new_event_loop()


def _seconds() -> float:
    return time.clock_gettime(_CLOCK)


def _why(answer: Exchange) -> str:
    return f"HTTP {answer.status}" if isinstance(answer, Reply) else answer.reason


def _skew(date: str | None) -> float | None:
    """Return how many seconds this machine's clock is ahead of a ``Date`` header, or None if it tells no time."""
    try:
        theirs = parsedate_to_datetime(date or "")
    except (ValueError, OverflowError):
        return None
    if theirs.tzinfo is None:  # "-0000" is UTC of unknown origin
        theirs = theirs.replace(tzinfo=UTC)
    ours = datetime.now(UTC)  # noqa: TID251 - the machine's clock itself is what is compared, never engine time
    return (ours - theirs).total_seconds()
