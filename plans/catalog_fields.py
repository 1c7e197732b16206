"""The rules of each field of a catalog file. A refusal says what was wrong and what would be right."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import Any

from plans.calendar import LARGEST_COUNT, IntervalUnit
from plans.limits import Limits
from plans.money import LARGEST_MINOR
from plans.visible_text import hidden_refusal

LARGEST_TRIAL_DAYS = 730
LONGEST_NAME = 100

TableProblem = tuple[str, str]
"""A key, and what is wrong with it."""

_EXAMPLES = {
    "code": 'code = "basic"',
    "name": 'name = "베이직"',
    "amount": "amount = 9900",
    "currency": 'currency = "KRW"',
    "interval": 'interval = "month"',
    "interval_count": "interval_count = 1",
    "trial_days": "trial_days = 0",
}
_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a decimal number",
    str: "text",
    datetime: "a date and time",
    date: "a date",
    time: "a time",
    list: "a list",
}
_OPTIONAL = {"interval_count", "trial_days"}
_CODE = re.compile(r"[a-z][a-z0-9-]{0,49}")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,50}")


def plan_tables(root: dict[str, Any]) -> list[dict[str, Any]]:
    """Take the `[[plans]]` blocks out of the file; none when `plans` is something else."""
    plans = root.get("plans")
    if isinstance(plans, list) and all(isinstance(plan, dict) for plan in plans):
        return plans
    return []


def root_problems(root: dict[str, Any]) -> list[TableProblem]:
    """Check what stands at the top of the file: at least one `[[plans]]` block, and nothing else."""
    found = _unknown_keys(root, ["plans"])
    if root.get("plans", []) == []:
        found.append(("plans", "there are no plans; add a block that starts with [[plans]]"))
    elif not plan_tables(root):
        found.append(("plans", "is not a list of plans; start each with [[plans]], in double brackets"))
    return found


def plan_problems(table: dict[str, Any], limits: Limits) -> list[TableProblem]:
    """Check one `[[plans]]` block."""
    checks: dict[str, Callable[[Any], str | None]] = {
        "code": code_refusal,
        "name": lambda value: name_refusal(composed(value) if isinstance(value, str) else value),
        "amount": lambda value: _amount_refusal(value, table.get("currency"), limits),
        "currency": lambda value: _currency_refusal(value, limits),
        "interval": _interval_refusal,
        "interval_count": lambda value: _number_refusal(value, "interval_count", 1, LARGEST_COUNT),
        "trial_days": lambda value: _number_refusal(value, "trial_days", 0, LARGEST_TRIAL_DAYS),
    }
    found = _unknown_keys(table, list(checks))
    for key, check in checks.items():
        if key in table:
            refusal = check(table[key])
        else:
            refusal = None if key in _OPTIONAL else f"is missing; add a line such as {_EXAMPLES[key]}"
        if refusal:
            found.append((key, refusal))
    return found


def code_refusal(value: object) -> str | None:
    """Say why `value` is no code of a plan; None when it is one."""
    if not isinstance(value, str):
        return _text_refusal(value, "code")
    if _CODE.fullmatch(value):
        return None
    rule = "use 1 to 50 of a-z, 0-9 and -, with a letter first, such as 'pro-monthly'"
    return f"{_shown(value)} is not a code; {rule}"


def name_refusal(value: object) -> str | None:
    """Say why `value` is no name of a plan; None when it is one."""
    if not isinstance(value, str):
        return _text_refusal(value, "name")
    if not 1 <= len(value) <= LONGEST_NAME:
        return f"has {len(value):,} characters; use 1 to {LONGEST_NAME}"
    hidden = hidden_refusal(value)
    if hidden is not None:
        return f"{_shown(value)} {hidden}"
    if value != value.strip():
        return f"{_shown(value)} has spaces around it; remove them"
    if value != composed(value):
        return f"{_shown(value)} is not in Unicode form NFC; compose it first"
    return None


def spelled(key: str) -> str:
    """Spell a key in a message as in the file: plainly, or in quotes when it needs them."""
    return key if _BARE_KEY.fullmatch(key) else _shown(key)


def composed(name: str) -> str:
    """Bring a name to Unicode form NFC, so that Hangul typed on any machine is the same text."""
    return unicodedata.normalize("NFC", name)


def _amount_refusal(value: object, currency: object, limits: Limits) -> str | None:
    if type(value) is int and isinstance(currency, str) and currency in limits.currencies:
        return limits.refusal_of(value, currency)
    return _number_refusal(value, "amount", 1, LARGEST_MINOR)


def _currency_refusal(value: object, limits: Limits) -> str | None:
    if not isinstance(value, str):
        return _text_refusal(value, "currency")
    if value in limits.currencies:
        return None
    suggestion = _suggestion(value, limits.currencies)
    return f"{_shown(value)} is not charged here; use {limits.currency_list}{suggestion}"


def _interval_refusal(value: object) -> str | None:
    if not isinstance(value, str):
        return _text_refusal(value, "interval")
    units = [str(unit) for unit in IntervalUnit]
    if value in units:
        return None
    return f"{_shown(value)} is not an interval; use {', '.join(units)}{_suggestion(value, units)}"


def _number_refusal(value: object, key: str, low: int, high: int) -> str | None:
    if type(value) is not int:
        plain = f"a whole number without quotes, point or exponent, such as {_EXAMPLES[key]}"
        return f"{_shown(value)} is {_kind(value)}; write {plain}"
    if not low <= value <= high:
        return f"{_shown(value)} is out of bounds; use {low} to {high}"
    return None


def _text_refusal(value: object, key: str) -> str:
    return f"{_shown(value)} is {_kind(value)}; write text in quotes, such as {_EXAMPLES[key]}"


def _unknown_keys(table: dict[str, Any], known: list[str]) -> list[TableProblem]:
    return [
        (key, f"is not a known key; use {', '.join(known)}{_suggestion(key, known)}")
        for key in table
        if key not in known
    ]


def _suggestion(word: str, known: Iterable[str]) -> str:
    folded = {candidate.lower(): candidate for candidate in known}
    nearest = get_close_matches(word.lower(), folded, n=1)
    return f"; did you mean {folded[nearest[0]]!r}?" if nearest else ""


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a table")


def _shown(value: object) -> str:
    """Show a value in a message: on one line, never long, with what cannot be seen written out."""
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
