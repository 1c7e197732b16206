"""``POST /workflows/{id}/test``: sample events, so that a receiver can be tried before anything is paid."""

import json

from billing.sandbox.events import SHAPES, make_body
from billing.sandbox.instants import render
from billing.sandbox.records import Action, Event, Payment
from billing.sandbox.workflows.dispatch import send_again
from billing.sandbox.workflows.event_types import source_of
from billing.sandbox.workflows.records import Workflow
from billing.sandbox.world import World


def rehearse(world: World, workflow: Workflow, event_types: list[str]) -> None:
    """Send one event of each type to this workflow alone; those that it does not wait for are not sent.

    The payment that the events tell of exists nowhere: asking for it is answered 404.
    """
    for event_type in event_types:
        workflow.samples += 1
        number = workflow.samples
        event_id = world.dice.name("evt", workflow.id, number)
        payment = _sample(world, workflow, number)
        action = Action(world.dice.name("act", payment.id), "Capture", world.clock.now(), payment.amount, approved=True)
        if event_type in SHAPES:
            body = make_body(world, payment, action, event_id, event_type, digits=7)
        else:
            body = _plain(world, payment, event_id, event_type)
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        event = Event(event_id, event_type, payment.id, number, world.clock.now(), text)
        world.keep_event(event)
        send_again(world, event, [workflow])
    world.workflows.keep(workflow)


def _sample(world: World, workflow: Workflow, number: int) -> Payment:
    payment_id = world.dice.name("pay", workflow.id, number)
    customer = {"id": world.dice.name("cus", workflow.id), "email": "sample@example.com", "name": "Sample"}
    return Payment(
        payment_id, "workflow-test", number, "Recurring", 1000, "KRW", "workflow-test", world.clock.now(),
        captured=1000, response_code="10000", echo={"customer": customer},
    )  # fmt: skip


def _plain(world: World, payment: Payment, event_id: str, event_type: str) -> dict[str, object]:
    """An event of a type that this sandbox never sends of itself."""
    data = {"id": payment.id, "reference": payment.reference, "amount": payment.amount, "currency": payment.currency}
    return {
        "id": event_id,
        "type": event_type,
        "source": source_of(event_type),
        "version": "1.0.0",
        "timestamp": render(world.clock.now(), 7),
        "data": data,
        "_links": {"self": {"href": f"{world.base_url}/workflows/events/{event_id}"}},
    }
