"""Billing periods counted from an anchor, and the day of an instant in a zone. Ends are exclusive."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

LARGEST_COUNT = 366

_LAST_ORDINAL = date.max.toordinal()


class CalendarError(ValueError):
    """A day, a period or an instant that cannot be."""


class OutOfCalendarError(CalendarError):
    """The day would lie outside the years 1 to 9999."""


class BeforeAnchorError(CalendarError):
    """The day lies before the anchor, where there are no periods."""


class NaiveInstantError(CalendarError):
    """The instant carries no zone, so it is no instant."""


class UnknownZoneError(CalendarError):
    """The zone is not in the IANA time zone database."""


class IntervalUnit(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


_DAYS = {IntervalUnit.DAY: 1, IntervalUnit.WEEK: 7}
_MONTHS = {IntervalUnit.MONTH: 1, IntervalUnit.YEAR: 12}


@dataclass(frozen=True, slots=True)
class Interval:
    """How often a price is due: every `count` units.

    :raises CalendarError: when `unit` is not an `IntervalUnit`, or `count` is not an `int` within 1 and 366.
    """

    unit: IntervalUnit
    count: int

    def __post_init__(self) -> None:
        if type(self.unit) is not IntervalUnit:
            raise CalendarError(f"a unit is an IntervalUnit, not {self.unit!r}")
        if type(self.count) is not int or not 1 <= self.count <= LARGEST_COUNT:
            raise CalendarError(f"an interval counts 1 to {LARGEST_COUNT} units, not {self.count!r}")

    def __str__(self) -> str:
        return f"every {self.unit}" if self.count == 1 else f"every {self.count} {self.unit}s"


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `start` up to, but without, `end`.

    :raises CalendarError: when either is a `datetime`, or `start` is not before `end`.
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        _require_date(self.start)
        _require_date(self.end)
        if self.start >= self.end:
            raise CalendarError(f"a period starts before it ends; {self.start} to {self.end} does not")

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end


def nth_period(anchor: date, interval: Interval, index: int) -> Period:
    """Find period `index` (from 0) of a subscription anchored on `anchor`.

    Both ends are counted from the anchor, never from the period before, so that a day which the month lacks
    moves to the month's end and comes back: 31 Jan, 28 Feb, 31 Mar; 29 Feb 2028, 28 Feb 2029, … 29 Feb 2032.
    Korean platforms bill so.

    :raises CalendarError: when `index` is negative, or `anchor` is a `datetime`.
    :raises OutOfCalendarError: when the period would end after the year 9999.
    """
    _require_date(anchor)
    if index < 0:
        raise CalendarError(f"periods are counted from 0; there is no period {index}")
    return Period(_boundary(anchor, interval, index), _boundary(anchor, interval, index + 1))


def period_index(anchor: date, interval: Interval, day: date) -> int:
    """Find the index of the period that contains `day`, without walking through the ones before.

    :raises BeforeAnchorError: when `day` is before the anchor.
    :raises CalendarError: when either is a `datetime`.
    """
    _require_date(anchor)
    _require_date(day)
    if day < anchor:
        raise BeforeAnchorError(f"{day} is before the anchor {anchor}")
    if interval.unit in _DAYS:
        return (day - anchor).days // (_DAYS[interval.unit] * interval.count)
    months = 12 * (day.year - anchor.year) + day.month - anchor.month
    index = months // (_MONTHS[interval.unit] * interval.count)
    # The boundary lies in the day's month or an earlier one; only in the same month may it be still to come.
    return index - 1 if _boundary(anchor, interval, index) > day else index


def billing_day(instant: datetime, zone: str) -> date:
    """Find the calendar date of an instant in a zone: 15:10 UTC is already the next day in Asia/Seoul.

    :raises NaiveInstantError: when `instant` has no zone.
    :raises UnknownZoneError: when `zone` is not an IANA name.
    :raises OutOfCalendarError: when the date would lie outside the years 1 to 9999.
    """
    if instant.utcoffset() is None:
        raise NaiveInstantError(f"{instant} has no zone; an instant is in UTC")
    try:
        local = instant.astimezone(_zone(zone))
    except OverflowError:
        raise OutOfCalendarError(f"{instant} has no date in {zone}: years are 1 to 9999") from None
    # Rebuilt, because a pendulum instant would answer with pendulum's own kind of date.
    return date(local.year, local.month, local.day)


def start_of_day(day: date, zone: str) -> datetime:
    """Find the first instant of a day in a zone, in UTC.

    Where clocks jump over midnight the day starts after the jump; where midnight comes twice, at the first.
    A day that a zone left out starts when the next one does.

    :raises CalendarError: when `day` is a `datetime`.
    :raises UnknownZoneError: when `zone` is not an IANA name.
    :raises OutOfCalendarError: when the instant would lie outside the years 1 to 9999.
    """
    _require_date(day)
    # fold=0 reads a repeated midnight as the first one, and a missing one with the offset before the jump,
    # which is the instant of the jump.
    midnight = datetime.combine(day, time(fold=0), tzinfo=_zone(zone))
    try:
        return midnight.astimezone(UTC)
    except OverflowError:
        raise OutOfCalendarError(f"{day} has no start in {zone}: years are 1 to 9999") from None


def _require_date(day: date) -> None:
    # A datetime is a date to isinstance, and the date of a UTC instant is the wrong day in Seoul until nine.
    if isinstance(day, datetime):
        raise CalendarError(f"a day is a date, not the datetime {day}; see billing_day")


def _boundary(anchor: date, interval: Interval, index: int) -> date:
    steps = index * interval.count
    if interval.unit in _DAYS:
        ordinal = anchor.toordinal() + steps * _DAYS[interval.unit]
        if ordinal > _LAST_ORDINAL:
            raise _beyond(anchor, interval, index)
        return date.fromordinal(ordinal)
    year, month = divmod(12 * anchor.year + anchor.month - 1 + steps * _MONTHS[interval.unit], 12)
    if year > date.max.year:
        raise _beyond(anchor, interval, index)
    return date(year, month + 1, min(anchor.day, monthrange(year, month + 1)[1]))


def _beyond(anchor: date, interval: Interval, index: int) -> OutOfCalendarError:
    return OutOfCalendarError(f"{interval} from {anchor}, {index} times, is beyond the year 9999")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # the ways in which ZoneInfo says no, by platform and by name
        raise UnknownZoneError(f"{name[:64]!r} is not a time zone; write a name such as 'Asia/Seoul'") from None
