from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.calendar import (
    BeforeAnchorError,
    CalendarError,
    Interval,
    IntervalUnit,
    NaiveInstantError,
    OutOfCalendarError,
    Period,
    UnknownZoneError,
    billing_day,
    nth_period,
    period_index,
    start_of_day,
)

DAY = Interval(IntervalUnit.DAY, 1)
WEEK = Interval(IntervalUnit.WEEK, 1)
MONTH = Interval(IntervalUnit.MONTH, 1)
QUARTER = Interval(IntervalUnit.MONTH, 3)
YEAR = Interval(IntervalUnit.YEAR, 1)

FORTY_YEARS = [date(2020, 1, 1) + timedelta(days=day) for day in range(40 * 365 + 10)]
ZONES = [
    "Asia/Seoul",
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # clocks jumped over midnight until 2018
    "America/Havana",  # midnight comes twice
    "America/St_Johns",  # clocks went back from 00:01 into the day before
    "Asia/Beirut",
    "Africa/Cairo",
    "Asia/Pyongyang",
    "Australia/Lord_Howe",  # half an hour
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
]

anchors = st.dates(date(2000, 1, 1), date(2100, 12, 31))
intervals = st.builds(Interval, st.sampled_from(IntervalUnit), st.integers(1, 366))
indexes = st.integers(0, 20)
zones = st.sampled_from(ZONES)
days = st.dates(date(1971, 1, 1), date(2099, 12, 31))
instants = st.datetimes(datetime(1971, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))


def starts(anchor, interval, count):
    return [nth_period(anchor, interval, index).start for index in range(count)]


@pytest.mark.parametrize(
    ("anchor", "interval", "expected"),
    [
        (date(2027, 1, 31), MONTH, ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]),
        (date(2027, 12, 31), MONTH, ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"]),
        (date(2027, 1, 30), MONTH, ["2027-01-30", "2027-02-28", "2027-03-30"]),
        (date(2027, 11, 30), QUARTER, ["2027-11-30", "2028-02-29", "2028-05-30"]),
        (date(2028, 2, 29), YEAR, ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]),
        (date(2096, 2, 29), Interval(IntervalUnit.YEAR, 4), ["2096-02-29", "2100-02-28", "2104-02-29"]),
        (date(2027, 2, 28), MONTH, ["2027-02-28", "2027-03-28"]),
        (date(2027, 12, 30), WEEK, ["2027-12-30", "2028-01-06"]),
        (date(2028, 2, 28), DAY, ["2028-02-28", "2028-02-29", "2028-03-01"]),
    ],
)
def test_a_day_the_month_lacks_moves_to_its_end_and_comes_back(anchor, interval, expected):
    assert [str(start) for start in starts(anchor, interval, len(expected))] == expected


@pytest.mark.parametrize("interval", [MONTH, YEAR], ids=str)
def test_every_anchor_of_forty_years_keeps_its_day_or_takes_the_end_of_the_month(interval):
    for anchor in FORTY_YEARS:
        end = nth_period(anchor, interval, 4).end
        assert end.day == anchor.day or (end.day < anchor.day and (end + timedelta(days=1)).day == 1), anchor


def test_every_anchor_of_forty_years_finds_the_days_around_its_next_boundary():
    for anchor in FORTY_YEARS:
        end = nth_period(anchor, MONTH, 12).end
        assert period_index(anchor, MONTH, end) == 13, anchor
        assert period_index(anchor, MONTH, end - timedelta(days=1)) == 12, anchor


@given(anchors, intervals, indexes)
def test_periods_tile_without_gap_or_overlap(anchor, interval, index):
    assert nth_period(anchor, interval, 0).start == anchor
    assert nth_period(anchor, interval, index).end == nth_period(anchor, interval, index + 1).start


@given(anchors, intervals, indexes)
def test_periods_begin_where_pendulum_would_begin_them(anchor, interval, index):
    unit, count = f"{interval.unit}s", interval.count * index
    expected = pendulum.date(anchor.year, anchor.month, anchor.day).add(**{unit: count})
    assert nth_period(anchor, interval, index).start == date(expected.year, expected.month, expected.day)


@given(anchors, intervals, st.integers(0, 60_000))
def test_the_period_of_a_day_contains_it(anchor, interval, later):
    day = anchor + timedelta(days=later)
    assert day in nth_period(anchor, interval, period_index(anchor, interval, day))


@given(anchors, intervals, indexes)
def test_a_period_knows_its_index_from_its_first_to_its_last_day(anchor, interval, index):
    period = nth_period(anchor, interval, index)
    assert period_index(anchor, interval, period.start) == index
    assert period_index(anchor, interval, period.end - timedelta(days=1)) == index
    assert period_index(anchor, interval, period.end) == index + 1


def test_a_day_far_away_is_found_at_once():
    assert period_index(date(1, 1, 31), DAY, date(9999, 12, 30)) == date(9999, 12, 30).toordinal() - 31
    assert period_index(date(1, 1, 31), MONTH, date(9999, 11, 30)) == 9998 * 12 + 10


def test_a_day_before_the_anchor_has_no_period():
    with pytest.raises(BeforeAnchorError, match="2027-01-30 is before the anchor 2027-01-31"):
        period_index(date(2027, 1, 31), MONTH, date(2027, 1, 30))


@pytest.mark.parametrize(
    ("anchor", "interval", "index"),
    [
        (date(9999, 12, 31), DAY, 0),
        (date(9999, 12, 25), WEEK, 0),
        (date(9999, 12, 1), MONTH, 0),
        (date(9999, 1, 1), YEAR, 0),
        (date(2027, 1, 1), YEAR, 7972),
        (date(2027, 1, 1), MONTH, 10**30),
        (date(2027, 1, 1), DAY, 10**30),
    ],
)
def test_a_period_beyond_the_calendar_is_refused(anchor, interval, index):
    with pytest.raises(OutOfCalendarError, match="beyond the year 9999"):
        nth_period(anchor, interval, index)


@pytest.mark.parametrize(
    ("anchor", "interval", "end"),
    [
        (date(9999, 12, 30), DAY, date(9999, 12, 31)),
        (date(9999, 11, 30), MONTH, date(9999, 12, 30)),
        (date(9998, 12, 31), YEAR, date(9999, 12, 31)),
        (date(1, 1, 1), YEAR, date(2, 1, 1)),
    ],
)
def test_the_ends_of_the_calendar_can_be_reached(anchor, interval, end):
    assert nth_period(anchor, interval, 0) == Period(anchor, end)


def test_periods_are_counted_from_zero():
    with pytest.raises(CalendarError, match="there is no period -1"):
        nth_period(date(2027, 1, 1), MONTH, -1)


def test_an_instant_is_not_taken_for_a_day():
    day, instant = date(2027, 1, 1), datetime(2027, 1, 1, 15, 10, tzinfo=UTC)
    for act in (
        lambda: nth_period(instant, MONTH, 0),
        lambda: period_index(instant, MONTH, instant),
        lambda: period_index(instant, MONTH, day),
        lambda: period_index(day, MONTH, instant),
        lambda: start_of_day(instant, "UTC"),
        lambda: Period(instant, date(2027, 2, 1)),
        lambda: Period(day, instant),
    ):
        with pytest.raises(CalendarError, match="a day is a date"):
            act()


@pytest.mark.parametrize(
    ("unit", "count", "text"),
    [
        (IntervalUnit.MONTH, 1, "every month"),
        (IntervalUnit.MONTH, 3, "every 3 months"),
        (IntervalUnit.DAY, 1, "every day"),
        (IntervalUnit.WEEK, 2, "every 2 weeks"),
        (IntervalUnit.YEAR, 366, "every 366 years"),
    ],
)
def test_an_interval_reads_as_words(unit, count, text):
    assert str(Interval(unit, count)) == text


@pytest.mark.parametrize("count", [0, -1, 367, 10**30, True, 1.0, "1", None])
def test_an_interval_counts_within_bounds(count):
    with pytest.raises(CalendarError, match="1 to 366 units"):
        Interval(IntervalUnit.MONTH, count)


@pytest.mark.parametrize("unit", ["month", "fortnight", None, 1])
def test_an_interval_has_a_known_unit(unit):
    with pytest.raises(CalendarError, match="a unit is an IntervalUnit"):
        Interval(unit, 1)


def test_a_period_holds_its_start_and_not_its_end():
    period = Period(date(2027, 2, 1), date(2027, 3, 1))
    assert period.days == 28
    inside = [day for day in FORTY_YEARS if day in period]
    assert (inside[0], inside[-1], len(inside)) == (date(2027, 2, 1), date(2027, 2, 28), 28)


@pytest.mark.parametrize("end", [date(2027, 2, 1), date(2027, 1, 31)])
def test_a_period_starts_before_it_ends(end):
    with pytest.raises(CalendarError, match="starts before it ends"):
        Period(date(2027, 2, 1), end)


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        ("2027-02-28T14:59:59.999999+00:00", "Asia/Seoul", date(2027, 2, 28)),
        ("2027-02-28T15:00:00+00:00", "Asia/Seoul", date(2027, 3, 1)),
        ("2027-02-28T15:10:00+00:00", "Asia/Seoul", date(2027, 3, 1)),
        ("2027-02-28T15:10:00+00:00", "UTC", date(2027, 2, 28)),
        ("2027-03-01T00:10:00+09:00", "UTC", date(2027, 2, 28)),
        ("2027-01-01T00:00:00+00:00", "America/New_York", date(2026, 12, 31)),
        ("1988-07-01T14:00:00+00:00", "Asia/Seoul", date(1988, 7, 2)),  # Korea kept summer time then
    ],
)
def test_the_day_of_an_instant_is_the_day_in_the_zone(instant, zone, day):
    assert billing_day(datetime.fromisoformat(instant), zone) == day


def test_a_pendulum_instant_gives_a_plain_date():
    day = billing_day(pendulum.datetime(2027, 2, 28, 15, 10), "Asia/Seoul")
    assert day == date(2027, 3, 1)
    assert type(day) is date


@given(days, zones)
def test_a_day_starts_at_its_first_instant(day, zone):
    start = start_of_day(day, zone)
    assert start.utcoffset() == timedelta(0)
    assert billing_day(start, zone) == day
    assert billing_day(start - timedelta(microseconds=1), zone) < day


@pytest.mark.parametrize("zone", ZONES)
def test_days_of_forty_years_start_one_after_the_other(zone):
    beginnings = [start_of_day(day, zone) for day in FORTY_YEARS]
    lengths = {(later - earlier) / timedelta(hours=1) for earlier, later in pairwise(beginnings)}
    assert lengths <= {23, 23.5, 24, 24.5, 25}


@given(instants, zones)
def test_an_instant_lies_after_the_start_of_its_day(instant, zone):
    assert start_of_day(billing_day(instant, zone), zone) <= instant


@pytest.mark.parametrize(
    ("day", "zone", "instant"),
    [
        (date(2027, 3, 1), "Asia/Seoul", "2027-02-28T15:00:00+00:00"),
        (date(1988, 7, 1), "Asia/Seoul", "1988-06-30T14:00:00+00:00"),
        (date(2027, 7, 1), "Europe/Berlin", "2027-06-30T22:00:00+00:00"),
        (date(2027, 1, 1), "Europe/Berlin", "2026-12-31T23:00:00+00:00"),
        (date(2018, 11, 4), "America/Sao_Paulo", "2018-11-04T03:00:00+00:00"),  # no midnight: 01:00 is first
        (date(2024, 11, 3), "America/Havana", "2024-11-03T04:00:00+00:00"),  # two midnights: the first
        (date(2010, 11, 7), "America/St_Johns", "2010-11-07T02:30:00+00:00"),
        (date(2018, 5, 5), "Asia/Pyongyang", "2018-05-04T15:00:00+00:00"),
        (date(2011, 12, 30), "Pacific/Apia", "2011-12-30T10:00:00+00:00"),  # left out: the next day begins
        (date(2011, 12, 31), "Pacific/Apia", "2011-12-30T10:00:00+00:00"),
    ],
)
def test_a_day_starts_at_midnight_or_as_soon_as_clocks_allow(day, zone, instant):
    start = start_of_day(day, zone)
    assert start == datetime.fromisoformat(instant)
    assert start.tzinfo is UTC


@pytest.mark.parametrize("instant", [datetime(2027, 1, 1), datetime.max])
def test_an_instant_without_a_zone_is_refused(instant):
    with pytest.raises(NaiveInstantError, match="has no zone"):
        billing_day(instant, "Asia/Seoul")


@pytest.mark.parametrize(
    "zone",
    [
        "",
        "Asia",
        "Seoul",
        "KST",
        "Asia/Nope",
        "../etc/passwd",
        "/etc/localtime",
        ".",
        "A\0B",
        "\ud800",
        "x" * 5000,
    ],
)
def test_an_unknown_zone_is_refused(zone):
    with pytest.raises(UnknownZoneError, match="is not a time zone; write a name such as 'Asia/Seoul'") as refusal:
        start_of_day(date(2027, 1, 1), zone)
    assert len(str(refusal.value)) < 150
    with pytest.raises(UnknownZoneError):
        billing_day(datetime(2027, 1, 1, tzinfo=UTC), zone)


def test_a_day_that_falls_off_the_calendar_in_a_zone_is_refused():
    with pytest.raises(OutOfCalendarError, match="years are 1 to 9999"):
        billing_day(datetime(9999, 12, 31, 23, tzinfo=UTC), "Asia/Seoul")
    with pytest.raises(OutOfCalendarError):
        billing_day(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), "UTC")
    with pytest.raises(OutOfCalendarError, match="years are 1 to 9999"):
        start_of_day(date(1, 1, 1), "Asia/Seoul")
