"""Workflows and events: each call once, where it has something to do."""

from typing import Any

from checkout_sdk.workflows.workflows import (
    CreateWorkflowRequest,
    EntityWorkflowConditionRequest,
    EventTypesRequest,
    EventWorkflowConditionRequest,
    ProcessingChannelWorkflowConditionRequest,
    ReflowByEventsRequest,
    ReflowBySubjectsRequest,
    UpdateWorkflowRequest,
    WebhookSignature,
    WebhookWorkflowActionRequest,
)
from sdk_python import Recorder, call, captured, given

from billing.sandbox import defaults


def action(receiver: Any) -> WebhookWorkflowActionRequest:
    signature = given(WebhookSignature, method="HMACSHA256", key="of-the-workflow")
    return given(WebhookWorkflowActionRequest, url=receiver.url, headers={"X-From": "workflow"}, signature=signature)


def condition(*types: str) -> EventWorkflowConditionRequest:
    return given(EventWorkflowConditionRequest, events={"gateway": list(types)})


def workflow(sdk: Recorder, receiver: Any) -> str:
    channels = [defaults.PROCESSING_CHANNEL_ID]
    conditions = [
        condition("payment_captured"),
        given(EntityWorkflowConditionRequest, entities=[defaults.ENTITY_ID]),
        given(ProcessingChannelWorkflowConditionRequest, processing_channels=channels),
    ]
    request = given(CreateWorkflowRequest, name="w", active=True, conditions=conditions, actions=[action(receiver)])
    return sdk.workflows.create_workflow(request).id


def sent(receiver: Any) -> list[str]:
    """The types that came by a workflow."""
    return [kind for kind, (headers, _) in zip(receiver.types, receiver.came, strict=True) if "X-From" in headers]


@call("workflows.create_workflow")
def _(sdk, shop, receiver):
    workflow(sdk, receiver)
    captured(sdk, shop)
    shop.drain()
    assert sent(receiver) == ["captured"]


@call("workflows.get_workflows")
def _(sdk, _shop, receiver):
    made = workflow(sdk, receiver)
    assert [each.id for each in sdk.workflows.get_workflows().data] == [made]


@call("workflows.get_workflow")
def _(sdk, _shop, receiver):
    shown = sdk.workflows.get_workflow(workflow(sdk, receiver))
    assert (shown.name, len(shown.conditions), shown.actions[0].url) == ("w", 3, receiver.url)


@call("workflows.update_workflow")
def _(sdk, _shop, receiver):
    made = workflow(sdk, receiver)
    changed = sdk.workflows.update_workflow(made, given(UpdateWorkflowRequest, name="new", active=False))
    assert (changed.name, changed.active) == ("new", False)


@call("workflows.remove_workflow")
def _(sdk, shop, receiver):
    sdk.workflows.remove_workflow(workflow(sdk, receiver))
    captured(sdk, shop)
    shop.drain()
    assert sent(receiver) == []


@call("workflows.add_workflow_action")
def _(sdk, shop, receiver):
    sdk.workflows.add_workflow_action(workflow(sdk, receiver), action(receiver))
    captured(sdk, shop)
    shop.drain()
    assert sent(receiver) == ["captured"] * 2


@call("workflows.update_workflow_action")
def _(sdk, _shop, receiver):
    made = workflow(sdk, receiver)
    (old,) = sdk.workflows.get_workflow(made).actions
    sdk.workflows.update_workflow_action(made, old.id, given(action(receiver), url="https://shop.test/new"))
    assert sdk.workflows.get_workflow(made).actions[0].url == "https://shop.test/new"


@call("workflows.remove_workflow_action")
def _(sdk, _shop, receiver):
    made = workflow(sdk, receiver)
    sdk.workflows.remove_workflow_action(made, sdk.workflows.get_workflow(made).actions[0].id)
    assert sdk.workflows.get_workflow(made).actions == []


@call("workflows.add_workflow_condition")
def _(sdk, shop, receiver):
    sdk.workflows.add_workflow_condition(workflow(sdk, receiver), condition("payment_declined"))
    captured(sdk, shop)
    shop.drain()
    assert sent(receiver) == []


@call("workflows.update_workflow_condition")
def _(sdk, shop, receiver):
    made = workflow(sdk, receiver)
    old = sdk.workflows.get_workflow(made).conditions[0].id
    sdk.workflows.update_workflow_condition(made, old, condition("payment_pending"))
    captured(sdk, shop)
    shop.drain()
    assert sent(receiver) == ["pending"]


@call("workflows.remove_workflow_condition")
def _(sdk, _shop, receiver):
    made = workflow(sdk, receiver)
    sdk.workflows.remove_workflow_condition(made, sdk.workflows.get_workflow(made).conditions[1].id)
    assert [each.type for each in sdk.workflows.get_workflow(made).conditions] == ["event", "processing_channel"]


@call("workflows.test_workflow")
def _(sdk, shop, receiver):
    sdk.workflows.test_workflow(workflow(sdk, receiver), given(EventTypesRequest, event_types=["payment_captured"]))
    shop.drain()
    assert sent(receiver) == ["captured"]


@call("workflows.get_event_types")
def _(sdk, _shop, _receiver):
    assert [each.id for each in sdk.workflows.get_event_types().items] == ["gateway", "dispute"]


def happened(sdk: Recorder, shop: Any, receiver: Any) -> tuple[str, str, str]:
    """A payment that a workflow told of once: (workflow, payment, event)."""
    made, payment = workflow(sdk, receiver), captured(sdk, shop).id
    shop.drain()
    event = next(each for each in sdk.workflows.get_subject_events(payment).data if each.type == "payment_captured")
    return made, payment, event.id


@call("workflows.get_event")
def _(sdk, shop, receiver):
    _, payment, event = happened(sdk, shop, receiver)
    shown = sdk.workflows.get_event(event)
    assert (shown.type, shown.data.id) == ("payment_captured", payment)


@call("workflows.get_action_invocations")
def _(sdk, shop, receiver):
    made, _, event = happened(sdk, shop, receiver)
    told = sdk.workflows.get_action_invocations(event, sdk.workflows.get_workflow(made).actions[0].id)
    assert (told.workflow_id, told.status, told.action_invocations[0].succeeded) == (made, "successful", True)


@call("workflows.get_subject_events")
def _(sdk, shop, _receiver):
    told = sdk.workflows.get_subject_events(captured(sdk, shop).id).data
    assert [each.type for each in told] == ["payment_pending", "payment_capture_pending", "payment_captured"]


def again(shop: Any, receiver: Any) -> list[str]:
    """The types that came by the workflow after the first."""
    shop.drain()
    return sent(receiver)[1:]


@call("workflows.reflow_by_event")
def _(sdk, shop, receiver):
    _, _, event = happened(sdk, shop, receiver)
    sdk.workflows.reflow_by_event(event)
    assert again(shop, receiver) == ["captured"]


@call("workflows.reflow_by_event_and_workflow")
def _(sdk, shop, receiver):
    made, _, event = happened(sdk, shop, receiver)
    sdk.workflows.reflow_by_event_and_workflow(event, made)
    assert again(shop, receiver) == ["captured"]


@call("workflows.reflow")
def _(sdk, shop, receiver):
    made, payment, event = happened(sdk, shop, receiver)
    sdk.workflows.reflow(given(ReflowByEventsRequest, events=[event], workflows=[made]))
    sdk.workflows.reflow(given(ReflowBySubjectsRequest, subjects=[payment], workflows=[made]))
    assert again(shop, receiver) == ["captured"] * 2


@call("workflows.reflow_by_subject")
def _(sdk, shop, receiver):
    _, payment, _ = happened(sdk, shop, receiver)
    sdk.workflows.reflow_by_subject(payment)
    assert again(shop, receiver) == ["captured"]


@call("workflows.reflow_by_subject_and_workflow")
def _(sdk, shop, receiver):
    made, payment, _ = happened(sdk, shop, receiver)
    sdk.workflows.reflow_by_subject_and_workflow(payment, made)
    assert again(shop, receiver) == ["captured"]
