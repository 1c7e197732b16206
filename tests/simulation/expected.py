"""Which edges of the table of states a run must have taken, by its size, and which it need not take, and why."""

from collections.abc import Mapping
from typing import Final

ENOUGH_FOR_RARE: Final = 5000
RARE: Final = frozenset(
    {
        "subscription incomplete_expired > trial_started",
        "subscription trialing > fell_past_due",
        "subscription paused > canceled",
        "subscription paused > resumed_in_arrears",
        "subscription unpaid > recovered",
        "subscription unpaid > canceled",
        "subscription unpaid > forgiven",
        "subscription incomplete > canceled",
        "invoice open > voided",
        "invoice uncollectible > voided",
        "charge sending > declined",
        "charge unknown > expired",
        "charge unknown > canceled",
        "charge unknown > refused",
        "charge sending > parked",
        "charge refused > captured",
        "charge expired > captured",
        "charge canceled > captured",
        "refund sending > refunded",
        "refund sending > refused",
        "refund unknown > parked",
        "refund pending > parked",
        "refund parked > released",
        "source active > suspected",
        "source suspect > confirmed",
        "source suspect > replaced",
        "source replaced > confirmed",
        "refund_obligation owed > refunded",
        "refund_obligation owed > settled",
    }
)
"""Demanded of a run of five thousand worlds or more."""
SELDOM: Final = frozenset(
    {
        "charge sending > expired",
        "charge sending > canceled",
        "charge unknown > parked",
        "charge parked > declined",
        "charge parked > canceled",
        "charge parked > settled",
        "charge pending > parked",
        "refund sending > declined",
        "refund sending > parked",
        "refund requested > refused",
        "refund unknown > declined",
        "refund unknown > refused",
        "refund refused > refunded",
        "refund declined > refunded",
        "refund parked > refunded",
        "refund parked > declined",
        "refund parked > settled",
        "source suspect > revoked",
    }
)
"""Taken in fewer than one world of five hundred, as far as was seen: told in the report, and never demanded."""
NOT_REACHED: Final[Mapping[str, str]] = {
    "charge sending > settled": "operators of the simulation settle what is parked only",
    "charge unknown > settled": "operators of the simulation settle what is parked only",
    "charge pending > settled": "operators of the simulation settle what is parked only",
    "refund requested > settled": "operators of the simulation settle what is parked only",
    "refund sending > settled": "operators of the simulation settle what is parked only",
    "refund unknown > settled": "operators of the simulation settle what is parked only",
    "refund pending > settled": "operators of the simulation settle what is parked only",
}


def not_demanded(worlds: int) -> frozenset[str]:
    """Return the edges that a run of so many worlds need not have taken."""
    rare = frozenset() if worlds >= ENOUGH_FOR_RARE else RARE
    return frozenset(NOT_REACHED) | SELDOM | rare
