"""Reads instants, durations and numbers as people write them, and says what would be right."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pendulum
import typer

from billing.domain.public_ids import Kind, NotAnId, number_of

_DURATION: Final = re.compile(r"([0-9]{1,4})(mo|min|[hdwy])")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_DIGITS: Final = re.compile(r"[0-9]+")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS: Final = (2000, 2200)


def read_instant(text: str, zone: str) -> datetime:
    """Return the UTC instant of ``2027-03-01T10:00+09:00``, or of a day or wall-clock time in ``zone``.

    :raises BadParameter: it is none, or lies outside the years 2000 to 2199.
    """
    wrong = f"{text[:40]!r} is no instant; write 2027-03-01T10:00+09:00, or 2027-03-01 10:00 ({zone}), or 2027-03-01"
    if _INSTANT.fullmatch(text) is None:
        raise typer.BadParameter(wrong)
    try:
        if len(text) == 10:
            found = datetime.combine(date.fromisoformat(text), time(), tzinfo=ZoneInfo(zone))
        else:
            found = datetime.fromisoformat(text)
            found = found.replace(tzinfo=ZoneInfo(zone)) if found.tzinfo is None else found
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no day or time of the calendar") from None
    if not _YEARS[0] <= found.year < _YEARS[1]:
        raise typer.BadParameter(f"{text!r} lies outside the years {_YEARS[0]} to {_YEARS[1] - 1}")
    return found


def read_day(text: str) -> date:
    """Return the day of ``2027-03-01``.

    :raises BadParameter: it is none, or lies outside the years 2000 to 2199.
    """
    if _DAY.fullmatch(text) is None:
        raise typer.BadParameter(f"{text[:40]!r} is no day; write 2027-03-01")
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day of the calendar") from None
    if not _YEARS[0] <= found.year < _YEARS[1]:
        raise typer.BadParameter(f"{text!r} lies outside the years {_YEARS[0]} to {_YEARS[1] - 1}")
    return found


def after(now: datetime, text: str, zone: str) -> datetime:
    """Return the UTC instant a duration after ``now``: ``1mo`` is the same wall-clock time a month on in ``zone``.

    :raises BadParameter: it is no duration, or a zero one.
    """
    told = _DURATION.fullmatch(text)
    if told is None or int(told[1]) == 0:
        raise typer.BadParameter(f"{text[:40]!r} is no duration; write 30min, 12h, 1d, 2w, 1mo or 1y")
    number, unit = int(told[1]), told[2]
    if unit in ("mo", "y", "d", "w"):
        local = pendulum.instance(now.astimezone(ZoneInfo(zone)))
        days = {"d": number, "w": 7 * number}.get(unit, 0)
        months = {"mo": number, "y": 12 * number}.get(unit, 0)
        try:
            ahead = local.add(months=months, days=days)
        except (ValueError, OverflowError):
            raise typer.BadParameter(f"{text} from now is beyond the calendar") from None
        return datetime.fromtimestamp(ahead.timestamp(), UTC)
    return now + (timedelta(hours=number) if unit == "h" else timedelta(minutes=number))


def whole_number(text: str) -> int:
    """Return a whole number of 1 to 12 plain digits; ``1_000``, ``1e3`` and other scripts' digits are none.

    :raises BadParameter: it is none.
    """
    if re.fullmatch(r"[0-9]{1,12}", text) is None:
        raise typer.BadParameter(f"{text[:40]!r} is no whole number; write plain digits, such as 9900")
    return int(text)


def event_number(text: str) -> int:
    """Return the number of an event: of ``evt_42``, or of ``42``.

    :raises BadParameter: it is neither.
    """
    try:
        return number_of(Kind.EVENT, f"{Kind.EVENT}_{text}" if _DIGITS.fullmatch(text) else text)
    except NotAnId as error:
        raise typer.BadParameter(f"{error}, such as evt_42") from None
