"""Which fault strikes a request: at most one, thrown for by the seed in a fixed order."""

from typing import Final

from billing.sandbox.call import Reply
from billing.sandbox.instants import seconds
from billing.sandbox.world import World

#: Struck before anything is processed.
_BEFORE: Final = ("unauthorized_401_empty", "rate_limit_429", "unprocessed_502", "unprocessed_timeout")
#: Processed, and then the answer goes wrong.
_AFTER: Final = (
    "processed_500", "processed_timeout", "drip_body", "endless_body", "garbage_json", "truncated_body",
)  # fmt: skip
_READ: Final = (
    "read_unauthorized_401_empty", "read_rate_limit_429", "read_404", "read_502", "read_500", "read_timeout",
    "read_drip_body", "read_endless_body", "read_garbage_json", "read_truncated_body", "read_stale",
    "read_unknown_status",
)  # fmt: skip

_HTML: Final = {"Content-Type": "text/html"}

#: Faults that answer instead of the gateway with nothing but a status. 504 is only logged: nobody sees it.
_INSTEAD: Final = {
    "outage": 503,
    "unauthorized_401_empty": 401,
    "read_unauthorized_401_empty": 401,
    "unprocessed_timeout": 504,
    "read_timeout": 504,
    "read_404": 404,
    "read_500": 500,
}


def throw(world: World, *, writes: bool, name: str, subject: tuple[str | int, ...]) -> str:
    """The fault that strikes this request, or none: a pure function of seed, faults and subject."""
    faults, dice = world.faults, world.dice
    if faults.outage:
        return "outage"
    if writes and faults.rate_limit_burst > 0:
        window = world.clock.now() // seconds(faults.rate_limit_burst_seconds)
        if dice.hits(faults.rate_limit_burst, "rate_limit_burst", window):
            return "rate_limit_429"
    for fault in (*_BEFORE, *_AFTER) if writes else _READ:
        if dice.hits(getattr(faults, fault), fault, name, *subject):
            return fault
    return ""


def instead(world: World, fault: str) -> Reply | None:
    """The answer of a fault that keeps the request from being processed; None for all others."""
    if fault in {"unprocessed_502", "read_502"}:
        return Reply(502, "<html><body><h1>502 Bad Gateway</h1></body></html>", _HTML)
    if fault in {"rate_limit_429", "read_rate_limit_429"}:
        retry_after = world.faults.retry_after
        return Reply(429, None, {} if retry_after is None else {"Retry-After": retry_after})
    return Reply(_INSTEAD[fault]) if fault in _INSTEAD else None


def manner(fault: str) -> str:
    """How the answer is sent: timeout, drip, endless, garbage, truncated, or plainly."""
    for word in ("timeout", "drip", "endless", "garbage", "truncated"):
        if word in fault:
            return word
    return ""
