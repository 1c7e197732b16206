"""What the sandbox remembers of workflows."""

from dataclasses import dataclass, field
from typing import Any

from billing.sandbox.instants import Instant
from billing.sandbox.store import Store


@dataclass
class Workflow:
    """One workflow. Conditions and actions are kept as they were sent, each with its ``id``.

    ``parts`` counts the conditions and actions that it ever had, and ``samples`` its sample events, so that
    no id comes twice.
    """

    id: str
    name: str
    active: bool
    created_at: Instant
    conditions: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    parts: int = 0
    samples: int = 0


class Workflows:
    """All workflows, in the order in which they were made."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.by_id: dict[str, Workflow] = {}

    def load(self) -> None:
        workflows = [Workflow(**document) for document in self._store.load("workflow")]
        self.by_id = {each.id: each for each in sorted(workflows, key=lambda each: (each.created_at, each.id))}

    def keep(self, workflow: Workflow) -> None:
        self.by_id[workflow.id] = workflow
        self._store.put("workflow", workflow.id, workflow)

    def drop(self, workflow: Workflow) -> None:
        del self.by_id[workflow.id]
        self._store.drop("workflow", workflow.id)
