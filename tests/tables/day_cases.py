"""The product of interval, what happened, catch-up policy and end of the retries: what the world does in each case.

Whatever the interval, the first renewal is due on 31 January 2028, so that all subscriptions of one policy and one end
live in one world. Only the late first captures begin on days of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from day_model import Facts

INTERVALS: Final = {"day": 500, "week": 3000, "month": 9900, "year": 99000}
"""Interval → price in won."""
POLICIES: Final = ("latest", "all", "hold")
ENDS: Final = ("cancel", "pause", "past_due", "unpaid")

DUE: Final = date(2028, 1, 31)
RETURN: Final = date(2028, 3, 5)
LATE_RETURN: Final = date(2028, 3, 20)
DOWN: Final = (date(2028, 1, 30), RETURN)
RELEASE: Final = date(2028, 3, 8)
HANG_HOURS: Final = 34 * 24

_SUBSCRIBED: Final = {
    "day": date(2028, 1, 30),
    "week": date(2028, 1, 24),
    "month": date(2027, 12, 31),
    "year": date(2027, 1, 31),
}
_CAPTURED_LATE: Final = {
    "day": date(2028, 1, 30),
    "week": date(2028, 1, 26),
    "month": date(2028, 1, 5),
    "year": date(2027, 2, 5),
}

FAILED_TO_DAY_5: Final = "failed renewal, paid on day 5"
FAILED_TO_DAY_10: Final = "failed renewal, paid on day 10"
PAUSED: Final = "pause without debt"
PAUSED_WITHIN: Final = "pause within paid days"
PAUSED_OWING: Final = "pause with debt"
PAUSED_OWING_LONG: Final = "long pause with debt"
LOCKED_OUT: Final = "lock-out"
LOCKED_OUT_LONG: Final = "long lock-out"
HANGS: Final = "long pending"
OUTAGE: Final = "outage"
PLAN_PAUSED: Final = "plan pause"
CUT: Final = "cut agreement, made anew on day 3"
CUT_LONG: Final = "cut agreement, made anew on day 34"
FIRST_AT_MIDNIGHT: Final = "first capture behind midnight"
FIRST_EXPIRED: Final = "first capture after the enrolment expired"
HAPPENINGS: Final = (
    FAILED_TO_DAY_5,
    FAILED_TO_DAY_10,
    PAUSED,
    PAUSED_WITHIN,
    PAUSED_OWING,
    PAUSED_OWING_LONG,
    LOCKED_OUT,
    LOCKED_OUT_LONG,
    HANGS,
    OUTAGE,
    PLAN_PAUSED,
    CUT,
    CUT_LONG,
    FIRST_AT_MIDNIGHT,
    FIRST_EXPIRED,
)
VARIANTS: Final = (FAILED_TO_DAY_5, PAUSED_WITHIN, PAUSED_OWING_LONG, LOCKED_OUT_LONG, CUT, FIRST_EXPIRED)
"""Second examples of what happened. They live in every third world, which lives longer for them."""
LATE_FIRSTS: Final = (FIRST_AT_MIDNIGHT, FIRST_EXPIRED)
SCRIPTS: Final = {
    FAILED_TO_DAY_5: ["20051"] * 3,
    FAILED_TO_DAY_10: ["20051"] * 4,
    PAUSED_OWING: ["20051"],
    PAUSED_OWING_LONG: ["20051"],
    LOCKED_OUT: ["20051"] * 6,
    LOCKED_OUT_LONG: ["20051"] * 6,
    HANGS: [f"pending:{HANG_HOURS}"],
    CUT: ["200R1"],
    CUT_LONG: ["200R1"],
}
"""What becomes of the charges after the first payment; those behind the script are captured."""


@dataclass(frozen=True, order=True)
class Case:
    """One cell of the table, but for policy and end, which a world has for all of its subscriptions."""

    interval: str
    happening: str

    @property
    def who(self) -> str:
        return f"{self.interval}-{HAPPENINGS.index(self.happening):02}"

    @property
    def plan(self) -> str:
        return f"{self.interval}-paused" if self.happening == PLAN_PAUSED else self.interval


@dataclass(frozen=True)
class Setting:
    """What all subscriptions of a world share. An outage is lived through by everybody in it."""

    policy: str
    end: str
    outage: bool

    @property
    def has_variants(self) -> bool:
        """Whether second examples live in this world, too."""
        return (POLICIES.index(self.policy) + ENDS.index(self.end)) % 3 == 0

    @property
    def last_day(self) -> date:
        """The day up to which this world is lived through."""
        return date(2028, 3, 25) if self.has_variants else date(2028, 3, 13)

    def __str__(self) -> str:
        return "-".join([self.policy, self.end, *(["outage"] if self.outage else [])])


SETTINGS: Final = tuple(Setting(policy, end, outage) for policy in POLICIES for end in ENDS for outage in (False, True))


def cases(setting: Setting) -> Iterator[Case]:
    """Yield the cases of one world."""
    for interval in INTERVALS:
        for happening in HAPPENINGS:
            is_told = setting.has_variants or happening not in VARIANTS
            if (happening == OUTAGE) is setting.outage and is_told:
                yield Case(interval, happening)


def facts(case: Case) -> Facts:
    """Return what the world does in a case."""
    first = (_CAPTURED_LATE if case.happening in LATE_FIRSTS else _SUBSCRIBED)[case.interval]
    happens = _HAPPENS.get(case.happening, {})
    leaves = None
    if case.interval == "day":
        came_back = happens.get("returns") or happens.get("hangs_until") or _DAILY_RETURN.get(case.happening, DUE)
        leaves = came_back + timedelta(days=2)
    return Facts(case.interval, INTERVALS[case.interval], first, leaves=leaves, **happens)


_HAPPENS: Final = {
    FAILED_TO_DAY_5: {"declines": 3},
    FAILED_TO_DAY_10: {"declines": 4},
    PAUSED: {"paused": (DUE - timedelta(days=1), RETURN)},
    PAUSED_OWING: {"declines": 1, "paused": (DUE, date(2028, 3, 1))},
    PAUSED_OWING_LONG: {"declines": 1, "paused": (DUE, LATE_RETURN), "returns": LATE_RETURN, "confirms": True},
    LOCKED_OUT: {"declines": 6, "returns": RETURN},
    LOCKED_OUT_LONG: {"declines": 6, "returns": LATE_RETURN, "confirms": True},
    HANGS: {"hangs_until": DUE + timedelta(hours=HANG_HOURS)},
    OUTAGE: {"down": DOWN, "released": RELEASE},
    PLAN_PAUSED: {"down": DOWN, "released": RELEASE},
    CUT: {"cut": True, "returns": date(2028, 2, 3), "confirms": True},
    CUT_LONG: {"cut": True, "returns": RETURN, "confirms": True},
}
_DAILY_RETURN: Final = {
    FAILED_TO_DAY_5: date(2028, 2, 5),
    FAILED_TO_DAY_10: date(2028, 2, 10),
    PAUSED: RETURN,
    PAUSED_OWING: date(2028, 3, 1),
    OUTAGE: RELEASE,
    PLAN_PAUSED: RELEASE,
}
