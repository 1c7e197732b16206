"""Text as HTML: everything is escaped here, before it is put into a page."""

import json
import re
from html import escape
from typing import Any

_CODE = re.compile(r"(`+)(.+?)\1")


def line(text: str) -> str:
    """Return a text in one line, with what stands between backticks as code."""
    return _CODE.sub(r"<code>\2</code>", escape(" ".join(text.split())))


def prose(text: str) -> str:
    """Return the paragraphs of a text."""
    return "".join(f"<p>{line(each)}</p>" for each in re.split(r"\n\s*\n", text.strip()) if each.strip())


def code(text: str) -> str:
    """Return a word of a program."""
    return f"<code>{escape(text)}</code>"


def listing(title: str, text: str) -> str:
    """Return lines of a program under a title; they scroll, with the keyboard too."""
    return f'<figure><figcaption>{escape(title)}</figcaption><pre tabindex="0">{escape(text)}</pre></figure>'


def pretty(value: Any) -> str:
    """Return a value as JSON for people; text as it is."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
