"""Prints what happened, one sentence a line."""

from collections.abc import Mapping
from typing import Final

from rich.table import Table
from rich.text import Text

from billing.entrypoints.cli.output import moment, print_any, seen
from billing.store.tellings import Tone
from billing.store.timeline import Timeline

_TONES: Final[Mapping[Tone, str]] = {
    Tone.GOOD: "green",
    Tone.BAD: "red",
    Tone.WARNING: "yellow",
    Tone.PLAIN: "",
    Tone.QUIET: "dim",
}


def print_timeline(timeline: Timeline, zone: str) -> None:
    """Print what happened, one sentence a line. When and by whom stands where it differs from the line above."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    if timeline.left_out:
        grid.add_row(seen("…"), Text("older lines are left out; use --limit for more", style="dim"))
    when, who = "", ""
    for line in timeline.lines:
        told = Text(seen(line.sentence), style=_TONES[line.tone])
        time = moment(line.at, zone)
        if line.actor != who:
            told.append(f"  by {seen(line.actor)}", style="dim")
        grid.add_row("" if time == when else time, told)
        when, who = time, line.actor
    print_any(grid)
