"""Draws the tables of states into ARCHITECTURE.md, so that the pictures cannot lie. `--check` only compares."""

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from billing.domain.states import (
    CHARGE_MOVES,
    INVOICE_MOVES,
    OBLIGATION_MOVES,
    REFUND_MOVES,
    REVOCATION_MOVES,
    SOURCE_MOVES,
    SUBSCRIPTION_MOVES,
)

PAGE = Path(__file__).resolve().parents[1] / "ARCHITECTURE.md"
BEGIN, END = "<!-- states: drawn by `make diagram` -->", "<!-- end of states -->"


def draw(name: str, moves: Mapping[Any, Mapping[Any, StrEnum]]) -> str:
    """Return one table as a Mermaid state diagram."""
    lines = [f"**{name}**", "", "```mermaid", "stateDiagram-v2"]
    first = next(iter(moves))
    lines.append(f"    [*] --> {first.value}")
    for state, events in moves.items():
        lines += [f"    {state.value} --> {reached.value}: {event.value}" for event, reached in events.items()]
        if not events:
            lines.append(f"    {state.value} --> [*]")
    return "\n".join([*lines, "```", ""])


def page_with_states(page: str) -> str:
    """Return the page with every diagram drawn anew."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    diagrams = "\n".join(
        draw(name, moves)
        for name, moves in (
            ("Subscription", SUBSCRIPTION_MOVES),
            ("Invoice", INVOICE_MOVES),
            ("Charge", CHARGE_MOVES),
            ("Refund", REFUND_MOVES),
            ("Refund obligation", OBLIGATION_MOVES),
            ("Source", SOURCE_MOVES),
            ("Revocation of a source, at the gateway", REVOCATION_MOVES),
        )
    )
    return f"{before}{BEGIN}\n\n{diagrams}\n{END}{after}"


if __name__ == "__main__":
    now = PAGE.read_text(encoding="utf-8")
    drawn = page_with_states(now)
    if "--check" in sys.argv[1:]:
        sys.exit(0 if now == drawn else "ARCHITECTURE.md shows other states than the code; run `make diagram`")
    PAGE.write_text(drawn, encoding="utf-8")
    print(f"{PAGE.name}: states drawn")
