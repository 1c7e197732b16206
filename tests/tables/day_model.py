"""An independent small model of which days are billed: one subscription, lived through one day at a time.

It knows the rule as it is written in ``docs/concepts.md`` and nothing of the engine: no code is shared with it, neither
its calendar nor its retry plan. A day is seen as it is at 20:00, when all that happens on it has happened.
"""

import calendar
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

LADDER: Final = (1, 3, 5, 10, 14)
GIVEN_UP_AFTER: Final = LADDER[-1] + 1
MISSED_PERIODS_BILLED: Final = 3
DAYS_WITHOUT_ACCESS_THAT_NEED_A_CONFIRMATION: Final = 31
NEVER: Final = date(9999, 1, 1)


@dataclass(frozen=True)
class Facts:
    """What the outside world does to a subscription: everything that is no decision of the engine."""

    interval: str
    won: int
    captured_first: date
    """Day on which the engine learns of the first capture."""
    declines: int = 0
    """So many tries of the first renewal are declined for want of money."""
    cut: bool = False
    """The agreement is gone when the first renewal is tried."""
    hangs_until: date | None = None
    """The first renewal has no outcome until this day, and is then captured."""
    paused: tuple[date, date] | None = None
    """Paused in the afternoon of a day, resumed before noon of another."""
    down: tuple[date, date] | None = None
    """From the first day on nothing is billed; before noon of the second it is again."""
    returns: date | None = None
    """Day on which the subscriber asks to pay (a retry, a new agreement), if anything is owed and can be paid."""
    confirms: bool = False
    """Paying on that day is a confirmation by the subscriber."""
    released: date | None = None
    """Day on which a person lets a held subscription go on and bills the present period."""
    leaves: date | None = None
    """Canceled in the evening of that day, for the end of what is paid."""


@dataclass(frozen=True, order=True)
class Captured:
    day: date
    first: date
    end: date
    won: int


@dataclass(frozen=True, order=True)
class NotBilled:
    first: date
    end: date
    kind: str
    reason: str


@dataclass
class Lived:
    """What the model says of a subscription."""

    captured: list[Captured] = field(default_factory=list)
    not_billed: list[NotBilled] = field(default_factory=list)
    access: dict[date, str] = field(default_factory=dict)
    """Day → ``paid``, ``pending``, ``grace``, ``forgiven`` or ``none``."""


@dataclass
class Debt:
    """A period that was due and is not paid."""

    first: date
    end: date
    declined: date | None = None
    tries: int = 0
    over: bool = False
    without: int = 0
    """Days of it that gave no access."""


def after(anchor: date, interval: str, periods: int) -> date:
    """Return the first day of a period: so many of them after the day that counts."""
    if interval in ("day", "week"):
        return anchor + timedelta(days=periods * (1 if interval == "day" else 7))
    months = anchor.month - 1 + periods * (1 if interval == "month" else 12)
    year, month = anchor.year + months // 12, months % 12 + 1
    return date(year, month, min(anchor.day, calendar.monthrange(year, month)[1]))


class Life:
    """A subscription on one day after another."""

    def __init__(self, facts: Facts, policy: str, end: str) -> None:
        self.facts, self.policy, self.end = facts, policy, end
        self.lived = Lived()
        self.debt: Debt | None = None
        self.anchor = facts.captured_first
        self.ended = self.paused = self.held = False
        self.captured_on: date | None = None
        self.free_to = facts.captured_first
        """First day that is neither paid nor forgiven."""
        self.gone_by_pause = False
        self._capture(facts.captured_first, facts.captured_first, after(self.anchor, facts.interval, 1))

    def live(self, until: date) -> Lived:
        """Live until a day and return what happened."""
        day = self.facts.captured_first
        while day <= until:
            self._morning(day)
            self._evening(day)
            day += timedelta(days=1)
        return self.lived

    # --- what happens on a day -----------------------------------------------------------------

    def _morning(self, day: date) -> None:
        if self.ended or self._is_down(day):
            return
        facts = self.facts
        back = facts.paused is not None and facts.paused[1] == day
        given_up = self.debt is not None and self.debt.over and self.paused
        if facts.returns == day and given_up:
            back = True
        if back:
            self.paused = False
        if self.paused:
            return
        if facts.leaves is not None and day > facts.leaves and self.debt is None and day >= self.free_to:
            self.ended = True
        elif self.debt is not None:
            self._ask_for_the_debt(day, back=back)
        elif day >= self.free_to:
            self._renew(day)

    def _evening(self, day: date) -> None:
        if self.facts.paused is not None and self.facts.paused[0] == day and not self.ended:
            self.paused = True
            self.gone_by_pause = True
        kind = self._access(day)
        self.lived.access[day] = kind
        if self.debt is not None and kind == "none" and day < self.debt.end:
            self.debt.without += 1

    def _is_down(self, day: date) -> bool:
        return self.facts.down is not None and self.facts.down[0] <= day < self.facts.down[1]

    # --- a period begins -----------------------------------------------------------------------

    def _renew(self, day: date) -> None:
        if self.held:
            if self.facts.released != day:
                return
            self._go_on_after_a_hold(day)
        elif self.free_to < day and self.facts.down is not None and self.facts.down[1] <= day:
            if not self._catch_up(day):
                return
        elif self.free_to < day and self.gone_by_pause:
            self._not_billed(self.free_to, day, "none", "paused")
            self._begin_anew(day)
        if self.captured_on != day and self.free_to <= day:
            first, end = self._period_from(self.free_to)
            self._charge_first_time(day, Debt(first, end))

    def _charge_first_time(self, day: date, debt: Debt) -> None:
        facts = self.facts
        if len(self.lived.captured) > 1:
            self._capture(day, debt.first, debt.end)
        elif facts.hangs_until is not None:
            self.debt = debt
        elif facts.declines or facts.cut:
            self.debt = debt
            debt.declined, debt.tries = day, 1
        else:
            self._capture(day, debt.first, debt.end)

    def _catch_up(self, day: date) -> bool:
        """Forgive what an outage leaves unbilled; say whether anything may be billed."""
        missed = []
        first, end = self._period_from(self.free_to)
        while end <= day:
            missed.append((first, end))
            first, end = self._period_from(end)
        if not missed:
            return True
        if self.policy == "hold":
            self.held = True
            return False
        billed = MISSED_PERIODS_BILLED if self.policy == "all" and self.facts.interval != "day" else 0
        forgiven = missed[: max(0, len(missed) - billed)]
        if forgiven:
            self._not_billed(forgiven[0][0], forgiven[-1][1], "forgiven", "outage")
            self.free_to = forgiven[-1][1]
        return True

    def _go_on_after_a_hold(self, day: date) -> None:
        first, end = self._period_from(self.free_to)
        self._not_billed(first, end, "forgiven", "outage")
        if end < day:
            self._not_billed(end, day, "none", "no_access")
        self.held = False
        self._begin_anew(day)

    # --- a debt --------------------------------------------------------------------------------

    def _ask_for_the_debt(self, day: date, *, back: bool) -> None:
        debt, facts = self.debt, self.facts
        assert debt is not None
        if facts.hangs_until is not None:
            if day == facts.hangs_until:
                self._debt_paid(day)
            return
        assert debt.declined is not None
        asked = facts.returns == day
        if facts.cut and not asked:
            if day >= debt.declined + timedelta(days=GIVEN_UP_AFTER) and not debt.over:
                self._give_up()
            return
        on_the_ladder = not debt.over and (day - debt.declined).days in LADDER
        if not (asked or back or on_the_ladder):
            return
        if debt.without > DAYS_WITHOUT_ACCESS_THAT_NEED_A_CONFIRMATION and not (asked and facts.confirms):
            return
        if not facts.cut and debt.tries < facts.declines:
            debt.tries += 1
            if on_the_ladder and (day - debt.declined).days == LADDER[-1]:
                self._give_up()
        elif debt.without > DAYS_WITHOUT_ACCESS_THAT_NEED_A_CONFIRMATION:
            self._new_period_instead(day)
        else:
            self._debt_paid(day)

    def _give_up(self) -> None:
        assert self.debt is not None
        self.debt.over = True
        if self.end == "cancel":
            self.ended = True
        elif self.end == "pause":
            self.paused = True

    def _debt_paid(self, day: date) -> None:
        debt = self.debt
        assert debt is not None
        self.debt = None
        self._capture(day, debt.first, debt.end)
        if day >= debt.end:
            begins = day + timedelta(days=1) if self.facts.interval == "day" else day
            if debt.end < begins:
                self._not_billed(debt.end, begins, "none", "no_access")
            self._begin_anew(begins)

    def _new_period_instead(self, day: date) -> None:
        """Charge a new period from today, forgive the old one, of which too many days gave no access."""
        debt = self.debt
        assert debt is not None
        self.debt = None
        had = [each for each, kind in self.lived.access.items() if each >= debt.first and kind != "none"]
        without = max(had) + timedelta(days=1) if had else debt.first
        if debt.first < without:
            self._not_billed(debt.first, without, "forgiven", "no_access")
        self._not_billed(without, day, "none", "no_access")
        self._begin_anew(day)
        self._capture(day, *self._period_from(day))

    # --- the books -----------------------------------------------------------------------------

    def _period_from(self, first: date) -> tuple[date, date]:
        periods = 0
        while after(self.anchor, self.facts.interval, periods) < first:
            periods += 1
        return first, after(self.anchor, self.facts.interval, periods + 1)

    def _begin_anew(self, day: date) -> None:
        self.anchor = self.free_to = day
        self.gone_by_pause = False

    def _capture(self, day: date, first: date, end: date) -> None:
        self.lived.captured.append(Captured(day, first, end, self.facts.won))
        self.captured_on = day
        self.free_to = end

    def _not_billed(self, first: date, end: date, kind: str, reason: str) -> None:
        self.lived.not_billed.append(NotBilled(first, end, kind, reason))

    # --- who may use it ------------------------------------------------------------------------

    def _access(self, day: date) -> str:
        debt = self.debt
        if any(each.first <= day < each.end for each in self.lived.captured):
            return "paid"
        if self.ended or self.paused:
            return "none"
        if debt is not None:
            if day >= debt.end or debt.over:
                return "none"
            return "grace" if debt.declined is not None else "pending"
        if self.facts.down is not None and day >= self.facts.down[0] and self.policy == "hold":
            _, end = self._period_from(self.free_to)
            return "pending" if day < end else "none"
        return "pending" if day >= self.free_to else "none"
