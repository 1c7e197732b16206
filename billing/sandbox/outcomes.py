"""What a wallet's script may say: one item per charge, in a tiny language of strings."""

import re
from dataclasses import dataclass
from typing import Final

_CODE: Final = re.compile(r"[0-9][0-9A-Z]{4}")
_ERROR_CODE: Final = re.compile(r"[a-z0-9_]{1,80}")

#: Items that stand alone, and what becomes of the payment.
_PLAIN: Final = {
    "ok": "captured if the agreement holds and the balance suffices",
    "hang": "stays Pending for ever",
    "expire": "Expired",
    "cancel": "Canceled",
    "reject": "Declined because the customer refused",
    "authorized": "stays Authorized for ever",
    "void": "Voided",
    "capture_declined": "Declined when the money was to be taken",
    "paid": "captured, told as Paid",
}

#: Items with hours, and what may follow them besides a response code.
_HOURS: Final = {
    "pending": ("ok", "expire", "cancel"),
    "late": ("expire", "cancel"),
    "authorized": ("ok", "expire", "cancel", "void", "capture_declined"),
    "retry": ("ok", "expire", "cancel"),
    "returned": ("ok",),
}


@dataclass(frozen=True)
class Outcome:
    """One script item, understood.

    ``kind`` is a word of the items that stand alone, or decline, pending, late, retry, returned, wrong_amount, partial
    or refuse. ``then`` is the item that follows after ``hours``; empty = none, or of late one by the seed.
    """

    kind: str
    code: str = ""
    hours: float = 0
    amount: int = 0
    then: str = "ok"
    settle_seconds: float | None = None


def read_outcome(item: object) -> Outcome:
    """Understand a script item.

    :raises ValueError: the item is not one; the message says what is possible.
    """
    if isinstance(item, dict):
        return _read_object(item)
    if not isinstance(item, str):
        raise ValueError(f"a script item is a string or an object, not {item!r}")  # noqa: TRY004 - a user's value
    if item in _PLAIN:
        return Outcome(item, then="" if item == "authorized" else "ok")
    if _CODE.fullmatch(item):
        return Outcome("decline", code=item)
    return _read_parameters(item)


def _read_object(item: dict[str, object]) -> Outcome:
    settle = item.get("settle_seconds")
    known = set(item) <= {"outcome", "settle_seconds"}
    if not known or isinstance(settle, bool) or not isinstance(settle, int | float) or settle < 0:
        raise ValueError('an object item is {"outcome": ITEM, "settle_seconds": number of 0 or more}')
    inner = read_outcome(item.get("outcome", "ok"))
    return Outcome(inner.kind, inner.code, inner.hours, inner.amount, inner.then, float(settle))


def _read_parameters(item: str) -> Outcome:
    word, _, rest = item.partition(":")
    first, _, then = rest.partition(":")
    if word == "422" and _ERROR_CODE.fullmatch(rest):
        return Outcome("refuse", code=rest)
    if word in {"wrong_amount", "partial"} and first.isdecimal() and int(first) and not then:
        return Outcome(word, amount=int(first))
    if word in _HOURS and re.fullmatch(r"\d{1,6}(\.\d{1,6})?", first):
        return Outcome(word, hours=float(first), then=_read_then(word, then))
    raise ValueError(
        f"unknown script item {item!r}: use {', '.join(_PLAIN)}, a response code such as 20051, "
        "pending:HOURS, pending:HOURS:CODE, late:HOURS, late:HOURS:CODE, authorized:HOURS:END, retry:HOURS:END, "
        "returned:HOURS, wrong_amount:N, partial:N or 422:error_code"
    )


def _read_then(word: str, then: str) -> str:
    """What ends the waiting, or is declared before the late truth (late; empty = by the seed)."""
    if not then:
        return "" if word == "late" else "ok"
    if then in _HOURS[word] or (_CODE.fullmatch(then) and word != "returned"):
        return then
    raise ValueError(f"{word}:HOURS may end in a response code, {' or '.join(_HOURS[word])}, not {then!r}")
