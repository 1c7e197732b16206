"""Events: which fields each type carries, and when its delivery is due.

Checkout.com's event pages differ in small ways (``timestamp`` or ``created_on``, no reference on
refund_pending, no action on pending, 0 to 7 fractional digits); a receiver must live with them.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from billing.sandbox.codes import partner_code, summary
from billing.sandbox.demands.foreign import make_foreign_event
from billing.sandbox.demands.withholding import event_data_told
from billing.sandbox.instants import render
from billing.sandbox.records import Action, Event, Payment
from billing.sandbox.workflows.dispatch import dispatch
from billing.sandbox.world import World

VERSION: Final = "1.0.29"

#: A type that Checkout.com does not have, for receivers that must ignore what they do not know.
UNKNOWN: Final = "payment_reviewed"

_MONEY: Final = "action_id reference amount currency"
_ANSWER: Final = "response_code response_summary"
_BOOKED: Final = f"{_ANSWER} balances metadata processing event_links"
_REFUSED: Final = f"customer payment_type processed_on {_ANSWER} processing risk source metadata"

#: Type → (name of its instant, fields of its data besides id).
SHAPES: Final[dict[str, tuple[str, str]]] = {
    "payment_pending": ("timestamp", "reference amount currency processed_on metadata"),
    "payment_capture_pending": ("timestamp", f"{_MONEY} processed_on metadata"),
    "payment_captured": ("timestamp", f"{_MONEY} processed_on {_BOOKED}"),
    "payment_declined": ("created_on", f"{_MONEY} {_REFUSED}"),
    "payment_expired": ("timestamp", f"{_MONEY} processed_on metadata"),
    "payment_canceled": ("timestamp", f"{_MONEY} processed_on"),
    "payment_refund_pending": ("timestamp", "action_id amount currency processed_on"),
    "payment_refunded": ("created_on", f"{_MONEY} {_BOOKED}"),
    "payment_refund_declined": ("created_on", f"{_MONEY} {_BOOKED}"),
    "payment_approved": ("created_on", f"{_MONEY} processed_on {_ANSWER} metadata processing source"),
    "payment_voided": ("timestamp", f"{_MONEY} processed_on {_ANSWER} metadata"),
    "payment_capture_declined": ("created_on", f"{_MONEY} processed_on {_BOOKED}"),
    "payment_returned": ("timestamp", f"{_MONEY} processed_on {_BOOKED}"),
    "payment_retry_scheduled": ("created_on", f"{_MONEY} {_REFUSED} retry"),
    UNKNOWN: ("timestamp", "reference amount currency"),
}

#: Type → the type that announced it.
_ENDS: Final = {"payment_captured": "payment_capture_pending", "payment_refunded": "payment_refund_pending"}


def emit(world: World, payment: Payment, event_type: str, action: Action | None = None) -> None:
    """Record that something happened to a payment, and arrange its delivery."""
    payment.events += 1
    subject = (payment.wallet, payment.ordinal, payment.events)
    now = world.clock.now()
    event_id = world.dice.name("evt", *subject)
    digits = world.dice.between(0, 7, "event-digits", *subject)
    body = make_body(world, payment, action, _told_id(world, payment, event_type) or event_id, event_type, digits)
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    event = Event(event_id, event_type, payment.id, payment.events, now, text)
    world.keep_event(event)
    dispatch(world, event, subject)
    unknown = world.dice.hits(world.faults.webhook_unknown_type, "webhook_unknown_type", *subject)
    if unknown and event_type != UNKNOWN:
        emit(world, payment, UNKNOWN)
    if "foreign-events" in world.profiles:
        foreign = make_foreign_event(world)
        world.keep_event(foreign)
        dispatch(world, foreign, (foreign.type, 0, foreign.ordinal))


def _told_id(world: World, payment: Payment, event_type: str) -> str:
    """Under the profile ``shared-event-id`` the id of the pending event that this one ends; else nothing."""
    begun = _ENDS.get(event_type)
    if begun is None or "shared-event-id" not in world.profiles:
        return ""
    names = [world.dice.name("evt", payment.wallet, payment.ordinal, n) for n in range(payment.events - 1, 0, -1)]
    return next((each for each in names if world.events[each].type == begun), "")


def make_body(
    world: World, payment: Payment, action: Action | None, event_id: str, event_type: str, digits: int
) -> dict[str, Any]:
    """Return an event as its type's page shows it; its instant has so many fractional digits, 0 to 7."""
    instant_name, names = SHAPES[event_type]
    instant = render(world.clock.now(), digits, zone="+00:00" if instant_name == "timestamp" else "Z")
    data: dict[str, Any] = {"id": payment.id}
    for name in names.split():
        data[name] = _FIELDS[name](payment, action)
    data.update({"processed_on": render(world.clock.now(), 7)} if "processed_on" in data else {})
    data = event_data_told(world.profiles, payment, event_type, data)
    if world.faults.unknown_fields:
        data["new_field"] = {"nested": [None, 1]}
    payment_url = f"{world.base_url}/payments/{payment.id}"
    return {
        "id": event_id,
        "type": event_type,
        "source": "gateway",
        "version": VERSION,
        instant_name: instant,
        "data": data,
        "_links": {
            "self": {"href": f"{world.base_url}/workflows/events/{event_id}"},
            "subject": {"href": f"{world.base_url}/workflows/events/subject/{payment.id}"},
            "payment": {"href": payment_url},
            "payment_actions": {"href": f"{payment_url}/actions"},
        },
    }


def _amount(payment: Payment, action: Action | None) -> int:
    return payment.amount if action is None else action.amount


def _reference(payment: Payment, action: Action | None) -> str:
    return payment.reference if action is None or action.reference is None else action.reference


def _metadata(payment: Payment, action: Action | None) -> dict[str, Any]:
    own = None if action is None else action.metadata
    return own or payment.echo.get("metadata") or {}


def _code(_payment: Payment, action: Action | None) -> str | None:
    return None if action is None else action.response_code


def _summary(payment: Payment, action: Action | None) -> str | None:
    code = _code(payment, action)
    return None if code is None else summary(code)


def balances(payment: Payment) -> dict[str, int]:
    """Minor units; refunds still open are not yet refunded, but no longer available."""
    authorized = payment.amount if payment.status in {"Authorized", "Voided"} else payment.captured
    return {
        "total_authorized": authorized,
        "total_voided": payment.amount if payment.status == "Voided" else 0,
        "available_to_void": 0,
        "total_captured": payment.captured,
        "available_to_capture": payment.amount if payment.status == "Authorized" else 0,
        "total_refunded": payment.refunded,
        "available_to_refund": payment.refundable,
    }


def processing(payment: Payment, action: Action | None = None) -> dict[str, Any]:
    """What the wallet network said, in the fields the official SDKs know."""
    code = payment.response_code if action is None else action.response_code
    partner = partner_code(code) if code else None
    if partner:
        return {"partner_error_codes": [partner], "partner_response_code": partner}
    return {"partner_customer_id": f"2102209{payment.ordinal:014d}"} if payment.captured else {}


def source(payment: Payment) -> dict[str, str]:
    """``source.id`` shows for recurring payments only."""
    return {"type": "kakaopay"} if payment.source_id is None else {"id": payment.source_id, "type": "kakaopay"}


_FIELDS: Final[dict[str, Callable[[Payment, Action | None], Any]]] = {
    "action_id": lambda _payment, action: None if action is None else action.id,
    "reference": _reference,
    "amount": _amount,
    "currency": lambda payment, _: payment.currency,
    "customer": lambda payment, _: payment.echo.get("customer"),
    "payment_type": lambda payment, _: payment.payment_type,
    "processed_on": lambda _payment, _action: None,
    "response_code": _code,
    "response_summary": _summary,
    "balances": lambda payment, _: balances(payment),
    "metadata": _metadata,
    "processing": processing,
    "risk": lambda _payment, _action: {"flagged": False},
    "source": lambda payment, _: source(payment),
    "retry": lambda payment, _action: payment.echo.get("retry"),
    "event_links": lambda _payment, _action: {},
}
