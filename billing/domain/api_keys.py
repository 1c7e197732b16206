"""What an API key looks like, and whether one that was presented still opens anything.

``bk_test_`` or ``bk_live_``, then 200 bits in base32, then six letters that are worked out from the rest: a key
that was cut off or mistyped is told apart before anybody looks it up, and one that leaked is found by its prefix.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from billing.domain.roles import Role

ENTROPY_BYTES: Final = 25
_LETTERS: Final = re.compile(r"[a-z2-7]{46}")
_CHECK_LETTERS: Final = 6
_HINT_LETTERS: Final = 4
_KEYS: Final = UUID("5b0b6c6e-5f4c-5d0e-9d55-0a6f7f0b8f21")


class KeyMode(StrEnum):
    """Whether a key belongs to an installation that moves real money."""

    TEST = "test"
    LIVE = "live"


class NotAKey(ValueError):
    """The text cannot be an API key of ours; the message says why, and does not repeat it."""


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """What is known of a key. Digests are those of :func:`key_digest`; instants are the machine's, in UTC."""

    id: UUID
    name: str
    role: Role
    digest: str
    previous_digest: str | None
    previous_ends_at: datetime | None
    """Until then the secret that was rotated away opens the same doors."""
    revoked_at: datetime | None
    last_used_at: datetime | None


def compose_key(mode: KeyMode, entropy: bytes) -> str:
    """Return the key that holds :data:`ENTROPY_BYTES` of chance.

    :raises ValueError: they are too few or too many.
    """
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"a key holds {ENTROPY_BYTES} bytes of chance, not {len(entropy)}")
    begun = f"bk_{mode}_{base64.b32encode(entropy).decode().lower()}"
    return begun + _check_letters(begun)


def read_mode(key: str) -> KeyMode:
    """Return the mode of a key whose check letters are right.

    :raises NotAKey: it is none of ours, or was cut off or mistyped.
    """
    head, _, letters = key.rpartition("_")
    mode = next((each for each in KeyMode if head == f"bk_{each}"), None)
    if mode is None:
        raise NotAKey("it is no key of this API: one begins with bk_test_ or bk_live_")
    if not _LETTERS.fullmatch(letters) or _check_letters(key[:-_CHECK_LETTERS]) != key[-_CHECK_LETTERS:]:
        raise NotAKey("it was cut off or mistyped; copy it whole")
    return mode


def key_digest(key: str) -> str:
    """Return what is stored of a key: SHA-256 in hexadecimal digits. What has 200 bits of chance needs no slow hash."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def key_hint(key: str) -> str:
    """Return the beginning of a key, by which people tell it from others: ``bk_test_k3fa``."""
    head, _, letters = key.rpartition("_")
    return f"{head}_{letters[:_HINT_LETTERS]}"


def key_id(first_digest: str) -> UUID:
    """Return the id of the key that was created with this secret; rotating keeps it."""
    return uuid5(_KEYS, first_digest)


def why_refused(standing: KeyStanding, digest: str, now: datetime) -> str | None:
    """Say why a key that was presented opens nothing at ``now`` (the machine's time, UTC), or None."""
    if standing.revoked_at is not None:
        return f"it was revoked on {standing.revoked_at:%Y-%m-%d}"
    # Compared in a time that tells nothing, though finding the row by its digest tells nothing useful either.
    if hmac.compare_digest(standing.digest, digest):
        return None
    ends_at = standing.previous_ends_at
    if ends_at is None or standing.previous_digest is None or not hmac.compare_digest(standing.previous_digest, digest):
        return "it is not known"
    return None if now < ends_at else f"it was replaced, and ended on {ends_at:%Y-%m-%d}"


def _check_letters(text: str) -> str:
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()[:_CHECK_LETTERS]
