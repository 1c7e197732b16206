"""When consent to the end of a trial counts: 30 days before it by Seoul's calendar, whatever the billing zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from a_case import kst

from billing.domain.consent import ConsentDays, consent_counts, consent_days, consent_ends_on

ENDS = date(2027, 3, 2)


def at(zone, text):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        ("2027-01-30 23:59", False),
        ("2027-01-31 00:00", True),
        ("2027-03-01 23:59", True),
        ("2027-03-02 00:00", False),
    ],
)
def test_in_seoul_it_counts_on_the_thirty_days_before_the_first_charge(given, counts):
    assert consent_counts(kst(given), ENDS, "Asia/Seoul") is counts


@pytest.mark.parametrize(
    ("zone", "given", "counts"),
    [
        ("America/New_York", "2027-01-30 09:59", False),  # 30 January in Seoul, too
        ("America/New_York", "2027-01-30 10:00", True),  # 31 January in Seoul
        ("America/New_York", "2027-03-01 23:59", True),  # 2 March in Seoul, but the trial still runs
        ("America/New_York", "2027-03-02 00:00", False),
        ("Pacific/Auckland", "2027-01-30 03:59", False),  # 29 January in Seoul
        ("Pacific/Auckland", "2027-01-30 04:00", True),  # 30 January in Seoul, where the trial ends on 1 March
        ("Pacific/Auckland", "2027-03-01 23:59", True),
        ("Pacific/Auckland", "2027-03-02 00:00", False),
    ],
)
def test_elsewhere_the_days_are_still_seouls_and_the_end_is_that_of_the_trial(zone, given, counts):
    assert consent_counts(at(zone, given), ENDS, zone) is counts


def test_the_days_that_are_shown_are_the_days_that_count():
    assert consent_days(ENDS, "Asia/Seoul") == ConsentDays(date(2027, 1, 31), date(2027, 3, 1))
    assert consent_days(ENDS, "America/New_York") == ConsentDays(date(2027, 1, 31), date(2027, 3, 2))
    assert consent_days(ENDS, "Pacific/Auckland") == ConsentDays(date(2027, 1, 30), date(2027, 3, 1))


@pytest.mark.parametrize("zone", ["Asia/Seoul", "UTC", "America/Los_Angeles", "Pacific/Kiritimati"])
@pytest.mark.parametrize("given", ["2027-01-30 00:10", "2027-01-30 12:00", "2027-01-30 23:50"])
def test_consent_ends_on_the_first_day_for_which_it_does_not_count(given, zone):
    ends_on = consent_ends_on(kst(given), zone)
    assert consent_counts(kst(given), ends_on - timedelta(days=1), zone)
    assert not consent_counts(kst(given), ends_on, zone)
