"""TOML with line numbers: the parser of the standard library keeps none, and an operator needs them."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LARGEST_FILE = 1_000_000
LONGEST_LINE = 1_000

_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*",
    re.DOTALL,
)
_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*')"""
_PATH = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_STATEMENT = re.compile(rf"[ \t]*(?P<brackets>\[{{0,2}})[ \t]*(?P<path>{_PATH})[ \t]*[\]=]")
_PLACE = re.compile(r" \(at line (\d+), column \d+\)$")


class TomlError(ValueError):
    """The text is not TOML that can be read; `line` says where."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


@dataclass(frozen=True)
class Lines:
    """Where in the file things stand; what has no line of its own is found with what it belongs to."""

    root: dict[str, int]
    plans: list[dict[str, int]]

    def of_root(self, key: str) -> int:
        return self.root.get(key, 1)

    def of(self, index: int, key: str) -> int:
        # Plans written as one inline list have no headers; the list itself is the nearest thing to point at.
        if index >= len(self.plans):
            return self.of_root("plans")
        return self.plans[index].get(key, self.plans[index][""])


def parse_toml(text: str) -> tuple[dict[str, Any], Lines]:
    """Parse a TOML text, and say on which line each plan and each of its keys stands.

    :raises TomlError: when it is not TOML, or larger than 1,000,000 bytes, or not plain text.
    """
    _require_plain(text)
    try:
        return tomllib.loads(text), _lines(text)
    except RecursionError:
        raise TomlError(1, "lists or tables are nested too deeply; a plan needs no nesting") from None
    except ValueError as error:
        place = _PLACE.search(str(error))
        line = int(place[1]) if place else text.rstrip("\n").count("\n") + 1
        raise TomlError(line, f"is not valid TOML: {_PLACE.sub('', str(error))}") from None


def _require_plain(text: str) -> None:
    if len(text.encode(errors="surrogatepass")) > LARGEST_FILE:
        raise TomlError(1, f"is larger than {LARGEST_FILE:,} bytes; a catalog is a short file")
    if text.startswith("\ufeff"):
        raise TomlError(1, "starts with a byte order mark; save it as UTF-8 without BOM")
    if not text.strip():
        raise TomlError(1, "is empty; add a block that starts with [[plans]]")
    for number, line in enumerate(text.split("\n"), start=1):
        if "\0" in line:
            raise TomlError(number, "holds a NUL character; save it as UTF-8 text")
        if len(line) > LONGEST_LINE:
            raise TomlError(number, f"the line is longer than {LONGEST_LINE:,} characters; shorten it")


def _lines(text: str) -> Lines:
    lines = Lines(root={}, plans=[])
    here = lines.root
    for number, brackets, path in _statements(text):
        if not brackets:
            here.setdefault(path[0], number)
        elif path == ["plans"] and brackets == "[[":
            here = {"": number}
            lines.plans.append(here)
        elif path[0] == "plans" and lines.plans:
            lines.plans[-1].setdefault(path[1], number)
            here = {}
        else:
            lines.root.setdefault(path[0], number)
            here = {}
    return lines


def _statements(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield line, brackets and path of every header and key, passing over values that run on."""
    depth = 0
    for number, line in enumerate(_STRING.sub(_without_lines, text).split("\n"), start=1):
        statement = None if depth else _STATEMENT.match(line)
        if statement:
            yield number, statement["brackets"], _parts(statement["path"])
        bare = _STRING.sub("", line)
        depth += sum(bare.count(bracket) for bracket in "[{") - sum(bare.count(bracket) for bracket in "]}")


def _without_lines(string: re.Match[str]) -> str:
    """Keep a string of one line, which may be a key; of a longer one or a comment keep the line breaks."""
    one_line = "\n" not in string[0] and not string[0].startswith("#")
    return string[0] if one_line else "\n" * string[0].count("\n")


def _parts(path: str) -> list[str]:
    """Read a dotted and perhaps quoted path the way the parser does."""
    table: Any = tomllib.loads(f"{path} = 0")
    parts = []
    while isinstance(table, dict):
        [(part, table)] = table.items()
        parts.append(part)
    return parts
