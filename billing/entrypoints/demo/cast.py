"""Who takes part and what befalls them: drawn from the seed, so the same seed tells the same year."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from random import Random
from typing import Any, Final

ENROLMENT_DAYS: Final = 5
PLANS: Final = """
[[plans]]
code = "basic"
name = "베이직"
amount = 9900
currency = "KRW"
interval = "month"

[[plans]]
code = "pro"
name = "프로"
amount = 29000
currency = "KRW"
interval = "month"

[[plans]]
code = "basic-yearly"
name = "베이직 연간"
amount = 99000
currency = "KRW"
interval = "year"
"""
_PRICES: Final = {"basic": 9900, "pro": 29000, "basic-yearly": 99000}


class Fate(StrEnum):
    STEADY = "steady"
    RUNS_DRY = "runs dry before payday"
    CUTS = "cuts the agreement in the wallet"
    CUTS_AND_RETURNS = "cuts the agreement and makes a new one"
    CANCELS = "cancels at the end of a period"
    WAITS = "has a charge that stays pending for hours"
    MAINTENANCE = "is charged while the wallet is maintained"
    OVER_LIMIT = "is over the wallet's limit for a day"
    LEAVES = "never finishes the enrolment"
    COMPLAINS = "is refunded a part"


_SHARES: Final = (
    (Fate.STEADY, 58),
    (Fate.RUNS_DRY, 16),
    (Fate.CUTS, 3),
    (Fate.CUTS_AND_RETURNS, 3),
    (Fate.CANCELS, 5),
    (Fate.WAITS, 4),
    (Fate.MAINTENANCE, 4),
    (Fate.OVER_LIMIT, 3),
    (Fate.LEAVES, 2),
    (Fate.COMPLAINS, 2),
)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happens outside the engine on a day, at an hour (KST)."""

    day: date
    hour: int
    who: int
    what: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One of the cast. ``enrols_on`` is a date in Seoul."""

    number: int
    plan: str
    fate: Fate
    enrols_on: date

    @property
    def reference(self) -> str:
        return f"cust-{self.number:04d}"

    @property
    def email(self) -> str:
        return f"subscriber-{self.number:04d}@example.test"

    @property
    def price(self) -> int:
        return _PRICES[self.plan]


def make_cast(subscribers: int, months: int, seed: int, start: date) -> tuple[list[Subscriber], list[Act]]:
    """Return the subscribers and everything that befalls them, in the order of days."""
    cast, acts = [], []
    for number in range(1, subscribers + 1):
        dice = Random(f"{seed}/{number}")  # noqa: S311 - a story, no secret
        enrols_on = start + timedelta(days=dice.randrange(ENROLMENT_DAYS))
        plan = dice.choices(("basic", "pro", "basic-yearly"), (60, 32, 8))[0]
        fate = dice.choices([fate for fate, _ in _SHARES], [share for _, share in _SHARES])[0]
        member = Subscriber(number, plan, fate, enrols_on)
        cast.append(member)
        acts.append(Act(enrols_on, 9, number, "enrol", {"leaves": fate is Fate.LEAVES}))
        acts.extend(_befalls(member, months, dice))
    return cast, sorted(acts, key=lambda act: (act.day, act.hour, act.who))


def renewal_day(member: Subscriber, month: int) -> date:
    """Return the day on which the ``month``-th month of a membership begins (month ends clamped)."""
    anchor = member.enrols_on
    index = anchor.year * 12 + anchor.month - 1 + month
    year, month_of_year = divmod(index, 12)
    last = (date(year + (month_of_year == 11), (month_of_year + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month_of_year + 1, min(anchor.day, last))


def _befalls(member: Subscriber, months: int, dice: Random) -> Iterator[Act]:
    if member.fate is Fate.RUNS_DRY:
        yield from _dry_months(member, months, dice)
        return
    who, month = member.number, dice.randint(1, max(1, months - 1))
    day = renewal_day(member, month)
    before = day - timedelta(days=2)
    scripts = {
        Fate.WAITS: [dice.choice(("pending:3", "pending:30", "late:5:expire", "pending:8:20051"))],
        Fate.MAINTENANCE: ["20096", "20096"],
        Fate.OVER_LIMIT: ["20061"],
    }
    if member.fate in scripts:
        yield Act(before, 12, who, "wallet", {"script": scripts[member.fate]})
    elif member.fate in (Fate.CUTS, Fate.CUTS_AND_RETURNS):
        yield Act(before, 18, who, "wallet", {"agreement": "cut"})
        if member.fate is Fate.CUTS_AND_RETURNS:
            yield Act(day + timedelta(days=2), 18, who, "re-enrol")
    elif member.fate is Fate.CANCELS:
        yield Act(day + timedelta(days=dice.randint(3, 20)), 23, who, "cancel")
    elif member.fate is Fate.COMPLAINS:
        amount = dice.randrange(1000, member.price - 1000, 100)
        yield Act(day + timedelta(days=4), 18, who, "refund", {"amount_minor": amount})


def _dry_months(member: Subscriber, months: int, dice: Random) -> Iterator[Act]:
    """In some months the wallet is empty on the day of renewal and is filled some days later, or too late."""
    for month in range(1, months + 1):
        if dice.random() < 0.4:
            day = renewal_day(member, month)
            payday = day + timedelta(days=dice.choice((1, 2, 4, 4, 9, 13, 25)))
            empty = {"balance": dice.randrange(member.price)}
            yield Act(day - timedelta(days=1), 18, member.number, "wallet", empty)
            yield Act(payday, 9, member.number, "wallet", {"balance": None})
