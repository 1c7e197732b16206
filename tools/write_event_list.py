"""Writes the list of events of docs/webhooks.md from the code that tells them. `--check` only compares."""

import json

from tools.event_examples import examples
from tools.generated_section import GeneratedSection


def sections() -> str:
    """Return each type with its sentence and an example payload."""
    lines = []
    for type_, says, example in examples():
        shown = json.dumps(example, indent=2, ensure_ascii=False)
        lines += [f"### `{type_}`", "", says, "", "```json", shown, "```", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    GeneratedSection("webhooks.md", "events", "events").write(sections())
