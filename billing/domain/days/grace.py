"""Until when an unpaid period gives access, and when its days without access have become too many to charge for it."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from billing.domain.days.records import DayKind, DayRecord, UnbilledReason
from plans.calendar import Interval, IntervalUnit, Period

MOST_DAYS_WITHOUT_ACCESS: Final = 31
"""An owed period with more days without access than this is not charged for without the subscriber's confirmation."""
_A_DAY: Final = timedelta(days=1)


def grace_until(period: Period, *, failed_on: date, ladder_days: int, tried_on: date | None = None) -> date:
    """Return the first day without access of a period whose charge failed first on ``failed_on``.

    Grace lasts until the day after the last retry, ``ladder_days`` after the first failure, or until the day after
    ``tried_on`` if the next attempt is put off beyond that; it ends with the period at the latest.
    """
    last = failed_on + ladder_days * _A_DAY
    if tried_on is not None:
        last = max(last, tried_on)
    return min(period.end, last + _A_DAY)


def outlasts(interval: Interval, ladder_days: int) -> bool:
    """Say whether retries go on for longer than a period: after its end they ask for the debt without giving access."""
    shortest = {IntervalUnit.DAY: 1, IntervalUnit.WEEK: 7, IntervalUnit.MONTH: 28, IntervalUnit.YEAR: 365}
    return ladder_days >= shortest[interval.unit] * interval.count


def days_without_access(period: Period, *, grace_ended_on: date, lost_days: int, today: date) -> int:
    """Count the days of a period before ``today`` that gave no access. ``lost_days`` passed before grace came back."""
    return lost_days + max(0, (min(today, period.end) - grace_ended_on).days)


def needs_confirmation(period: Period, *, grace_ended_on: date, lost_days: int, today: date) -> bool:
    """Say whether a debt is charged only after the subscriber confirmed it, and then buys a new period.

    So is a yearly debt that comes back to life after months: its period is largely over.
    """
    lost = days_without_access(period, grace_ended_on=grace_ended_on, lost_days=lost_days, today=today)
    return lost > MOST_DAYS_WITHOUT_ACCESS


def given_until(
    until: date,
    *,
    before: date | None,
    lost_days: int,
    today: date,
    lost_spans: Sequence[DayRecord] = (),
    reason: UnbilledReason = UnbilledReason.NO_ACCESS,
) -> dict[str, object]:
    """Return the columns of an invoice that gives access up to ``until`` as of ``today``; ``before``: up to then.

    Days without access that lie between are counted and written down with the ``reason``, so that grace which comes
    back does not hide them.
    """
    if before is None:
        return {}
    if until <= today:
        return {"grace_until": min(before, until)}
    if today <= before:
        return {"grace_until": until, "lost_days": lost_days}
    lost = DayRecord(before, today, DayKind.NONE, reason)
    return {
        "grace_until": until,
        "lost_days": lost_days + (today - before).days,
        "lost_spans": (*lost_spans, lost),
    }
