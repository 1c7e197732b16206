"""``/_sandbox/disputes``: what a payer and the card scheme or wallet do, which no API of the merchant can."""

from typing import Any

from billing.sandbox.call import Refused
from billing.sandbox.checks import is_one_of, is_text, is_whole
from billing.sandbox.disputes.moves import move_dispute, open_dispute
from billing.sandbox.disputes.records import CATEGORIES, EVENTS, OPEN, Dispute
from billing.sandbox.wallet_control import BadSetting
from billing.sandbox.world import World


def dispute_rows(world: World) -> list[dict[str, Any]]:
    return [_row(each) for each in world.disputes.by_id.values()]


def post_dispute(world: World, wanted: dict[str, Any]) -> dict[str, Any]:
    """``{"payment_id": …}``, and if it is not all of it ``amount`` (minor units), ``category``, ``reason_code``.

    :raises BadSetting: a name or value is impossible; nothing has changed.
    """
    for name in wanted:
        if name not in {"payment_id", "amount", "category", "reason_code"}:
            raise BadSetting(f"{name}: a dispute has no such field")
    payment = world.ledger.payments.get(str(wanted.get("payment_id")))
    if payment is None or payment.captured == 0:
        raise BadSetting("payment_id: must be the id of a captured payment")
    left = payment.captured - payment.charged_back
    amount, category = wanted.get("amount", left), wanted.get("category", "general")
    if not is_whole(amount, 1, left):
        raise BadSetting(f"amount: must be a whole number of minor units from 1 to the {left} not yet disputed")
    if not is_one_of(category, CATEGORIES):
        raise BadSetting(f"category: must be one of {', '.join(sorted(CATEGORIES))}")
    reason_code = wanted.get("reason_code", "13.1")
    if not is_text(reason_code, 20):
        raise BadSetting("reason_code: must be a string of 1 to 20 characters")
    return _row(open_dispute(world, payment, amount, category, reason_code))


def put_dispute(world: World, dispute_id: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """``{"status": …}``: what is decided.

    :raises BadSetting: there is no such status, or the dispute is decided already.
    :raises Refused: 404, no such dispute.
    """
    dispute = world.disputes.by_id.get(dispute_id)
    if dispute is None:
        raise Refused(404)
    if set(wanted) != {"status"} or not is_one_of(wanted["status"], EVENTS):
        raise BadSetting(f"status: must be one of {', '.join(EVENTS)}; nothing else can be set")
    if dispute.status not in OPEN:
        raise BadSetting(f"status: the dispute is decided already: {dispute.status}")
    move_dispute(world, dispute, wanted["status"])
    return _row(dispute)


def _row(dispute: Dispute) -> dict[str, Any]:
    return {
        "id": dispute.id,
        "payment_id": dispute.payment_id,
        "amount": dispute.amount,
        "category": dispute.category,
        "reason_code": dispute.reason_code,
        "status": dispute.status,
    }
