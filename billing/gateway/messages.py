"""Checkout.com's JSON: strict on the way out, lenient on the way in.

What is unknown is read as *open*: an unknown status must never become a failure
(Checkout.com adds statuses, events and fields without a version).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from billing.domain.charging import GatewayPayment, GatewayRefund, PaymentStatus, RefundStatus
from billing.domain.declines import best_reason, is_response_code
from billing.gateway.port import Payer, PaymentRequest, RefundRequest, SubscriberPresent

T = TypeVar("T")
_AUTHORISED: Final = ("Authorized", "Partially Authorized")
"""Open, and the money is held for it."""
_STATUSES: Final[Mapping[str, PaymentStatus]] = {
    "Captured": PaymentStatus.CAPTURED,
    "Partially Refunded": PaymentStatus.CAPTURED,
    "Refunded": PaymentStatus.CAPTURED,
    "Declined": PaymentStatus.DECLINED,
    "Expired": PaymentStatus.EXPIRED,
    "Canceled": PaymentStatus.CANCELED,
    "Voided": PaymentStatus.CANCELED,
    "Returned": PaymentStatus.RETURNED,
    "Partially Captured": PaymentStatus.UNCLEAR,
    "Paid": PaymentStatus.UNCLEAR,
    **dict.fromkeys(_AUTHORISED, PaymentStatus.OPEN),
    **dict.fromkeys(("Pending", "Requested", "Active", "Retry Scheduled"), PaymentStatus.OPEN),
    **dict.fromkeys(("Card Verified", "Authentication Requested"), PaymentStatus.OPEN),
}
_TELLS_WHAT_WAS_CAPTURED: Final = (PaymentStatus.CAPTURED, PaymentStatus.RETURNED, PaymentStatus.UNCLEAR)
_NETWORKS_OWN: Final = ("partner_response_code", "partner_code")
"""Fields of ``processing`` in which the wallet network's own code may stand, beside the list of its errors."""
_LONGEST_ID: Final = 100
_LONGEST_STATUS: Final = 32
_MOST_CODES, _LONGEST_CODE = 5, 80


class Unreadable(ValueError):
    """The body is not what Checkout.com documents."""


@dataclass(frozen=True, slots=True)
class SeriesFields:
    """Fields that mark the payments of a series, and whether they are sent.

    The official SDKs ask for them, the KakaoPay page leaves them out, and neither says what KakaoPay wants.
    """

    merchant_initiated: bool = False
    previous_payment_id: bool = False


AS_ON_THE_PAGE: Final = SeriesFields()
"""None of them: as on the KakaoPay page."""


def payment_body(request: PaymentRequest, processing_channel_id: str, series: SeriesFields) -> bytes:
    """Return the body of ``POST /payments`` (Checkout.com KakaoPay page); amounts in minor units."""
    item = {"name": request.item, "reference": request.item_reference, "quantity": 1}
    body: dict[str, object] = {
        "source": {"type": "id", "id": request.source_id} if request.present is None else {"type": "kakaopay"},
        "amount": request.amount.minor,
        "currency": request.amount.currency,
        "payment_type": "Recurring",
        "reference": request.reference,
        "capture": True,
        "processing_channel_id": processing_channel_id,
        "customer": _customer(request.payer),
        "shipping": {"address": {"country": request.payer.country}},
        "items": [{**item, "unit_price": request.amount.minor}],
        **_series(request, series),
    }
    if request.present is not None:
        body |= _presence(request.present)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _customer(payer: Payer) -> dict[str, str]:
    # Without its id Checkout.com may make a customer of each payment.
    if payer.gateway_id is not None:
        return {"id": payer.gateway_id}
    return {"name": payer.name, "email": payer.email}


def _series(request: PaymentRequest, series: SeriesFields) -> dict[str, object]:
    told: dict[str, object] = {}
    if series.merchant_initiated:
        told["merchant_initiated"] = request.present is None
    if series.previous_payment_id and request.present is None and request.previous_payment_id is not None:
        told["previous_payment_id"] = request.previous_payment_id
    return told


def _presence(present: SubscriberPresent) -> dict[str, object]:
    terminal = {"terminal_type": present.terminal_type}
    if present.os_type is not None:
        terminal["os_type"] = present.os_type
    return {"processing": terminal, "success_url": present.success_url, "failure_url": present.failure_url}


def refund_body(request: RefundRequest) -> bytes:
    """Return the body of a refund; amount in minor units of the captured currency."""
    return json.dumps({"amount": request.amount.minor, "reference": request.reference}).encode()


def read_json(raw: bytes) -> Any:
    """Parse a body that came from outside.

    :raises Unreadable: not JSON, not UTF-8, NaN or Infinity, a key twice, or nested too deeply.
    """
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_key_twice)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not readable as JSON ({type(error).__name__})") from None


def read_payment(body: Any) -> GatewayPayment:
    """Read a payment from an answer of the gateway.

    :raises Unreadable: it has no id or no status, or what it was asked for is told in another shape:
        only what is left out, or null, is untold.
    """
    if not isinstance(body, dict):
        raise Unreadable("the payment is not an object")
    status = body.get("status")
    if not isinstance(status, str) or not status.isprintable():
        raise Unreadable("the payment has no status")
    source, customer, balances, links = (_object(body, name) for name in ("source", "customer", "balances", "_links"))
    reasons = _reasons(body)
    means = _STATUSES.get(status, PaymentStatus.OPEN)
    amount = _told(body, "amount", _integer)
    captured = _told(balances, "total_captured", _integer) if means in _TELLS_WHAT_WAS_CAPTURED else None
    if status == "Paid" and captured is not None and captured == amount:
        means = PaymentStatus.CAPTURED  # the balances prove it
    return GatewayPayment(
        id=_id(body.get("id")),
        status=means,
        raw_status=status[:_LONGEST_STATUS],
        reference=_told(body, "reference", _text),
        amount_minor=amount,
        currency=_told(body, "currency", _currency),
        source_id=_text(source.get("id"), longest=_LONGEST_ID),
        customer_id=_text(customer.get("id"), longest=_LONGEST_ID),
        response_code=next(filter(is_response_code, reasons), None),
        partner_code=best_reason(reasons),
        captured_minor=captured,
        refunded_minor=_integer(balances.get("total_refunded")),
        redirect_url=_text(_object(links, "redirect").get("href"), longest=4000),
        requested_on=read_instant(body.get("requested_on")),
        channel_id=_text(body.get("processing_channel_id"), longest=_LONGEST_ID),
        method=_text(source.get("type"), longest=_LONGEST_ID),
        is_authorised=status in _AUTHORISED,
    )


def _reasons(body: dict[str, Any]) -> list[str]:
    """Return what a payment tells of why it was declined, the most precise first.

    ``processing`` carries such codes since May 2026 (official SDKs): the wallet network's own, and ``failure_code``,
    which may be no more than a coarse word of the provider.
    """
    processing = _object(body, "processing")
    errors = processing.get("partner_error_codes")
    networks = [*map(processing.get, _NETWORKS_OWN), *(errors[:_MOST_CODES] if isinstance(errors, list) else ())]
    told = [body.get("response_code"), *networks, processing.get("failure_code")]
    return [reason for reason in map(_text, told) if reason is not None]


def read_refunds(body: Any) -> tuple[GatewayRefund, ...]:
    """Read the refunds among a payment's actions. ``approved`` is null until a refund is decided."""
    return tuple(
        GatewayRefund(
            action_id=_id(action.get("id")),
            status=_refund_status(action),
            reference=_text(action.get("reference")),
            amount_minor=_integer(action.get("amount")),
            response_code=_text(action.get("response_code")),
        )
        for action in actions_of(body)
        if action.get("type") == "Refund"
    )


def decline_code(body: Any) -> str | None:
    """Return the response code of the newest action that was not approved, or None. Of a refund it says nothing."""
    for action in actions_of(body):
        of_payment = action.get("type") != "Refund" and action.get("approved") is False
        if of_payment and _text(action.get("response_code")):
            return _text(action.get("response_code"))
    return None


def actions_of(body: Any) -> list[dict[str, Any]]:
    """Return the action objects of ``GET /payments/{id}/actions``, newest first.

    :raises Unreadable: the answer is not a list.
    """
    if not isinstance(body, list):
        raise Unreadable("the actions are not a list")
    return [action for action in body if isinstance(action, dict)]


def error_codes(body: Any) -> tuple[str, ...] | None:
    """Return the first ``error_codes`` of an error body, or None when it is not one Checkout.com documents."""
    if not isinstance(body, dict) or not isinstance(body.get("error_type"), str):
        return None
    codes = body.get("error_codes", [])
    if not isinstance(codes, list):
        return None
    readable = [code[:_LONGEST_CODE] for code in codes if isinstance(code, str) and code.isprintable()]
    return tuple(readable[:_MOST_CODES])


def read_instant(text: object) -> datetime | None:
    """Read an instant with 0 to 7 fractional digits and ``Z`` or an offset; None when it is none."""
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):  # the offset may lead out of the years 1 to 9999
        return None


def _refund_status(action: dict[str, Any]) -> RefundStatus:
    match action.get("approved"):
        case True:
            return RefundStatus.SUCCEEDED
        case False:
            return RefundStatus.DECLINED
        case _:
            return RefundStatus.OPEN


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _id(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID or not value.isprintable():
        raise Unreadable("it has no id")
    return value


def _told(body: dict[str, Any], name: str, read: Callable[[object], T | None]) -> T | None:
    """Return what an answer tells under a name, or None when it does not tell it.

    :raises Unreadable: it tells something else than it should; to take that for untold would skip a comparison.
    """
    value = body.get(name)
    if value is None:
        return None
    found = read(value)
    if found is None:
        raise Unreadable(f"its {name} is not readable")
    return found


def _text(value: object, longest: int = 200) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable() else None


def _currency(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) == 3 and value.isprintable() else None


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**12 else None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found
