"""Writes the list of events of docs/webhooks.md from the code that tells them. `--check` only compares."""

import json
import sys
from pathlib import Path

from event_examples import examples

PAGE = Path(__file__).resolve().parent / "webhooks.md"
BEGIN, END = "<!-- events: written by `make events` -->", "<!-- end of events -->"


def sections() -> str:
    """Return each type with its sentence and an example payload."""
    lines = []
    for type_, says, example in examples():
        shown = json.dumps(example, indent=2, ensure_ascii=False)
        lines += [f"### `{type_}`", "", says, "", "```json", shown, "```", ""]
    return "\n".join(lines)


def page_with_events(page: str) -> str:
    """Return the page with its events written anew."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{sections()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    now = PAGE.read_text(encoding="utf-8")
    written = page_with_events(now)
    if "--check" in sys.argv[1:]:
        sys.exit(0 if now == written else "docs/webhooks.md tells of other events than the code; run `make events`")
    PAGE.write_text(written, encoding="utf-8")
    print(f"{PAGE.name}: events written")
