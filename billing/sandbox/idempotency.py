"""Idempotency keys as Checkout.com keeps them (idempotency page, 2026-01):

an answer is remembered only if it was 2xx, for 24 hours; two requests in flight with one key: one
runs, the other gets 429; after a 4xx or 5xx nothing is remembered and a resend is a new attempt.
"""

from billing.sandbox.instants import Instant, seconds
from billing.sandbox.records import Answered
from billing.sandbox.store import Store


class Idempotency:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._answered: dict[str, Answered] = {}
        self._in_flight: set[str] = set()

    def load(self) -> None:
        records = [Answered(**document) for document in self._store.load("answered")]
        self._answered = {each.key: each for each in sorted(records, key=lambda each: each.at)}

    def find(self, key: str, now: Instant, life_seconds: int) -> Answered | None:
        """The remembered answer, if its life is not over."""
        self._forget_old(now - seconds(life_seconds))
        return self._answered.get(key)

    def claim(self, key: str) -> bool:
        """Mark the key as in flight; False if it already is."""
        if key in self._in_flight:
            return False
        self._in_flight.add(key)
        return True

    def release(self, key: str) -> None:
        self._in_flight.discard(key)

    def remember(self, answered: Answered) -> None:
        # Deleted first, so that the order of the dictionary stays the order of time.
        self._answered.pop(answered.key, None)
        self._answered[answered.key] = answered
        self._store.put("answered", answered.key, answered)

    def _forget_old(self, before: Instant) -> None:
        while self._answered:
            oldest = next(iter(self._answered.values()))
            if oldest.at > before:
                return
            del self._answered[oldest.key]
            self._store.drop("answered", oldest.key)
