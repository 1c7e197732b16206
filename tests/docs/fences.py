"""The fenced blocks of a page, and what each of them asks for."""

import re
from dataclasses import dataclass
from pathlib import Path

_COMMENT = re.compile(r"<!-- (file|not run): (.+?) -->\s*\Z")
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```\s*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """``note`` is what the comment right before the block says: the name of a file, or why it is not run."""

    language: str
    text: str
    line: int
    note: tuple[str, str] | None = None

    @property
    def is_run(self) -> bool:
        return self.note is None or self.note[0] != "not run"


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        before = _COMMENT.search(text[: match.start()])
        note = (before[1], before[2]) if before else None
        found.append(Block(match[1].strip(), match[2], text[: match.start()].count("\n") + 1, note))
    return found


def goes_on_from(page: Path) -> Path | None:
    """Return the page that must have been lived through before this one."""
    told = re.search(r"<!-- goes on from: (\S+) -->", page.read_text(encoding="utf-8"))
    return page.with_name(told[1]) if told else None


def matches(wanted: str, printed: str) -> bool:
    """Say whether what was printed is what a page shows: line by line, ``…`` standing for anything."""
    pattern = re.escape(wanted.strip()).replace(re.escape("…"), ".*")
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None
