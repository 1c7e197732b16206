"""What the days of a period are that nobody is billed for."""

from datetime import date, timedelta

import pytest

from billing.domain.days.records import DayKind, DayRecord, UnbilledReason, forgiven_between

FIRST = date(2027, 3, 1)
_K, _R = DayKind, UnbilledReason


def day(number):
    return FIRST + timedelta(days=number)


def lost(start, end):
    return DayRecord(day(start), day(end), _K.NONE, _R.NO_ACCESS)


def between(*spans):
    """Days 10 to 19 of which nobody is billed for any, as (first, behind the last, kind)."""
    records = forgiven_between(day(10), day(20), _R.OUTAGE, lost=[lost(*each) for each in spans])
    return [((each.start - FIRST).days, (each.end - FIRST).days, each.kind) for each in records]


F, N = _K.FORGIVEN, _K.NONE


@pytest.mark.parametrize(
    ("spans", "wanted"),
    [
        ([], [(10, 20, F)]),
        ([(0, 10), (20, 30)], [(10, 20, F)]),
        ([(10, 20)], [(10, 20, N)]),
        ([(0, 30)], [(10, 20, N)]),
        ([(12, 14)], [(10, 12, F), (12, 14, N), (14, 20, F)]),
        ([(8, 12), (18, 25)], [(10, 12, N), (12, 18, F), (18, 20, N)]),
        ([(12, 14), (14, 16)], [(10, 12, F), (12, 14, N), (14, 16, N), (16, 20, F)]),
    ],
)
def test_days_that_gave_no_access_are_not_forgiven_and_each_day_is_told_once(spans, wanted):
    assert between(*spans) == wanted


def test_a_day_that_gave_no_access_keeps_its_own_reason():
    records = list(forgiven_between(day(10), day(20), _R.OUTAGE, lost=[lost(12, 14)]))
    assert [each.reason for each in records] == [_R.OUTAGE, _R.NO_ACCESS, _R.OUTAGE]
