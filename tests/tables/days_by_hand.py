"""A sample of the table that was worked out by hand: days and won, from the rule and a calendar of 2028.

31 January 2028 is a Monday, and February has 29 days.
"""

from typing import Final

from day_cases import (
    CUT_LONG,
    FAILED_TO_DAY_10,
    FIRST_AT_MIDNIGHT,
    HANGS,
    LOCKED_OUT,
    LOCKED_OUT_LONG,
    OUTAGE,
    PAUSED,
    PAUSED_OWING,
    PLAN_PAUSED,
    Case,
    Setting,
)

BY_HAND: Final = {
    ("latest", "cancel", Case("day", FAILED_TO_DAY_10)): (
        [
            "2028-01-30: 2028-01-30 to 2028-01-31, 500 won",
            "2028-02-10: 2028-01-31 to 2028-02-01, 500 won",
            "2028-02-11: 2028-02-11 to 2028-02-12, 500 won",
            "2028-02-12: 2028-02-12 to 2028-02-13, 500 won",
        ],
        ["2028-02-01 to 2028-02-11: none, no_access"],
    ),
    ("all", "unpaid", Case("week", FAILED_TO_DAY_10)): (
        [
            "2028-01-24: 2028-01-24 to 2028-01-31, 3000 won",
            "2028-02-10: 2028-01-31 to 2028-02-07, 3000 won",
            "2028-02-11: 2028-02-10 to 2028-02-17, 3000 won",
            "2028-02-17: 2028-02-17 to 2028-02-24, 3000 won",
            "2028-02-24: 2028-02-24 to 2028-03-02, 3000 won",
            "2028-03-02: 2028-03-02 to 2028-03-09, 3000 won",
            "2028-03-09: 2028-03-09 to 2028-03-16, 3000 won",
        ],
        ["2028-02-07 to 2028-02-10: none, no_access"],
    ),
    ("hold", "pause", Case("month", FAILED_TO_DAY_10)): (
        [
            "2027-12-31: 2027-12-31 to 2028-01-31, 9900 won",
            "2028-02-10: 2028-01-31 to 2028-02-29, 9900 won",
            "2028-02-29: 2028-02-29 to 2028-03-31, 9900 won",
        ],
        [],
    ),
    ("all", "past_due", Case("month", PAUSED)): (
        [
            "2027-12-31: 2027-12-31 to 2028-01-31, 9900 won",
            "2028-03-05: 2028-03-05 to 2028-04-05, 9900 won",
        ],
        ["2028-01-31 to 2028-03-05: none, paused"],
    ),
    ("hold", "cancel", Case("week", PAUSED_OWING)): (
        [
            "2028-01-24: 2028-01-24 to 2028-01-31, 3000 won",
            "2028-03-01: 2028-01-31 to 2028-02-07, 3000 won",
            "2028-03-02: 2028-03-01 to 2028-03-08, 3000 won",
            "2028-03-08: 2028-03-08 to 2028-03-15, 3000 won",
        ],
        ["2028-02-07 to 2028-03-01: none, no_access"],
    ),
    ("all", "cancel", Case("year", PAUSED_OWING)): (
        [
            "2027-01-31: 2027-01-31 to 2028-01-31, 99000 won",
            "2028-03-01: 2028-01-31 to 2029-01-31, 99000 won",
        ],
        [],
    ),
    ("all", "unpaid", Case("month", LOCKED_OUT)): (
        [
            "2027-12-31: 2027-12-31 to 2028-01-31, 9900 won",
            "2028-03-05: 2028-01-31 to 2028-02-29, 9900 won",
            "2028-03-06: 2028-03-05 to 2028-04-05, 9900 won",
        ],
        ["2028-02-29 to 2028-03-05: none, no_access"],
    ),
    ("latest", "cancel", Case("month", LOCKED_OUT)): (
        ["2027-12-31: 2027-12-31 to 2028-01-31, 9900 won"],
        [],
    ),
    ("latest", "unpaid", Case("year", LOCKED_OUT_LONG)): (
        [
            "2027-01-31: 2027-01-31 to 2028-01-31, 99000 won",
            "2028-03-20: 2028-03-20 to 2029-03-20, 99000 won",
        ],
        ["2028-01-31 to 2028-02-14: forgiven, no_access", "2028-02-14 to 2028-03-20: none, no_access"],
    ),
    ("all", "cancel", Case("week", HANGS)): (
        [
            "2028-01-24: 2028-01-24 to 2028-01-31, 3000 won",
            "2028-03-05: 2028-01-31 to 2028-02-07, 3000 won",
            "2028-03-06: 2028-03-05 to 2028-03-12, 3000 won",
            "2028-03-12: 2028-03-12 to 2028-03-19, 3000 won",
        ],
        ["2028-02-07 to 2028-03-05: none, no_access"],
    ),
    ("all", "cancel", Case("week", OUTAGE)): (
        [
            "2028-01-24: 2028-01-24 to 2028-01-31, 3000 won",
            "2028-03-05: 2028-02-07 to 2028-02-14, 3000 won",
            "2028-03-06: 2028-02-14 to 2028-02-21, 3000 won",
            "2028-03-07: 2028-02-21 to 2028-02-28, 3000 won",
            "2028-03-08: 2028-02-28 to 2028-03-06, 3000 won",
            "2028-03-09: 2028-03-06 to 2028-03-13, 3000 won",
            "2028-03-13: 2028-03-13 to 2028-03-20, 3000 won",
        ],
        ["2028-01-31 to 2028-02-07: forgiven, outage"],
    ),
    ("latest", "past_due", Case("month", OUTAGE)): (
        [
            "2027-12-31: 2027-12-31 to 2028-01-31, 9900 won",
            "2028-03-05: 2028-02-29 to 2028-03-31, 9900 won",
        ],
        ["2028-01-31 to 2028-02-29: forgiven, outage"],
    ),
    ("all", "pause", Case("day", OUTAGE)): (
        [
            "2028-01-30: 2028-01-30 to 2028-01-31, 500 won",
            "2028-03-05: 2028-03-05 to 2028-03-06, 500 won",
            "2028-03-06: 2028-03-06 to 2028-03-07, 500 won",
            "2028-03-07: 2028-03-07 to 2028-03-08, 500 won",
            "2028-03-08: 2028-03-08 to 2028-03-09, 500 won",
            "2028-03-09: 2028-03-09 to 2028-03-10, 500 won",
            "2028-03-10: 2028-03-10 to 2028-03-11, 500 won",
        ],
        ["2028-01-31 to 2028-03-05: forgiven, outage"],
    ),
    ("hold", "unpaid", Case("month", PLAN_PAUSED)): (
        [
            "2027-12-31: 2027-12-31 to 2028-01-31, 9900 won",
            "2028-03-08: 2028-03-08 to 2028-04-08, 9900 won",
        ],
        ["2028-01-31 to 2028-02-29: forgiven, outage", "2028-02-29 to 2028-03-08: none, no_access"],
    ),
    ("hold", "past_due", Case("year", CUT_LONG)): (
        [
            "2027-01-31: 2027-01-31 to 2028-01-31, 99000 won",
            "2028-03-05: 2028-01-31 to 2029-01-31, 99000 won",
        ],
        [],
    ),
    ("latest", "pause", Case("day", CUT_LONG)): (
        [
            "2028-01-30: 2028-01-30 to 2028-01-31, 500 won",
            "2028-03-05: 2028-01-31 to 2028-02-01, 500 won",
            "2028-03-06: 2028-03-06 to 2028-03-07, 500 won",
            "2028-03-07: 2028-03-07 to 2028-03-08, 500 won",
        ],
        ["2028-02-01 to 2028-03-06: none, no_access"],
    ),
    ("hold", "cancel", Case("day", FIRST_AT_MIDNIGHT)): (
        [
            "2028-01-30: 2028-01-30 to 2028-01-31, 500 won",
            "2028-01-31: 2028-01-31 to 2028-02-01, 500 won",
            "2028-02-01: 2028-02-01 to 2028-02-02, 500 won",
            "2028-02-02: 2028-02-02 to 2028-02-03, 500 won",
        ],
        [],
    ),
}
"""(catch-up policy, end of the retries, case) → captures ("day: first day to end, won"), and days that were not billed.

The daily subscribers leave two days after they came back.
"""


def setting_of(policy: str, end: str, case: Case) -> Setting:
    """Return the world that a case of the sample lives in."""
    return Setting(policy, end, outage=case.happening == OUTAGE)
