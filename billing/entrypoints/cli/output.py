"""The one way in which commands speak: tables, panels, timelines and questions for people, JSON for programs."""

import dataclasses
import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from enum import Enum
from typing import Any, Final
from zoneinfo import ZoneInfo

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console, JustifyMethod, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from billing.domain.public_fields import told_outside
from billing.domain.public_ids import with_public_ids
from billing.entrypoints.cli.terminal import has_all_of, noting, shown, write_line
from plans.money import EXPONENTS, Money
from plans.visible_text import replace_hidden

_STYLES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("active", "trialing", "paid", "captured", "refunded", "processed", "ok", "on sale"), "green"),
    **dict.fromkeys(("past_due", "incomplete", "pending", "sending", "unknown", "open", "received"), "yellow"),
    **dict.fromkeys(("paused", "warning", "requested", "suspect"), "yellow"),
    **dict.fromkeys(("unpaid", "declined", "refused", "parked", "wrong", "uncollectible", "revoked"), "red"),
}
_NARROWEST_WRAPPED: Final = 12


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to whoever prints: Rich would end the process."""
        raise BrokenPipeError


def out() -> Console:
    """Return the console of standard output. What is piped is as wide as 80 columns, or as ``COLUMNS`` says."""
    return _Console(highlight=False, emoji=False, markup=False)


def err() -> Console:
    """Return the console of standard error."""
    return _Console(stderr=True, highlight=False, emoji=False, markup=False)


def say(sentence: str, style: str = "") -> None:
    """Print a sentence."""
    print_any(Text(seen(sentence), style=style))


def complain(sentence: str) -> None:
    """Print what went wrong to standard error, unbroken, so that a log keeps it on its line."""
    _to_error(("error: ", "bold red"), _for_error(sentence))


def warn(sentence: str) -> None:
    """Print a warning to standard error."""
    _to_error(("warning: ", "bold yellow"), _for_error(sentence))


def print_json(value: object) -> None:
    """Print a value as JSON: instants in UTC, periods with exclusive ends, amounts in minor units, ids as in the API.

    What the ``id`` of a dataclass names, its ``KIND`` says.
    """
    text = json.dumps(_plain(value), ensure_ascii=False, indent=2)
    if not has_all_of(text, sys.stdout):
        text = json.dumps(_plain(value), indent=2)
    with noting(sys.stdout):
        sys.stdout.write(_escape_hidden(text) + "\n")


def write_json_line(text: str) -> None:
    """Write a line of JSON that was made already, whole and at once."""
    write_line(_escape_hidden(text if has_all_of(text, sys.stdout) else json.dumps(json.loads(text))))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Print rows under their columns, or the sentence ``empty``.

    ``>`` before a column's name puts it flush right, ``~`` lets it wrap; nothing is ever cut off.
    """
    if not rows:
        say(empty, "dim")
        return
    width = out().width
    rows = [[seen(value) for value in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    wraps = _wraps(columns, rows, width)
    for column, may_wrap in zip(columns, wraps, strict=True):
        justify: JustifyMethod = "right" if column.startswith(">") else "left"
        table.add_column(column.lstrip(">~"), justify=justify, no_wrap=not may_wrap, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    print_any(table)


def _wraps(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[bool]:
    """Say which columns may wrap: those that are marked, or all where even that would not make them fit."""
    marked = [column.startswith("~") for column in columns]
    fixed = [0 if wrap else _widest(at, columns, rows) for at, wrap in enumerate(marked)]
    needed = sum(fixed) + _NARROWEST_WRAPPED * sum(marked) + 2 * len(columns)
    return marked if needed <= width else [True] * len(columns)


def _widest(at: int, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    return max(cell_len(columns[at].lstrip(">~")), *(cell_len(row[at]) for row in rows))


def print_facts(title: str, facts: Sequence[tuple[str, str | None]]) -> None:
    """Print a panel of names and values; what has no value is left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts:
        if value is not None:
            grid.add_row(name, _cell(value))
    print_any(Panel(grid, title=Text(seen(title), style="bold"), title_align="left", box=box.ROUNDED, expand=False))


def print_any(renderable: RenderableType, *, soft_wrap: bool = False) -> None:
    """Print something that Rich can draw; with ``soft_wrap`` its lines are broken by nobody but the terminal."""
    with noting(sys.stdout):
        out().print(renderable, soft_wrap=soft_wrap)


def agreed(question: str, *, yes: bool) -> None:
    """Return when the person says yes; end the command, with nothing changed, when not."""
    if yes:
        return
    _to_error(_for_error(question), (" [y/N] ", "bold"), end="")
    answer = sys.stdin.readline()
    if not answer:
        _to_error("")
        complain("nothing was changed: nobody can answer here; use --yes")
        raise typer.Exit(1)
    if answer.strip().lower() not in ("y", "yes"):
        _to_error("Nothing was changed.")
        raise typer.Exit(1)


def moment(instant: datetime | None, zone: str) -> str:
    """Write an instant in a zone, ``2027-03-01 10:00 KST``; nothing for None."""
    if instant is None:
        return ""
    try:
        place: tzinfo = ZoneInfo(zone)
    except (KeyError, ValueError):  # a row that was damaged must still be readable
        place = UTC
    return f"{instant.astimezone(place):%Y-%m-%d %H:%M %Z}"


def moments(name: str, instants: Sequence[tuple[datetime | None, str]]) -> tuple[str, list[str]]:
    """Return a column's name and cells for instants, each in its zone; a zone that all share stands in the name."""
    written = [moment(instant, zone) for instant, zone in instants]
    zones = {text.rpartition(" ")[2] for text in written if text}
    if len(zones) != 1:
        return name, written
    return f"{name} ({zones.pop()})", [text.rpartition(" ")[0] for text in written]


def money(minor: int, currency: str) -> str:
    """Write an amount that is in minor units: ₩9,900."""
    return str(Money(minor, currency)) if currency in EXPONENTS else f"{minor} {currency}"


def seen(text: str) -> str:
    """Show ids as the API does, what could not be seen or could move the cursor as a visible sign, and what the
    terminal's encoding lacks otherwise.
    """
    return shown(_visible(text), sys.stdout)


def _for_error(text: str) -> str:
    return shown(_visible(text), sys.stderr)


def _visible(text: str) -> str:
    return replace_hidden(with_public_ids(text), keep="\n")


def _to_error(*parts: str | tuple[str, str], end: str = "\n") -> None:
    with noting(sys.stderr):
        err().print(Text.assemble(*parts), end=end, soft_wrap=True)


def _escape_hidden(text: str) -> str:
    """Escape in JSON what could not be seen, or could move the cursor: only strings hold any of it."""
    if replace_hidden(text, "", keep="\n") == text:
        return text
    return re.sub(r"[^\x00-\x7f]+", lambda found: _escaped_or_same(found[0]), text)


def _escaped_or_same(text: str) -> str:
    return text if replace_hidden(text, "") == text else json.dumps(text)[1:-1]


def _cell(value: str) -> Text:
    return Text(seen(value), style=_STYLES.get(value.partition(" ")[0] if value not in _STYLES else value, ""))


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        return _plain(told_outside(fields, getattr(value, "KIND", None)))
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in told_outside(value).items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return value
