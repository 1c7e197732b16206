"""Which of the four answers an HTTP exchange is. What proves nothing is unknown."""

from typing import Any, Final

from billing.domain.charging import (
    Accepted,
    GatewayPayment,
    NotSent,
    Outcome,
    RefundAccepted,
    RefundOutcome,
    Refused,
    RevocationOutcome,
    Revoked,
    Unknown,
)
from billing.gateway.http import Exchange, NeverLeft, NoAnswer, Reply
from billing.gateway.messages import Unreadable, error_codes, read_json, read_payment
from billing.gateway.port import PaymentRequest, RefundRequest

_NO_SUCH_SOURCE: Final = ("source_id_unknown", "instrument_not_found", "resource_not_found")


def payment_outcome(request: PaymentRequest, exchange: Exchange) -> Outcome:
    """Return what an answer to ``POST /payments`` proves."""
    refused = _not_accepted(exchange, sent_before=request.sent_before)
    if refused is not None:
        return refused
    try:
        payment = read_payment(_body(exchange))
    except Unreadable as error:
        return Unknown(f"HTTP {_status(exchange)}, but {error}")
    # An answer about something else proves nothing about this request: only a look-up tells.
    if payment.reference not in (None, request.reference):
        return Unknown("the answer is about another reference")
    if payment.amount_minor not in (None, request.amount.minor) or payment.currency not in (
        None,
        request.amount.currency,
    ):
        return Unknown("the answer tells another amount")
    return Accepted(payment)


def refund_outcome(request: RefundRequest, exchange: Exchange) -> RefundOutcome:
    """Return what an answer to a refund request proves."""
    if isinstance(exchange, Reply) and exchange.status == 403:
        # With an error body it is about this refund (too large, too late), not about our key.
        forbidden = _refused(exchange, 403)
        if isinstance(forbidden, Refused):
            return forbidden
    refused = _not_accepted(exchange, sent_before=request.sent_before)
    if refused is not None:
        return refused
    try:
        body = _body(exchange)
    except Unreadable as error:
        return Unknown(f"HTTP {_status(exchange)}, but {error}")
    action = body.get("action_id") if isinstance(body, dict) else None
    if not isinstance(action, str) or not action:
        return Unknown(f"HTTP {_status(exchange)}, but it has no action_id")
    return RefundAccepted(action[:100])


def revocation_outcome(exchange: Exchange) -> RevocationOutcome:
    """Return what an answer to the revocation of a source proves. Asking again is safe.

    Of the key we know that it opens this address, so a 404 is about the source. No error code is documented for one
    that was revoked before: one that says so, or that the source is unknown, is believed.
    """
    if isinstance(exchange, Reply) and exchange.status in (404, 410):
        return Revoked("not known there")
    told = _not_accepted(exchange, sent_before=False)
    if told is None:
        return Revoked()
    if isinstance(told, Refused) and any("revoked" in code or code in _NO_SUCH_SOURCE for code in told.codes):
        return Revoked("revoked before")
    return told


def payments_in(body: Any) -> tuple[GatewayPayment, ...]:
    """Read a page of ``GET /payments``.

    :raises Unreadable: it is no page, or it holds fewer payments than it says there are.
    """
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        raise Unreadable("the list has no data")
    return tuple(read_payment(item) for item in body["data"])


def _not_accepted(exchange: Exchange, *, sent_before: bool) -> NotSent | Refused | Unknown | None:
    match exchange:
        case NeverLeft(reason, set_up):
            return NotSent(reason, stop_the_run=set_up)
        case NoAnswer(reason):
            return Unknown(reason)
        case Reply(status) if 200 <= status < 300:
            return None
        case Reply(401 | 403 | 404 as status):
            return NotSent(f"the gateway answered HTTP {status}: check keys, scopes and base URL", stop_the_run=True)
        case Reply(429):
            # Also the answer to a key that is in flight, so it proves nothing about a key sent before.
            return Unknown("HTTP 429") if sent_before else NotSent("HTTP 429: too many requests", too_fast=True)
        case Reply(400 | 422 as status):
            return _refused(exchange, status)
        case Reply(status):
            return Unknown(f"HTTP {status}")


def _refused(exchange: Reply, status: int) -> Refused | Unknown:
    try:
        codes = error_codes(read_json(exchange.body))
    except Unreadable as error:
        return Unknown(f"HTTP {status}, but {error}")
    if codes is None:
        return Unknown(f"HTTP {status} without a Checkout.com error body")
    return Refused(status, codes, exchange.request_id)


def _body(exchange: Exchange) -> Any:
    return read_json(exchange.body) if isinstance(exchange, Reply) else None


def _status(exchange: Exchange) -> int:
    return exchange.status if isinstance(exchange, Reply) else 0
