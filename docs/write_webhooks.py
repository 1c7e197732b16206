"""Writes the list of events of docs/webhooks.md from the code that tells them. `--check` only compares."""

import json

from event_examples import examples
from written import Written


def sections() -> str:
    """Return each type with its sentence and an example payload."""
    lines = []
    for type_, says, example in examples():
        shown = json.dumps(example, indent=2, ensure_ascii=False)
        lines += [f"### `{type_}`", "", says, "", "```json", shown, "```", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    Written("webhooks.md", "events", "events").put(sections())
