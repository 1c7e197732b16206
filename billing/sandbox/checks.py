"""Small predicates about what JSON may hold: strict, because JSON's own types are not."""

import re
from collections.abc import Container
from typing import Any, Final
from urllib.parse import urlsplit

_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,253}")
_URL_LENGTH_MAX: Final = 1024


def is_whole(value: Any, low: int, high: int) -> bool:
    """An integer in [low, high]; true and 1.0 are none."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def is_text(value: Any, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest


def is_one_of(value: Any, names: Container[str]) -> bool:
    return isinstance(value, str) and value in names


def is_email(value: Any) -> bool:
    return isinstance(value, str) and _EMAIL.fullmatch(value) is not None


def is_url(value: Any) -> bool:
    """An absolute http(s) URL of at most 1024 characters."""
    if not is_text(value, _URL_LENGTH_MAX):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def is_id(value: Any, prefix: str) -> bool:
    """A gateway id: prefix, underscore, 26 characters (the official SDKs' pattern)."""
    return isinstance(value, str) and re.fullmatch(rf"{prefix}_\w{{26}}", value) is not None


def child(document: Any, name: str) -> Any:
    """A member of an object, or None of anything else."""
    return document.get(name) if isinstance(document, dict) else None
