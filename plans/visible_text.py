"""The one rule for text that people type: what shows nothing is no part of it."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from plans.unicode_tables import (
    DEFAULT_IGNORABLE,
    EXTENDED_PICTOGRAPHIC,
    PREPENDED_CONCATENATION_MARK,
    ranges_of,
)

# Control, format (zero-width, right-to-left) and surrogate characters, private and unassigned ones, separators of
# lines and paragraphs: what a reader cannot see, or a database cannot store.
_HIDDEN_CATEGORIES: Final = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Symbols by their category that are drawn as nothing: Braille blank, object replacement, null notehead.
_BLANK_SYMBOLS: Final = "\u2800\ufffc\U0001d159"
_SELECTORS: Final = "\ufe0e\ufe0f"


def _class(table: str) -> str:
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges_of(table))


def _emoji_pattern() -> str:
    """Return the forms of emoji that hold hidden characters (UTS #51): joined ones, keycaps, flags of three regions."""
    one = f"[{_class(EXTENDED_PICTOGRAPHIC)}][\U0001f3fb-\U0001f3ff{_SELECTORS}]?"
    flags = "|".join("".join(chr(0xE0000 + ord(letter)) for letter in region) for region in ("gbeng", "gbsct", "gbwls"))
    return f"\U0001f3f4(?:{flags})\U000e007f|[0-9#*]\ufe0f\u20e3|{one}(?:\u200d{one})*"


_EMOJI: Final = re.compile(_emoji_pattern())
_IGNORABLE: Final = re.compile(f"[{_class(DEFAULT_IGNORABLE)}{_BLANK_SYMBOLS}]")
_MARKS: Final = re.compile(f"[{_class(PREPENDED_CONCATENATION_MARK)}]")


def clean_text(text: str, longest: int) -> str:
    """Return text in Unicode form NFC without the spaces around it.

    :raises ValueError: it is empty, too long, or holds a character that cannot be seen.
    """
    composed = unicodedata.normalize("NFC", text).strip()
    refusal = hidden_refusal(composed)
    if refusal is not None:
        raise ValueError(refusal)
    if not 1 <= len(composed) <= longest:
        raise ValueError(f"must have 1 to {longest} characters")
    return composed


def clean_reference(text: str, longest: int) -> str:
    """Return text as :func:`clean_text` does, for what is compared letter by letter.

    Two that look the same are the same: selectors that only choose the style of an emoji are left out, and there is
    one kind of space.

    :raises ValueError: as :func:`clean_text`, or it holds a space of another kind.
    """
    cleaned = clean_text(text, longest)
    other = next((each for each in cleaned if each != " " and unicodedata.category(each) == "Zs"), None)
    if other is not None:
        raise ValueError(f"holds the character U+{ord(other):04X}, which looks like a space; write a space")
    return re.sub(f"[{_SELECTORS}]", "", cleaned)


def hidden_refusal(text: str) -> str | None:
    """Say which character of a text cannot be seen; None when all can. Selectors and joiners are part of an emoji."""
    if text.isascii() and text.isprintable():
        return None
    # A sign is left for each emoji: what stands around one must not become one.
    hidden = next((each for each in _EMOJI.sub("*", text) if _is_hidden(each)), None)
    return None if hidden is None else f"holds the character U+{ord(hidden):04X}, which cannot be seen; remove it"


def replace_hidden(text: str, sign: str = "�", *, keep: str = "") -> str:
    """Return text with a visible sign for each character that cannot be seen, but for those in ``keep``."""
    if text.isascii() and text.isprintable():
        return text
    parts, at = [], 0
    for found in _EMOJI.finditer(text):
        parts += [_replaced(text[at : found.start()], sign, keep), found[0]]
        at = found.end()
    return "".join((*parts, _replaced(text[at:], sign, keep)))


def _replaced(text: str, sign: str, keep: str) -> str:
    return "".join(sign if each not in keep and _is_hidden(each) else each for each in text)


@lru_cache(maxsize=4096)
def _is_hidden(character: str) -> bool:
    if _IGNORABLE.match(character):
        return True
    return unicodedata.category(character) in _HIDDEN_CATEGORIES and not _MARKS.match(character)
