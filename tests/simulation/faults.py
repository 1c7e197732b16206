"""The faults a world may have: how likely each is at an opportunity, and how often each struck."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

# On the wire, when something is asked of the gateway to be done.
WRITE_FAULTS: Final = {
    "never_left": 0.04,  # no connection
    "lost_before": 0.03,  # timed out; it was never processed
    "lost_after": 0.05,  # timed out; it was processed, and the key is remembered
    "processed_500": 0.06,  # processed, but the answer is no 2xx: the key is not remembered
    "processed_late": 0.03,  # timed out; it is processed up to two minutes later
    "unprocessed_502": 0.04,
    "rate_limited": 0.03,
    "unauthorised": 0.015,
    "garbage": 0.03,  # processed, and answered with what nobody can read
    "forged_answer": 0.02,  # processed, and answered with another amount or reference
    "refused": 0.03,  # 422, not processed
    "refusal_lies": 0.01,  # 422, processed all the same
}
# When something is read.
READ_FAULTS: Final = {
    "read_unreachable": 0.04,
    "read_broken": 0.05,  # 5xx, 429, 404, garbage
    "list_incomplete": 0.02,
    "read_lies": 0.01,  # once, a read tells another amount
}
# What becomes of payments and refunds.
OUTCOME_FAULTS: Final = {
    "list_lag": 0.4,  # the list shows a payment up to five minutes late
    "id_lag": 0.1,  # so does the payment itself
    "slow_outcome": 0.12,  # hours or days
    "stuck": 0.03,  # no outcome before the healing
    "declined": 0.2,
    "expired": 0.06,
    "canceled": 0.04,
    "late_capture": 0.25,  # of what was declined, expired or canceled: captured after all
    "odd_status": 0.05,  # an open payment says something nobody knows
    "refund_slow": 0.2,
    "refund_declined": 0.15,
    "source_kept": 0.4,  # a new agreement comes under the old id
}
WEBHOOK_FAULTS: Final = {
    "webhook_dropped": 0.2,
    "webhook_delayed": 0.15,
    "webhook_duplicated": 0.15,
    "webhook_reordered": 0.3,
    "webhook_renamed": 0.3,  # a redelivery comes under a new event id
    "webhook_forged": 0.03,  # a wrong signature
    "webhook_foreign": 0.03,  # about a payment of another system
}
# At any statement, commit or call of ours.
PROCESS_FAULTS: Final = {
    "crash": 0.0025,
    "crash_again": 0.02,  # soon after a crash: in recovery
    "stall": 0.001,  # the process stands still for minutes, and goes on as if nothing was
    "database_busy": 0.001,
    "database_broken": 0.0007,
    "poisoned": 0.0015,  # an error that is nobody's but the row's
}
# Written into the course of a world; the figure is the chance that a world has it.
COURSE_FAULTS: Final = {
    "downtime": 0.5,
    "outage": 0.5,
    "clock_step": 0.4,
    "restore": 0.3,
    "wallet_cut": 0.6,
    "operators": 0.9,
    "second_click": 0.5,
    "late_subscriber": 0.5,
}
# Drawn by dice of their own, so that a world without them stays what its seed always was.
ACCOUNT_FAULTS: Final = {
    "misconfigured": 0.25,  # for hours or days every wallet charge is accepted, and declined later with a set-up code
}
# What Checkout.com's dashboard, a payer or another system does past the engine; drawn by dice of their own, too.
FOREIGN_FAULTS: Final = {
    "dashboard_refund": 0.15,  # made past the engine, and its webhook is lost
    "orphan_payment": 0.1,  # taken on our channel under none of our references
    "dispute": 0.12,  # opened by the payer, and decided days later
}
CATALOGUE: Final[Mapping[str, float]] = {
    **WRITE_FAULTS,
    **READ_FAULTS,
    **OUTCOME_FAULTS,
    **WEBHOOK_FAULTS,
    **PROCESS_FAULTS,
    **COURSE_FAULTS,
    **ACCOUNT_FAULTS,
    **FOREIGN_FAULTS,
}


class Dice:
    """Decides when a fault strikes. Of the catalogue, a world has a random half switched on."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"{seed}/faults")
        names = sorted(CATALOGUE.keys() - ACCOUNT_FAULTS.keys() - FOREIGN_FAULTS.keys())
        self.on = frozenset(self._rng.sample(names, len(names) // 2))
        self._intensity = self._rng.choice((0.5, 1.0, 1.0, 2.0))
        self.fired: Counter[str] = Counter()

    def strikes(self, name: str) -> bool:
        """Say whether a fault strikes now, and count it if it does."""
        if name not in self.on or self._rng.random() >= min(0.9, CATALOGUE[name] * self._intensity):
            return False
        self.fired[name] += 1
        return True

    def first_of(self, names: Mapping[str, float]) -> str | None:
        """Return the first of these faults that strikes now, or None."""
        return next((name for name in names if self.strikes(name)), None)

    def choose(self, options: Sequence[T]) -> T:
        return self._rng.choice(options)

    def stop(self) -> None:
        """Switch every fault off: the healing begins."""
        self.on = frozenset()
