"""The acts behind ``/workflows/events``: looking at events, and having them sent again."""

import json
from collections.abc import Iterable
from typing import Any

from billing.sandbox.call import Call, Refused, Reply
from billing.sandbox.instants import render
from billing.sandbox.records import Event
from billing.sandbox.world import World


def get_event(world: World, call: Call) -> Reply:
    event = _event(world, call.params["event"])
    body: dict[str, Any] = json.loads(event.body)
    body.setdefault("timestamp", render(event.at, 7))
    body["action_invocations"] = [_invocation(event, each) for each in event.tries]
    return Reply(200, body)


def get_subject(world: World, call: Call) -> Reply:
    """All events of a payment, oldest first: what a receiver that was down may catch up from."""
    events = _of_subject(world, call.params["id"])
    data = [{"id": each.id, "type": each.type, "timestamp": render(each.at, 7)} for each in events]
    return Reply(200, {"data": data})


def reflow_event(world: World, call: Call) -> Reply:
    return _reflow(world, [_event(world, call.params["event"])])


def reflow_subject(world: World, call: Call) -> Reply:
    return _reflow(world, _of_subject(world, call.params["id"]))


def reflow_many(world: World, call: Call) -> Reply:
    """``POST /workflows/events/reflow`` with ``events`` or ``subjects``."""
    body = call.document()
    ids, subjects = body.get("events") or [], body.get("subjects") or []
    if not isinstance(ids, list) or not isinstance(subjects, list) or not (ids or subjects):
        raise Refused(422, "fields_required")
    events = [_event(world, str(each)) for each in ids]
    for subject in subjects:
        events.extend(_of_subject(world, str(subject)))
    return _reflow(world, events)


def _reflow(world: World, events: Iterable[Event]) -> Reply:
    """Send again, without faults: whoever asks wants to receive."""
    for event in events:
        if world.webhooks.wants(event.type):
            now = world.clock.now()
            world.agenda.add(now, "deliver", event.id, attempt=1, copies=1, wrong_key=False)
    return Reply(202)


def _event(world: World, event_id: str) -> Event:
    event = world.events.get(event_id)
    if event is None:
        raise Refused(404)
    return event


def _of_subject(world: World, payment_id: str) -> list[Event]:
    payment = world.ledger.payments.get(payment_id)
    if payment is None:
        raise Refused(404)
    ids = (world.dice.name("evt", payment.wallet, payment.ordinal, n + 1) for n in range(payment.events))
    return [world.events[each] for each in ids if each in world.events]


def _invocation(event: Event, attempt: dict[str, Any]) -> dict[str, Any]:
    return {
        "workflow_action_id": "wfa_sandbox",
        "event_id": event.id,
        "timestamp": render(attempt["at"], 7),
        "retry": attempt["attempt"] > 1,
        "succeeded": attempt["ok"],
        "final": attempt["final"],
        "result_details": {"status_code": attempt["status"]},
    }


def subject_of_event(_world: World, call: Call) -> tuple[str | int, ...]:
    return (call.params.get("event", "events"), "event")
