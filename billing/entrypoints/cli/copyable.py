"""Sentences whose commands, paths and names can be copied whole from a terminal of any width."""

import re
from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len

_TOKEN: Final = re.compile(r"(?:`[^`]*`|[^\s`])+")
"""A word; what stands between backticks is one, spaces included."""


def lines_of(text: str, width: int) -> Iterator[str]:
    """Yield a text in lines of at most ``width`` cells. A word that is longer stands alone on a line of its own.

    Such a line is not broken: a terminal that wraps it copies it as one.
    """
    line = ""
    for word in _TOKEN.findall(text):
        if line and cell_len(line) + 1 + cell_len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line
