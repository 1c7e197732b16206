"""Events about disputes: their data is the dispute's, with the payment named in it (event pages of disputes)."""

import json

from billing.sandbox.disputes.records import Dispute
from billing.sandbox.instants import render
from billing.sandbox.records import Event, Payment
from billing.sandbox.workflows.dispatch import dispatch
from billing.sandbox.world import World


def emit_dispute(world: World, payment: Payment, dispute: Dispute, event_type: str) -> None:
    """Record that something happened to a dispute, and arrange its delivery.

    It counts among the events of the payment, so that both subjects find it.
    """
    payment.events += 1
    subject = (payment.wallet, payment.ordinal, payment.events)
    event_id, now = world.dice.name("evt", *subject), world.clock.now()
    body = {
        "id": event_id,
        "type": event_type,
        "source": "dispute",
        "version": "1.0.5",
        "timestamp": render(now, 7),
        "data": _data(payment, dispute),
        "_links": {
            "self": {"href": f"{world.base_url}/workflows/events/{event_id}"},
            "subject": {"href": f"{world.base_url}/workflows/events/subject/{dispute.id}"},
            "payment": {"href": f"{world.base_url}/payments/{payment.id}"},
            "dispute": {"href": f"{world.base_url}/disputes/{dispute.id}"},
        },
    }
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    event = Event(event_id, event_type, payment.id, payment.events, now, text, dispute_id=dispute.id)
    world.ledger.keep(payment)
    world.keep_event(event)
    dispatch(world, event, subject)


def _data(payment: Payment, dispute: Dispute) -> dict[str, object]:
    return {
        "id": dispute.id,
        "category": dispute.category,
        "status": dispute.status,
        "amount": dispute.amount,
        "currency": dispute.currency,
        "reason_code": dispute.reason_code,
        "payment_id": payment.id,
        "payment_reference": payment.reference,
        "payment_method": "KakaoPay",
        "received_on": render(dispute.received_at, 0),
        "evidence_required_by": render(dispute.evidence_due, 0),
        "last_update": render(dispute.updated_at, 0),
    }
