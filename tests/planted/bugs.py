"""The planted bugs: each a file in ``bugs/`` that says what to change, what harm it does, and what must catch it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "bugs"
_MOST_WORLDS, _MOST_SECONDS = 40, 900


class MovedOn(AssertionError):
    """The code that a planted bug replaces is no longer there: the bug must be planted anew, or be given up."""


@dataclass(frozen=True)
class Replacement:
    """``old``, which must stand in ``file`` exactly once, becomes ``new``."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Bug:
    """A mistake that somebody might make. Worlds or tests must fail with it, whichever it names."""

    name: str
    does: str
    """What it would do to subscribers or to the books."""
    changes: tuple[Replacement, ...]
    invariants: frozenset[int | str]
    """What a world may end with: numbers of invariants, or the name of an error. None: worlds are not asked."""
    without: frozenset[str]
    """The lines of defence that are taken away from these worlds, because they would hide the bug."""
    first_world: int
    worlds: int
    tests: tuple[str, ...]
    seconds: int

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.file for each in self.changes))

    def plant(self, tree: Path) -> None:
        """Write the bug into a tree.

        :raises MovedOn: what it replaces does not stand there exactly once.
        """
        for each in self.changes:
            file = tree / each.file
            text = file.read_text()
            if text.count(each.old) != 1:
                raise MovedOn(f"{self.name}: {each.file} has {text.count(each.old)} times, and not once:\n{each.old}")
            file.unlink()  # the file may be a hard link, whose other name must stay as it is
            file.write_text(text.replace(each.old, each.new))


def read_bugs() -> list[Bug]:
    """Read every planted bug, in the order of their numbers."""
    return [_read(file) for file in sorted(FOLDER.glob("*.toml"), key=lambda file: int(file.stem.split("-")[0]))]


def _read(file: Path) -> Bug:
    told = tomllib.loads(file.read_text())
    return Bug(
        name=file.stem,
        does=" ".join(told.pop("does").split()),
        changes=tuple(Replacement(**each) for each in told.pop("change")),
        invariants=frozenset(told.pop("invariants", ())),
        without=frozenset(told.pop("without", ())),
        first_world=told.pop("first_world", 1),
        worlds=told.pop("worlds", _MOST_WORLDS),
        tests=tuple(told.pop("tests", ())),
        seconds=told.pop("seconds", _MOST_SECONDS),
        **told,  # anything else is a slip of the pen, and raises
    )
