"""When a wallet may be charged: never in Seoul's quiet hours, whatever the billing zone and its clocks do."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from a_case import KST, kst
from hypothesis import assume, example, given
from hypothesis import strategies as st

from billing.domain.quiet_hours import ChargeWindow, charge_slot, outside_quiet_hours

SEOUL = "Asia/Seoul"
BY_NIGHT = ChargeWindow()
BY_DAY = ChargeWindow(quiet_from=time(12, 0), quiet_until=time(13, 30))
NEVER = ChargeWindow(quiet_from=time(12, 0), quiet_until=time(12, 0))

# Zones whose clocks jump at or around midnight, by half hours, over a whole day, or never.
ZONES = [
    SEOUL,
    "UTC",
    "America/Havana",
    "America/Sao_Paulo",
    "America/Santiago",
    "America/Scoresbysund",
    "America/New_York",
    "Atlantic/Azores",
    "Africa/Cairo",
    "Asia/Amman",
    "Asia/Beirut",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Apia",
    "Pacific/Chatham",
]


def is_quiet(instant, window):
    """Say the same as the code, in other words: minutes since the window began."""
    local = instant.astimezone(KST)
    seconds = (local.hour * 60 + local.minute) * 60 + local.second + local.microsecond / 1e6
    begins = (window.quiet_from.hour * 60 + window.quiet_from.minute) * 60
    ends = (window.quiet_until.hour * 60 + window.quiet_until.minute) * 60
    return (seconds - begins) % 86_400 < (ends - begins) % 86_400


def jumps_of(zone):
    """Yield the noon before each change of a zone's clocks within 25 years."""
    noon, last = datetime(2005, 1, 1, 12, tzinfo=UTC), None
    while noon.year < 2030:
        offset = noon.astimezone(ZoneInfo(zone)).utcoffset()
        if last is not None and offset != last:
            yield noon - timedelta(days=1)
        noon, last = noon + timedelta(days=1), offset


def holds(instant, window):
    allowed = outside_quiet_hours(instant, window)
    assert allowed >= instant, "never earlier"
    assert not is_quiet(allowed, window), "never in the quiet hours"
    assert outside_quiet_hours(allowed, window) == allowed, "a second time changes nothing"
    if is_quiet(instant, window):
        assert allowed - instant <= timedelta(hours=15), "soon after they end"
    else:
        assert allowed == instant, "what is allowed is not moved"


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("2027-03-01 23:19", "2027-03-01 23:19"),
        ("2027-03-01 23:20", "2027-03-02 00:40"),
        ("2027-03-01 23:25", "2027-03-02 00:40"),
        ("2027-03-01 23:59", "2027-03-02 00:40"),
        ("2027-03-02 00:00", "2027-03-02 00:40"),
        ("2027-03-02 00:39", "2027-03-02 00:40"),
        ("2027-03-02 00:40", "2027-03-02 00:40"),
        ("2027-12-31 23:30", "2028-01-01 00:40"),
        ("2028-02-28 23:30", "2028-02-29 00:40"),
    ],
)
def test_nothing_is_charged_between_2320_and_0040_in_seoul(asked, allowed):
    assert outside_quiet_hours(kst(asked), BY_NIGHT) == kst(allowed)


def test_the_last_microsecond_before_the_quiet_hours_is_allowed_and_the_last_one_inside_is_not():
    begins, ends = kst("2027-03-01 23:20"), kst("2027-03-02 00:40")
    tick = timedelta(microseconds=1)
    assert outside_quiet_hours(begins - tick, BY_NIGHT) == begins - tick
    assert outside_quiet_hours(ends - tick, BY_NIGHT) == ends


def test_a_window_that_does_not_cross_midnight_ends_on_the_same_day():
    assert outside_quiet_hours(kst("2027-03-01 12:00"), BY_DAY) == kst("2027-03-01 13:30")
    assert outside_quiet_hours(kst("2027-03-01 11:59"), BY_DAY) == kst("2027-03-01 11:59")
    assert outside_quiet_hours(kst("2027-03-01 13:30"), BY_DAY) == kst("2027-03-01 13:30")


def test_a_window_that_ends_where_it_begins_is_no_window():
    assert outside_quiet_hours(kst("2027-03-01 12:00"), NEVER) == kst("2027-03-01 12:00")


@pytest.mark.parametrize("zone", ZONES)
def test_no_jump_of_a_zones_clocks_leads_a_slot_into_the_quiet_hours(zone):
    for noon in jumps_of(zone):
        for minutes in range(0, 2 * 1440, 20):
            local = (noon + timedelta(minutes=minutes)).astimezone(ZoneInfo(zone))
            slot = charge_slot(local.date(), local.time(), zone, BY_NIGHT, UUID(int=minutes))
            assert not is_quiet(slot, BY_NIGHT)


@pytest.mark.parametrize(
    ("zone", "day", "slot"),
    [
        ("America/New_York", date(2027, 1, 15), "2027-01-16 00:40"),  # 10:00 there is midnight in Seoul
        ("America/New_York", date(2027, 7, 15), "2027-07-15 23:00"),  # and an hour before it in summer
        ("Europe/London", date(2027, 1, 15), "2027-01-15 19:00"),
        ("Asia/Tokyo", date(2027, 1, 15), "2027-01-15 10:00"),
    ],
)
def test_quiet_hours_are_seouls_whatever_the_zone_that_is_billed_in(zone, day, slot):
    exact = ChargeWindow(jitter=timedelta(0))
    assert charge_slot(day, time(10), zone, exact, UUID(int=7)) == kst(slot)


def test_an_hour_that_lies_in_the_quiet_hours_is_spread_behind_them():
    slots = [charge_slot(date(2027, 1, 15), time(10), "America/New_York", BY_NIGHT, UUID(int=n)) for n in range(300)]
    minutes = {int((slot - kst("2027-01-16 00:40")).total_seconds() // 60) for slot in slots}
    assert minutes == set(range(30))


@given(
    instant=st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)),
    begins=st.integers(0, 1439),
    lasts=st.integers(0, 12 * 60),
)
@example(instant=kst("2027-03-01 23:20"), begins=1400, lasts=80)
@example(instant=kst("2027-03-02 00:40"), begins=1400, lasts=80)
def test_whatever_the_instant_and_window_nothing_lands_in_the_quiet_hours(instant, begins, lasts):
    ends = (begins + lasts) % 1440
    window = ChargeWindow(quiet_from=time(*divmod(begins, 60)), quiet_until=time(*divmod(ends, 60)))
    holds(instant, window)


@given(
    day=st.dates(date(2000, 1, 1), date(2099, 1, 1)),
    at=st.times(),
    zone=st.sampled_from(ZONES),
    spread_by=st.uuids(),
)
@example(day=date(2027, 2, 1), at=time(23, 20), zone=SEOUL, spread_by=UUID(int=1))
def test_a_slot_is_on_its_day_at_its_time_or_up_to_half_an_hour_later_and_never_in_the_quiet_hours(
    day, at, zone, spread_by
):
    slot = charge_slot(day, at, zone, BY_NIGHT, spread_by)
    assert slot == charge_slot(day, at, zone, BY_NIGHT, spread_by), "computed twice it is the same slot"
    assert slot.tzinfo is UTC
    assert not is_quiet(slot, BY_NIGHT)
    named = datetime.combine(day, at, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    assume(not is_quiet(named, BY_NIGHT))  # else it may come before them, to stay on its day
    assert slot >= named
    assume(not is_quiet(named + timedelta(minutes=30), BY_NIGHT))
    assert slot - named < timedelta(minutes=30)


def test_slots_of_many_subscriptions_spread_over_the_whole_half_hour():
    slots = [charge_slot(date(2027, 3, 1), time(10), SEOUL, BY_NIGHT, UUID(int=number)) for number in range(3000)]
    minutes = [int((slot - kst("2027-03-01 10:00")).total_seconds() // 60) for slot in slots]
    assert set(minutes) == set(range(30))
    assert max(minutes.count(minute) for minute in range(30)) < 150


def test_without_jitter_every_slot_is_exactly_on_time():
    exact = ChargeWindow(jitter=timedelta(0))
    assert charge_slot(date(2027, 3, 1), time(10), SEOUL, exact, UUID(int=7)) == kst("2027-03-01 10:00")


def test_a_slot_that_its_jitter_would_push_into_the_quiet_hours_comes_before_them_on_its_day():
    late = charge_slot(date(2027, 3, 1), time(23, 19, 59), SEOUL, BY_NIGHT, UUID(int=7))
    assert late.astimezone(KST).isoformat() == "2027-03-01T23:19:59+09:00"


def test_charging_opens_at_ten_unless_said_otherwise():
    assert ChargeWindow().opens == time(10, 0)


@given(
    day=st.dates(date(2026, 1, 1), date(2030, 1, 1)),
    opens=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    jitter=st.integers(0, 720),
    zone=st.sampled_from([SEOUL, "UTC", "America/New_York", "Pacific/Kiritimati", "Australia/Lord_Howe"]),
    spread_by=st.uuids(),
    window=st.sampled_from([BY_NIGHT, BY_DAY, NEVER, ChargeWindow(quiet_from=time(0, 10), quiet_until=time(9, 0))]),
)
@example(date(2027, 2, 1), time(23, 25), 30, SEOUL, UUID(int=1), BY_NIGHT)
@example(date(2027, 2, 1), time(23, 10), 60, SEOUL, UUID(int=2), BY_NIGHT)
def test_a_slot_is_on_its_day_however_late_the_window_opens(day, opens, jitter, zone, spread_by, window):
    window = replace(window, opens=opens, jitter=timedelta(minutes=jitter))
    slot = charge_slot(day, opens, zone, window, spread_by)
    assert slot.astimezone(ZoneInfo(zone)).date() == day
    assert not is_quiet(slot, window)
