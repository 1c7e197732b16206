"""Ids as the outside sees them: what a thing is, then which one it is, so that no id is taken for another's.

Rows keep bare UUIDs and counters. An id is written in one way only: what :func:`public_id` would not write,
:func:`uuid_of` does not read.
"""

import base64
import re
from enum import StrEnum
from typing import Final
from uuid import UUID

_LETTERS: Final = re.compile(r"[a-z2-7]{26}")
_FIRST_LETTERS: Final = re.compile(r"[a-z2-7]{6,25}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SPOKEN: Final = re.compile(
    rf"\b(customer|subscription|invoice|charge|refund|refund_obligation|source|price) ({_UUID.pattern})\b"
)
_BRIEF_LETTERS: Final = 8
LARGEST_NUMBER: Final = 2**63 - 1


class Kind(StrEnum):
    """What an id names; the value is its prefix. A gateway's ``src_`` id is not one of ours."""

    CUSTOMER = "cus"
    SUBSCRIPTION = "sub"
    INVOICE = "inv"
    CHARGE = "ch"
    REFUND = "re"
    REFUND_OBLIGATION = "ro"
    SOURCE = "source"
    PRICE = "price"
    API_KEY = "key"
    WEBHOOK_ENDPOINT = "we"
    DELIVERY = "whd"
    EVENT = "evt"


class NotAnId(ValueError):
    """The text is not an id of the kind that was asked for; the message says what one looks like."""


def public_id(kind: Kind, value: UUID) -> str:
    """Return ``sub_bu7w7dqrcfbcfaztircfkvlgmy``: the prefix and the UUID in 26 characters of base32, lower case."""
    return f"{kind}_{base64.b32encode(value.bytes).decode().rstrip('=').lower()}"


def brief_id(kind: Kind, value: UUID) -> str:
    """Return ``sub_bu7w7dqr``: the beginning of an id, for lists; :func:`beginning_of` reads it."""
    return public_id(kind, value)[: len(kind) + 1 + _BRIEF_LETTERS]


def beginning_of(kind: Kind, text: str) -> tuple[UUID, UUID]:
    """Return the first and the last UUID whose id begins so; they are the same when the id is whole.

    :raises NotAnId: it names another kind of thing, or is too short, or nothing.
    """
    letters = _without_prefix(kind, text)
    if not _FIRST_LETTERS.fullmatch(letters):
        whole = uuid_of(kind, text)
        return whole, whole
    low, high = (base64.b32decode(f"{letters.ljust(26, end).upper()}======") for end in "a7")
    return UUID(bytes=low), UUID(bytes=high)


def uuid_of(kind: Kind, text: str) -> UUID:
    """Return the UUID of an id that :func:`public_id` wrote.

    :raises NotAnId: it names another kind of thing, or nothing.
    """
    letters = _without_prefix(kind, text)
    if not _LETTERS.fullmatch(letters):
        raise NotAnId(f"{_wanted(kind)}, then 26 letters a-z and digits 2-7")
    value = UUID(bytes=base64.b32decode(f"{letters.upper()}======"))
    # The last letter holds two bits more than the UUID has: an id that sets them is a second name of the same thing.
    if public_id(kind, value) != text:
        raise NotAnId(f"{_wanted(kind)}; this one was never given out: copy it whole")
    return value


def subject_id(subject_type: str, internal: str) -> str:
    """Return the id of what an event or an entry is about, as the outside sees it.

    What has no prefix, such as a plan, keeps the id that it has.
    """
    kind = Kind.__members__.get(subject_type.upper())
    return public_id(kind, UUID(internal)) if kind is not None and _UUID.fullmatch(internal) else internal


def brief_subject(subject_type: str, internal: str) -> str:
    """Return the beginning of what :func:`subject_id` returns, for lists."""
    kind = Kind.__members__.get(subject_type.upper())
    return brief_id(kind, UUID(internal)) if kind is not None and _UUID.fullmatch(internal) else internal


def with_public_ids(sentence: str) -> str:
    """Return a sentence that speaks of "subscription 0198…", as rows have it, with ids as the outside sees them."""
    return _SPOKEN.sub(lambda found: f"{found[1]} {subject_id(found[1], found[2])}", sentence)


def numbered_id(kind: Kind, number: int) -> str:
    """Return the id of what is counted, such as ``evt_42``."""
    return f"{kind}_{number}"


def number_of(kind: Kind, text: str) -> int:
    """Return the number of an id that :func:`numbered_id` wrote, at most :data:`LARGEST_NUMBER`.

    :raises NotAnId: it names another kind of thing, or nothing.
    """
    digits = _without_prefix(kind, text)
    if not _NUMBER.fullmatch(digits) or int(digits) > LARGEST_NUMBER:
        raise NotAnId(f"{_wanted(kind)}, then a number without leading zeros")
    return int(digits)


def _without_prefix(kind: Kind, text: str) -> str:
    prefix, _, rest = text.rpartition("_")
    if prefix == kind:
        return rest
    # The text itself is not repeated: it may be anything that was pasted into the wrong field.
    others = {other.value: other for other in Kind}
    if prefix in others:
        raise NotAnId(f"{_wanted(kind)}; this is the id of {_spoken(others[prefix])}")
    raise NotAnId(_wanted(kind))


def _wanted(kind: Kind) -> str:
    return f"the id of {_spoken(kind)} begins with {kind}_"


def _spoken(kind: Kind) -> str:
    words = "API key" if kind is Kind.API_KEY else kind.name.lower().replace("_", " ")
    return f"an {words}" if words[0] in "Aeio" else f"a {words}"
