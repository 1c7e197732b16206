"""The acts behind ``/workflows/events``: looking at events, and having them sent again."""

import json
from typing import Any, Final

from billing.sandbox.call import Call, Refused, Reply
from billing.sandbox.instants import render
from billing.sandbox.records import Event
from billing.sandbox.workflows.api import workflow_of
from billing.sandbox.workflows.dispatch import BY_HAND_ACTION, BY_HAND_WORKFLOW, send_again
from billing.sandbox.workflows.records import Workflow
from billing.sandbox.world import World

_BY_HAND: Final = {"action": BY_HAND_ACTION, "workflow": BY_HAND_WORKFLOW}


def get_event(world: World, call: Call) -> Reply:
    event = _event(world, call.params["event"])
    body: dict[str, Any] = json.loads(event.body)
    body.setdefault("timestamp", render(event.at, 7))
    body["action_invocations"] = [_invocation(world, event, n) for n in range(len(event.tries))]
    return Reply(200, body)


def get_action_invocations(world: World, call: Call) -> Reply:
    """``GET /workflows/events/{event}/actions/{action}``: what became of the deliveries of one webhook."""
    event, action = _event(world, call.params["event"]), call.params["action"]
    places = [n for n, each in enumerate(event.tries) if _of(each)["action"] == action]
    workflow_id = _of(event.tries[places[0]])["workflow"] if places else _workflow_with(world, action)
    last = event.tries[places[-1]] if places else None
    status = "pending" if last is None or not last["final"] else "successful" if last["ok"] else "failed"
    answer = {
        "workflow_id": workflow_id,
        "event_id": event.id,
        "workflow_action_id": action,
        "action_type": "webhook",
        "status": status,
        "action_invocations": [_invocation(world, event, n) for n in places],
        "_links": {"self": {"href": f"{call.base_url}/workflows/events/{event.id}/actions/{action}"}},
    }
    return Reply(200, answer)


def get_subject(world: World, call: Call) -> Reply:
    """All events of a payment or dispute, oldest first: what a receiver that was down may catch up from."""
    events = _of_subject(world, call.params["id"])
    data = [{"id": each.id, "type": each.type, "timestamp": render(each.at, 7)} for each in events]
    return Reply(200, {"data": data})


def reflow_event(world: World, call: Call) -> Reply:
    return _reflow(world, [_event(world, call.params["event"])])


def reflow_event_to_workflow(world: World, call: Call) -> Reply:
    return _reflow(world, [_event(world, call.params["event"])], [workflow_of(world, call)])


def reflow_subject(world: World, call: Call) -> Reply:
    return _reflow(world, _of_subject(world, call.params["id"]))


def reflow_subject_to_workflow(world: World, call: Call) -> Reply:
    return _reflow(world, _of_subject(world, call.params["id"]), [workflow_of(world, call)])


def reflow_many(world: World, call: Call) -> Reply:
    """``POST /workflows/events/reflow`` with ``events`` or ``subjects``, and if not to all with ``workflows``."""
    body = call.document()
    ids, subjects, named = body.get("events") or [], body.get("subjects") or [], body.get("workflows") or []
    if not all(isinstance(each, list) for each in (ids, subjects, named)) or not (ids or subjects):
        raise Refused(422, "fields_required")
    events = [_event(world, str(each)) for each in ids]
    for subject in subjects:
        events.extend(_of_subject(world, str(subject)))
    if any(str(each) not in world.workflows.by_id for each in named):
        raise Refused(404)
    return _reflow(world, events, [world.workflows.by_id[str(each)] for each in named] or None)


def _reflow(world: World, events: list[Event], workflows: list[Workflow] | None = None) -> Reply:
    for event in events:
        send_again(world, event, workflows)
    return Reply(202)


def _event(world: World, event_id: str) -> Event:
    event = world.events.get(event_id)
    if event is None:
        raise Refused(404)
    return event


def _of_subject(world: World, subject_id: str) -> list[Event]:
    """The events of a payment, those of its disputes among them; or of one dispute."""
    dispute = world.disputes.by_id.get(subject_id)
    payment = world.ledger.payments.get(subject_id if dispute is None else dispute.payment_id)
    if payment is None:
        raise Refused(404)
    ids = (world.dice.name("evt", payment.wallet, payment.ordinal, n + 1) for n in range(payment.events))
    events = [world.events[each] for each in ids if each in world.events]
    return [each for each in events if dispute is None or each.dispute_id == dispute.id]


def _of(attempt: dict[str, Any]) -> dict[str, Any]:
    """The webhook of an attempt; those to the receiver set by hand do not name it."""
    return attempt if "action" in attempt else _BY_HAND


def _workflow_with(world: World, action_id: str) -> str:
    """:raises Refused: 404, no workflow has this action."""
    if action_id == BY_HAND_ACTION:
        return BY_HAND_WORKFLOW
    for workflow in world.workflows.by_id.values():
        if any(each["id"] == action_id for each in workflow.actions):
            return workflow.id
    raise Refused(404)


def _invocation(world: World, event: Event, place: int) -> dict[str, Any]:
    attempt = event.tries[place]
    return {
        "invocation_id": world.dice.name("inv", event.id, place + 1),
        "workflow_id": _of(attempt)["workflow"],
        "workflow_action_id": _of(attempt)["action"],
        "event_id": event.id,
        "timestamp": render(attempt["at"], 7),
        "retry": attempt["attempt"] > 1,
        "succeeded": attempt["ok"],
        "final": attempt["final"],
        "result_details": {"status_code": attempt["status"]},
    }


def subject_of_event(_world: World, call: Call) -> tuple[str | int, ...]:
    return (call.params.get("event", "events"), "event")
