"""To which webhooks an event goes, and when: the receiver that was set by hand, and every workflow it fits."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from billing.sandbox import defaults
from billing.sandbox.instants import seconds
from billing.sandbox.records import Event
from billing.sandbox.webhooks import Webhooks
from billing.sandbox.workflows.event_types import source_of
from billing.sandbox.workflows.records import Workflow
from billing.sandbox.world import World

#: What invocations call the receiver that was set by hand.
BY_HAND_WORKFLOW: Final = "wf_sandbox"
BY_HAND_ACTION: Final = "wfa_sandbox"


@dataclass(frozen=True)
class Receiver:
    """A webhook as it was when an event was sent to it: later changes of its workflow concern later events.

    ``key`` None = deliveries are not signed.
    """

    workflow: str
    action: str
    url: str
    key: str | None
    headers: dict[str, str] = field(default_factory=dict)
    retry: bool = True


def by_hand(webhooks: Webhooks) -> Receiver | None:
    """The receiver that was set by hand; None if there is none (any more)."""
    if webhooks.url is None:
        return None
    headers = {} if webhooks.authorization is None else {"Authorization": webhooks.authorization}
    return Receiver(BY_HAND_WORKFLOW, BY_HAND_ACTION, webhooks.url, webhooks.key, headers)


def dispatch(world: World, event: Event, subject: tuple[str | int, ...]) -> None:
    """Decide whether, when and how often the event is sent to those who want it."""
    faults, dice = world.faults, world.dice
    details = list(_tasks(world, event))
    if not details or dice.hits(faults.webhook_lost, "webhook_lost", *subject):
        return
    due = event.at
    if dice.hits(faults.webhook_late, "webhook_late", *subject):
        due += seconds(faults.webhook_late_seconds)
    if dice.hits(faults.webhook_reorder, "webhook_reorder", *subject):
        due += seconds(faults.webhook_reorder_seconds)
    copies = 1
    if dice.hits(faults.webhook_duplicate, "webhook_duplicate", *subject):
        copies += faults.webhook_duplicate_copies
    wrong_key = dice.hits(faults.webhook_bad_signature, "webhook_bad_signature", *subject)
    for detail in details:
        world.agenda.add(due, "deliver", event.id, attempt=1, copies=copies, wrong_key=wrong_key, **detail)


def send_again(world: World, event: Event, workflows: list[Workflow] | None = None) -> None:
    """Send an event once more, without faults: whoever asks wants to receive.

    ``workflows`` None = to all who want it; else to those of these that it fits.
    """
    details = _tasks(world, event) if workflows is None else _workflow_tasks(world, event, workflows)
    for detail in details:
        world.agenda.add(
            world.clock.now(), "deliver", event.id, attempt=1, copies=1, wrong_key=False, **detail
        )  # fmt: skip


def _tasks(world: World, event: Event) -> Iterator[dict[str, Any]]:
    """What the delivery's task holds more, for each who wants the event; by hand set: nothing."""
    if world.webhooks.wants(event.type):
        yield {}
    if world.workflows.by_id:
        yield from _workflow_tasks(world, event, world.workflows.by_id.values())


def _workflow_tasks(world: World, event: Event, workflows: Any) -> Iterator[dict[str, Any]]:
    for workflow in workflows:
        if workflow.active and fits(world, workflow, event):
            for action in workflow.actions:
                yield {"receiver": asdict(receiver_of(workflow, action))}


def receiver_of(workflow: Workflow, action: dict[str, Any]) -> Receiver:
    key = action.get("signature", {}).get("key")
    retry = action.get("retry", {}).get("enabled", True)
    return Receiver(workflow.id, action["id"], action["url"], key, action["headers"], retry)


def fits(world: World, workflow: Workflow, event: Event) -> bool:
    """Whether the event meets every condition of the workflow."""
    source = source_of(event.type)
    payment = world.ledger.payments.get(event.payment_id)
    channel = None if payment is None else payment.echo.get("processing_channel_id")
    for condition in workflow.conditions:
        match condition["type"]:
            case "event":
                met = source is not None and event.type in condition["events"].get(source, ())
            case "entity":
                met = defaults.ENTITY_ID in condition["entities"]
            case _:
                met = (channel or world.options.processing_channel_id) in condition["processing_channels"]
        if not met:
            return False
    return True
