"""How many attempts at an invoice the plan of retries allows in a time: what an older copy may have forgotten."""

from datetime import timedelta
from typing import Final

from billing.domain.dunning import DunningPolicy

LEAST: Final = 8
"""Attempts that are reckoned with however short the time was."""
BY_HAND: Final = 3
"""Attempts of people and of the subscriber in the wallet, which no plan bounds, that are reckoned with beside it."""
_A_DAY: Final = timedelta(days=1)


def most_attempts(policy: DunningPolicy, lasted: timedelta) -> int:
    """Return how many attempts at one invoice may have been made in a time that lasted so long.

    Technical failures are followed by the waits of the policy, up to its number of tries; others by one attempt a day,
    until the ladder is over.
    """
    technical, waited = 1, timedelta(0)
    while technical <= policy.technical_tries:
        waited += policy.technical_delays[min(technical, len(policy.technical_delays)) - 1]
        if waited > lasted:
            break
        technical += 1
    counted = min(lasted // _A_DAY, policy.days) + 2
    return max(LEAST, technical + counted + BY_HAND)
