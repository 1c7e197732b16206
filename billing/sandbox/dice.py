"""Every random decision is a pure function of (seed, decision, subject, ordinal).

A shared stream of random numbers would make the outcome depend on which request came first; a hash
does not, so one seed gives one world whatever the concurrency.
"""

import hashlib
from base64 import b32encode
from collections.abc import Sequence
from typing import Final, TypeVar

T = TypeVar("T")

_SCALE: Final = float(1 << 64)
_ID_LENGTH: Final = 26


class Dice:
    def __init__(self, seed: int) -> None:
        self.seed = seed

    def _digest(self, size: int, decision: str, subject: tuple[str | int, ...]) -> bytes:
        text = "\x1f".join([str(self.seed), decision, *map(str, subject)])
        return hashlib.blake2b(text.encode(), digest_size=size).digest()

    def chance(self, decision: str, *subject: str | int) -> float:
        """A number in [0, 1)."""
        return int.from_bytes(self._digest(8, decision, subject), "big") / _SCALE

    def hits(self, probability: float, decision: str, *subject: str | int) -> bool:
        """Whether something of this probability happens; no hashing when it cannot."""
        return probability > 0 and self.chance(decision, *subject) < probability

    def between(self, low: float, high: float, decision: str, *subject: str | int) -> int:
        """A whole number in [low, high]."""
        span = int(high) - int(low) + 1
        return int(low) + int(self.chance(decision, *subject) * max(span, 1))

    def pick(self, choices: Sequence[T], decision: str, *subject: str | int) -> T:
        return choices[int(self.chance(decision, *subject) * len(choices))]

    def name(self, prefix: str, *subject: str | int) -> str:
        """An id as Checkout.com's: the prefix and 26 base32 characters."""
        text = b32encode(self._digest(16, prefix, subject)).decode()
        return f"{prefix}_{text[:_ID_LENGTH].lower()}"
