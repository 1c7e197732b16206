"""The production client, with the network taken out: what it asks goes to the fake gateway, over a faulty wire."""

import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from billing.gateway.auth import SecretKey
from billing.gateway.client import CheckoutGateway, GatewayLimits
from billing.gateway.http import Exchange, NeverLeft, NoAnswer, Reply
from billing.gateway.searching import SEARCH_PATH
from billing.store.database import _inside
from tests.simulation.checkout import Answer, Checkout
from tests.simulation.faults import READ_FAULTS, WRITE_FAULTS
from tests.simulation.process import Process

T = TypeVar("T")
R = TypeVar("R")
SECRET_KEY = "sk_sbox_canary"
CHANNEL = "pc_x"
_TIMES_OUT_AFTER = 20.0
_BROKEN: tuple[Answer, ...] = (
    (500, b""),
    (502, b"<html>"),
    (429, b""),
    (404, b""),
    (200, b'{"data":'),
    (200, b"[NaN]"),
)


class Wire(CheckoutGateway):
    """Building, reading and classifying is production code; only the exchange itself is ours."""

    def __init__(self, process: Process, checkout: Checkout) -> None:
        super().__init__("https://api.test", SecretKey(SECRET_KEY), CHANNEL, GatewayLimits())
        self._process = process
        self._checkout = checkout
        self.outage_until: datetime | None = None

    def moment(self) -> float:
        return self._checkout.clock.now.timestamp()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            work.send(None)
        except StopIteration as end:
            result: T = end.value
            return result
        raise AssertionError("nothing here may wait for an event loop")

    def _in_parallel(self, _call: str, act: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
        return [self._run(act(item)) for item in items]  # type: ignore[arg-type]

    async def _send(
        self,
        _call: str,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        _bucket: Any,
        *,
        send_by: float | None = None,
    ) -> Exchange:
        assert not _inside.get(), "a transaction is open during a network call"
        process, dice = self._process, self._process.dice
        process.point(f"asks {method} {path}")
        if self.outage_until is not None and self._checkout.clock.now < self.outage_until:
            process.scheduler.sleep(1)
            return NeverLeft("cannot connect (outage)")
        if self._is_over(send_by):
            return NeverLeft("its turn came too late")
        fault = dice.first_of(_faults_of(method, path))
        key = headers.get("Cko-Idempotency-Key")
        if path == "/payments" and body is not None and fault != "never_left":
            self._checkout.on_departure(json.loads(body), str(key))
        exchange = self._exchange(fault, method, path, body, key)
        process.point(f"is answered {_short(exchange)}")
        return exchange

    def _exchange(self, fault: str | None, method: str, path: str, body: bytes | None, key: str | None) -> Exchange:
        match fault:
            case "never_left" | "read_unreachable":
                return NeverLeft("cannot connect")
            case "lost_before":
                self._process.scheduler.sleep(_TIMES_OUT_AFTER)
                return NoAnswer("timed out")
            case "unprocessed_502":
                return _reply((502, b"<html>"))
            case "rate_limited":
                return _reply((429, b""))
            case "unauthorised":
                return _reply((401, b""))
            case "refused":
                return _reply(_refusal(self._process.dice))
            case "read_broken":
                return _reply(self._process.dice.choose(_BROKEN))
            case "processed_late":
                return self._late(method, path, body, key)
        return self._processed(fault, method, path, body, key)

    def _late(self, method: str, path: str, body: bytes | None, key: str | None) -> Exchange:
        later = self._checkout.clock.now + timedelta(seconds=self._process.dice.choose((25, 60, 120)))
        self._checkout.truth.at(
            later, lambda: void(self._checkout.finish(self._checkout.arrive(method, path, body, key)))
        )
        self._process.scheduler.sleep(_TIMES_OUT_AFTER)
        return NoAnswer("timed out")

    def _processed(self, fault: str | None, method: str, path: str, body: bytes | None, key: str | None) -> Exchange:
        fails = fault in ("processed_500", "refusal_lies")
        ticket = self._checkout.arrive(method, path, body, key)
        try:
            self._process.scheduler.sleep(self._process.dice.choose((0.1, 0.4, 1.5, 8.0)))
            self._process.point("in flight")
        finally:
            answer = self._checkout.finish(ticket, then_fails=fails, beside=fault == "refusal_lies")
        match fault:
            case "processed_500":
                return _reply((500, b""))
            case "refusal_lies":
                return _reply(_refusal(self._process.dice))
            case "lost_after":
                self._process.scheduler.sleep(_TIMES_OUT_AFTER)
                return NoAnswer("timed out")
            case "garbage":
                return _reply((answer[0], b"<html>\xff"))
            case "forged_answer":
                return _reply(_forged(answer))
            case "list_incomplete":
                return _reply(_incomplete(answer))
        return _reply(answer)


def _faults_of(method: str, path: str) -> Mapping[str, float]:
    return READ_FAULTS if method == "GET" or path == SEARCH_PATH else WRITE_FAULTS


def void(_result: object) -> None:
    return None


def _reply(answer: Answer) -> Reply:
    return Reply(answer[0], answer[1], "req", None)


def _refusal(dice: Any) -> Answer:
    code = dice.choose(("apm_service_unavailable", "currency_not_supported", "velocity_count_limit_exceeded"))
    return 422, json.dumps({"error_type": "request_invalid", "error_codes": [code]}).encode()


def _forged(answer: Answer) -> Answer:
    told = json.loads(answer[1]) if answer[0] < 300 else {}
    if "id" in told:
        told |= {"amount": 1, "currency": "KRW"}
    elif "action_id" in told:
        told["action_id"] = None
    return answer[0], json.dumps(told).encode()


def _incomplete(answer: Answer) -> Answer:
    told = json.loads(answer[1]) if answer[0] == 200 else None
    if isinstance(told, dict) and "total_count" in told:
        told["total_count"] += 1
        return 200, json.dumps(told).encode()
    return answer


def _short(exchange: Exchange) -> str:
    return str(exchange.status) if isinstance(exchange, Reply) else exchange.reason
