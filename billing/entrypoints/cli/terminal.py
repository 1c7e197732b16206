"""What can be written where a command writes: text degrades to what an encoding has, and what is lost is noted.

An act that was done stays done: nothing that is wrong with a terminal, a pipe or a disk ends a command half way.
"""

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, TextIO

from plans.money import SYMBOLS

DEGRADE: Final = "billing.degrade"
_PLAIN: Final = {
    "₩": "KRW ",
    "→": "->",
    "…": "...",
    "·": "-",
    "—": "-",
    "\N{EN DASH}": "-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "“": "'",
    "”": "'",
    "�": "?",
}
"""How signs are written that an encoding lacks; anything else is written as an escape."""
_SYMBOLS: Final = sorted(SYMBOLS.items(), key=lambda each: -len(each[1]))


@dataclass(slots=True)
class _Written:
    """What became of the output of this run."""

    lost: str | None = None


_written = _Written()


def prepare() -> None:
    """Make the streams of this process take any text, and begin to note what cannot be written."""
    codecs.register_error(DEGRADE, _degraded)
    _written.lost = None
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed by who started us: nobody wants to read it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - for the whole run
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=DEGRADE)
    if isinstance(sys.stdin, io.TextIOWrapper):
        with suppress(io.UnsupportedOperation):  # whoever started us in this process has read from it
            sys.stdin.reconfigure(errors="replace")


def shown(text: str, stream: TextIO) -> str:
    """Return text with what the encoding of a stream lacks written otherwise, so that its width is known."""
    encoding = stream.encoding or "utf-8"
    if text.isascii() or encoding.lower().startswith("utf"):
        return text
    for currency, symbol in _SYMBOLS:
        if symbol in text and not has_all_of(symbol, stream):
            text = text.replace(symbol, f"{currency} ")
    return text.encode(encoding, DEGRADE).decode(encoding)


def has_all_of(text: str, stream: TextIO) -> bool:
    """Say whether the encoding of a stream has every letter of a text."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def write_line(text: str, *, to_error: bool = False) -> None:
    """Write a line whole and at once: what is copied or piped is never wrapped."""
    stream = sys.stderr if to_error else sys.stdout
    with noting(stream):
        stream.write(f"{text}\n")
        stream.flush()


@contextmanager
def noting(stream: TextIO) -> Iterator[None]:
    """Note it where what is written to a stream inside cannot be, and go on."""
    try:
        yield
    except OSError as error:
        if stream is sys.stdout:
            # Empty where the reader of a pipe has seen enough (`billing events | head`).
            _written.lost = "" if isinstance(error, BrokenPipeError) else (error.strerror or type(error).__name__)
        # The rest would be tried again at the end of the interpreter, which fails over it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def lost_output() -> str | None:
    """Return why output could not be written, or None; ``""`` where its reader had seen enough."""
    with noting(sys.stdout):
        sys.stdout.flush()
    return _written.lost


def _degraded(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter) or _escaped(letter) for letter in letters), error.end


def _escaped(letter: str) -> str:
    """Escape a letter as JSON does, so that a log line stays what it is."""
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
