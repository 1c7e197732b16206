"""The acts behind ``/workflows``, ``/workflows/{id}/actions`` and ``/workflows/{id}/conditions``."""

from typing import Any

from billing.sandbox.call import Call, Refused, Reply
from billing.sandbox.workflows import reading
from billing.sandbox.workflows.event_types import listed, source_of
from billing.sandbox.workflows.records import Workflow
from billing.sandbox.workflows.rehearsal import rehearse
from billing.sandbox.world import World


def list_workflows(world: World, call: Call) -> Reply:
    rows = [
        {"id": each.id, "name": each.name, "active": each.active, "_links": _links(call, each.id)}
        for each in world.workflows.by_id.values()
    ]
    return Reply(200, {"data": rows})


def create_workflow(world: World, call: Call) -> Reply:
    body = call.document()
    name, active = reading.read_name(body), reading.read_active(body)
    conditions, actions = reading.read_conditions(body), reading.read_actions(body)
    workflow_id = world.dice.name("wf", world.clock.now(), world.nth("workflow"))
    workflow = Workflow(workflow_id, name, active, world.clock.now())
    workflow.conditions = [_named(world, workflow, "wfc", each) for each in conditions]
    workflow.actions = [_named(world, workflow, "wfa", each) for each in actions]
    world.workflows.keep(workflow)
    return Reply(201, {"id": workflow.id, "_links": _links(call, workflow.id)})


def get_workflow(world: World, call: Call) -> Reply:
    workflow = workflow_of(world, call)
    return Reply(200, {"id": workflow.id} | _shown(workflow) | {"_links": _links(call, workflow.id)})


def update_workflow(world: World, call: Call) -> Reply:
    """``PATCH``: what is given is changed; conditions and actions that are given replace all that there were."""
    workflow, body = workflow_of(world, call), call.document()
    name = reading.read_name(body) if "name" in body else workflow.name
    active = reading.read_active(body, otherwise=workflow.active)
    conditions = reading.read_conditions(body) if body.get("conditions") is not None else None
    actions = reading.read_actions(body) if body.get("actions") is not None else None
    workflow.name, workflow.active = name, active
    if conditions is not None:
        workflow.conditions = [_named(world, workflow, "wfc", each) for each in conditions]
    if actions is not None:
        workflow.actions = [_named(world, workflow, "wfa", each) for each in actions]
    world.workflows.keep(workflow)
    return Reply(200, _shown(workflow))


def remove_workflow(world: World, call: Call) -> Reply:
    """It is executed no more; what it was executed for already is still delivered."""
    world.workflows.drop(workflow_of(world, call))
    return Reply(204)


def add_action(world: World, call: Call) -> Reply:
    return _add(world, call, "actions", reading.read_action(call.document()))


def update_action(world: World, call: Call) -> Reply:
    return _replace(world, call, "actions", reading.read_action(call.document()))


def remove_action(world: World, call: Call) -> Reply:
    return _remove(world, call, "actions")


def add_condition(world: World, call: Call) -> Reply:
    return _add(world, call, "conditions", reading.read_condition(call.document()))


def update_condition(world: World, call: Call) -> Reply:
    return _replace(world, call, "conditions", reading.read_condition(call.document()))


def remove_condition(world: World, call: Call) -> Reply:
    return _remove(world, call, "conditions")


def try_workflow(world: World, call: Call) -> Reply:
    """Send a sample event of each type to the webhooks of this workflow.

    :raises Refused: 422, a type is unknown.
    """
    workflow, types = workflow_of(world, call), call.document().get("event_types")
    if not isinstance(types, list) or not types or not all(isinstance(each, str) and source_of(each) for each in types):
        raise Refused(422, "event_types_invalid")
    rehearse(world, workflow, types)
    return Reply(204)


def event_types(_world: World, _call: Call) -> Reply:
    return Reply(200, listed())


def workflow_of(world: World, call: Call) -> Workflow:
    workflow = world.workflows.by_id.get(call.params["workflow"])
    if workflow is None:
        raise Refused(404)
    return workflow


def subject_of_workflow(_world: World, call: Call) -> tuple[str | int, ...]:
    return (call.params.get("workflow", "workflows"), "workflow")


def _add(world: World, call: Call, name: str, part: dict[str, Any]) -> Reply:
    workflow = workflow_of(world, call)
    named = _named(world, workflow, _PREFIXES[name], part)
    getattr(workflow, name).append(named)
    world.workflows.keep(workflow)
    return Reply(201, {"id": named["id"], "_links": _links(call, f"{workflow.id}/{name}/{named['id']}")})


def _replace(world: World, call: Call, name: str, part: dict[str, Any]) -> Reply:
    workflow = workflow_of(world, call)
    parts, place = getattr(workflow, name), _place(workflow, call, name)
    parts[place] = {"id": call.params["part"]} | part
    world.workflows.keep(workflow)
    return Reply(200)


def _remove(world: World, call: Call, name: str) -> Reply:
    workflow = workflow_of(world, call)
    del getattr(workflow, name)[_place(workflow, call, name)]
    world.workflows.keep(workflow)
    return Reply(204)


def _place(workflow: Workflow, call: Call, name: str) -> int:
    ids = [each["id"] for each in getattr(workflow, name)]
    if call.params["part"] not in ids:
        raise Refused(404)
    return ids.index(call.params["part"])


_PREFIXES = {"actions": "wfa", "conditions": "wfc"}


def _named(world: World, workflow: Workflow, prefix: str, part: dict[str, Any]) -> dict[str, Any]:
    workflow.parts += 1
    return {"id": world.dice.name(prefix, workflow.id, workflow.parts)} | part


def _shown(workflow: Workflow) -> dict[str, Any]:
    return {
        "name": workflow.name,
        "active": workflow.active,
        "conditions": workflow.conditions,
        "actions": workflow.actions,
    }


def _links(call: Call, path: str) -> dict[str, Any]:
    return {"self": {"href": f"{call.base_url}/workflows/{path}"}}
