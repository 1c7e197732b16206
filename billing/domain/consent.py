"""When the subscriber's consent to the end of a trial counts: within the 30 days before the first charge.

Enforcement Decree of the E-Commerce Act art. 20-2. The law is Korea's, so its days are counted in
:data:`CONSENT_ZONE`; the trial ends when its last day does in the zone that the subscription is billed in.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from billing.domain.quiet_hours import WALLET_ZONE
from plans.calendar import billing_day, start_of_day

CONSENT_WINDOW: Final = timedelta(days=30)
CONSENT_ZONE: Final = WALLET_ZONE


@dataclass(frozen=True, slots=True)
class ConsentDays:
    """The first and the last day, in :data:`CONSENT_ZONE`, on which consent counts."""

    opens: date
    closes: date


def consent_days(first_charge: date, zone: str) -> ConsentDays:
    """Return the days of the window before ``first_charge``, the day in ``zone`` on which the trial is over."""
    ends_at = start_of_day(first_charge, zone)
    opens = billing_day(ends_at, CONSENT_ZONE) - CONSENT_WINDOW
    return ConsentDays(opens, billing_day(ends_at - timedelta(microseconds=1), CONSENT_ZONE))


def consent_counts(given_at: datetime, first_charge: date, zone: str) -> bool:
    """Say whether consent given at an instant (UTC) counts for a trial that is over on ``first_charge`` in ``zone``."""
    opens = consent_days(first_charge, zone).opens
    return billing_day(given_at, CONSENT_ZONE) >= opens and given_at < start_of_day(first_charge, zone)


def consent_ends_on(given_at: datetime, zone: str) -> date:
    """Return the first day, in ``zone``, whose first charge consent given at an instant (UTC) does not cover."""
    day = billing_day(given_at, zone) + CONSENT_WINDOW
    while consent_counts(given_at, day, zone):
        day += timedelta(days=1)
    return day
