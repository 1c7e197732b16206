"""Opening disputes and moving them on, each move with its event."""

from billing.sandbox.call import Refused
from billing.sandbox.disputes.events import emit_dispute
from billing.sandbox.disputes.records import EVENTS, GIVEN_BACK, OPEN, RECEIVED, Dispute
from billing.sandbox.instants import DAY
from billing.sandbox.records import Payment
from billing.sandbox.world import World

_DAYS_TO_ANSWER = 10


def open_dispute(world: World, payment: Payment, amount: int, category: str, reason_code: str) -> Dispute:
    """Let the payer dispute a captured payment: the amount leaves the merchant until it is decided.

    ``amount`` is in minor units, at most what was captured.
    """
    now = world.clock.now()
    number = sum(each.payment_id == payment.id for each in world.disputes.by_id.values()) + 1
    dispute = Dispute(
        id=world.dice.name("dsp", payment.wallet, payment.ordinal, number),
        payment_id=payment.id,
        amount=amount,
        currency=payment.currency,
        category=category,
        reason_code=reason_code,
        received_at=now,
        updated_at=now,
        evidence_due=now + _DAYS_TO_ANSWER * DAY,
    )
    world.disputes.keep(dispute)
    payment.charged_back += amount
    world.ledger.keep(payment)
    emit_dispute(world, payment, dispute, RECEIVED)
    emit_dispute(world, payment, dispute, EVENTS[dispute.status])
    return dispute


def move_dispute(world: World, dispute: Dispute, status: str) -> None:
    """Move an open dispute to another status.

    :raises Refused: 422 ``dispute_already_…``: it is decided.
    """
    if dispute.status not in OPEN:
        raise Refused(422, f"dispute_already_{dispute.status}")
    payment = world.ledger.payments[dispute.payment_id]
    dispute.status, dispute.updated_at = status, world.clock.now()
    world.disputes.keep(dispute)
    if status in GIVEN_BACK:
        payment.charged_back -= dispute.amount
        world.ledger.keep(payment)
    emit_dispute(world, payment, dispute, EVENTS[status])
