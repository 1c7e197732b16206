"""The acts behind ``/payments``."""

from dataclasses import replace
from typing import Any

from billing.sandbox.bodies import accepted, actions, created, details
from billing.sandbox.call import Call, Refused, Reply
from billing.sandbox.checks import is_text, is_whole
from billing.sandbox.demands import withholding
from billing.sandbox.placing import place_payment, wallet_key
from billing.sandbox.records import Payment
from billing.sandbox.refunds import accept_refund
from billing.sandbox.searching.values import query_number
from billing.sandbox.world import World

_LIMIT_MAX = 100


def request_payment(world: World, call: Call) -> Reply:
    """``POST /payments``: 202 Pending for KakaoPay (201 under the profile ``answers-201``), or refused."""
    payment = place_payment(world, call)
    at_once = "answers-201" in world.profiles
    answer = created(payment, call.base_url) if at_once else accepted(payment, call.base_url)
    location = f"{call.base_url}/payments/{payment.id}"
    told = withholding.answer_told(world.profiles, payment, answer)
    return Reply(201 if at_once else 202, told, {"Location": location})


def payment_details(world: World, call: Call) -> Reply:
    return Reply(200, shown(world, _payment(world, call), call))


def payment_actions(world: World, call: Call) -> Reply:
    payment = _payment(world, call)
    return Reply(200, withholding.actions_told(world.profiles, payment, actions(payment)))


def list_payments(world: World, call: Call) -> Reply:
    """``GET /payments?reference=``: exact match, newest first; new payments may show up late."""
    reference = call.query.get("reference", "")
    if not reference:
        raise Refused(422, "reference_invalid")
    limit, skip = query_number(call, "limit", 10), query_number(call, "skip", 0)
    if not 1 <= limit <= _LIMIT_MAX:
        raise Refused(422, "limit_invalid")
    found = world.ledger.listed(world.ledger.with_reference(reference))[::-1]
    page = [shown(world, each, call) for each in found[skip : skip + limit]]
    return Reply(200, {"limit": limit, "skip": skip, "total_count": len(found), "data": page})


def refund_payment(world: World, call: Call) -> Reply:
    """``POST /payments/{id}/refunds``: 202 is acceptance only; without an amount, all that is left."""
    payment = _payment(world, call)
    body = call.document()
    amount, reference, metadata = body.get("amount"), body.get("reference"), body.get("metadata")
    if amount is not None and not is_whole(amount, 1, 10**12):
        raise Refused(422, "amount_invalid")
    if reference is not None and not is_text(reference, 80):
        raise Refused(422, "reference_invalid")
    if metadata is not None and not isinstance(metadata, dict):
        raise Refused(422, "metadata_key_invalid")
    wanted = payment.refundable if amount is None else amount
    if not 1 <= wanted <= payment.refundable:
        raise Refused(world.faults.over_refund_status, "refund_amount_exceeds_balance")
    action = accept_refund(world, payment, amount=wanted, reference=reference, metadata=metadata)
    answer = {
        "action_id": action.id,
        "reference": action.reference,
        "_links": {"payment": {"href": f"{call.base_url}/payments/{payment.id}"}},
    }
    return Reply(202, {name: value for name, value in answer.items() if value is not None})


def refuse_action(world: World, call: Call) -> Reply:
    """KakaoPay captures by itself and cannot void (KakaoPay page's feature table)."""
    _payment(world, call)
    raise Refused(world.faults.capture_void_status, "payment_method_not_supported")


def shown(world: World, payment: Payment, call: Call) -> dict[str, Any]:
    """The details, or under a fault what they were before the end, or what they may be one day."""
    if call.fault == "read_stale":
        payment = replace(payment, status="Pending", captured=0, refunded=0, response_code=None)
    shown = withholding.details_told(world.profiles, payment, details(payment, call.base_url))
    return shown | {"status": "Under Review"} if call.fault == "read_unknown_status" else shown


def _payment(world: World, call: Call) -> Payment:
    payment = world.ledger.payments.get(call.params["id"])
    if payment is None:
        raise Refused(404)
    call.reference = payment.reference
    return payment


def subject_of_request(world: World, call: Call) -> tuple[str | int, ...]:
    """Faults of a POST /payments: the wallet and the how-manieth POST of it this is."""
    try:
        body = call.document()
    except Refused:
        body = {}
    reference = body.get("reference")
    call.reference = reference if isinstance(reference, str) else None
    key = wallet_key(world, body)
    return (key, world.nth("post", key))


def subject_of_payment(world: World, call: Call) -> tuple[str | int, ...]:
    """Faults of anything else: the payment by wallet and ordinal; ids would change with the seed."""
    payment = world.ledger.payments.get(call.params.get("id", ""))
    return (payment.wallet, payment.ordinal) if payment else (call.params.get("id", ""), 0)


def subject_of_reference(world: World, call: Call) -> tuple[str | int, ...]:
    """Faults of a list: its first payment, listed or not, else the reference itself."""
    call.reference = call.query.get("reference")
    found = world.ledger.with_reference(call.reference or "")
    return (found[0].wallet, found[0].ordinal) if found else (call.reference or "", 0)
