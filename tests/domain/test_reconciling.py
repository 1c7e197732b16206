"""How far back each round of reconciliation reaches, and that one begun anew reaches as far."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.charging import REFUND_WINDOW
from billing.domain.reconciling import PHASES, Place, Round, first_place, was_to_reach

NOW = datetime(2028, 3, 30, 12, tzinfo=UTC)
RECENT = timedelta(days=3)
A_YEAR_AGO = NOW - REFUND_WINDOW


def _began(round_, since=None, *, is_first=False):
    return first_place(round_, NOW, recent=RECENT, since=since, is_first=is_first)


@pytest.mark.parametrize("round_", [Round.RECENT, Round.SEARCH, Round.DISPUTES, Round.OPEN])
def test_a_round_reaches_back_as_far_as_what_is_recent(round_):
    assert _began(round_) == Place(PHASES[round_][0], NOW - RECENT, NOW)


@pytest.mark.parametrize("round_", [Round.RECENT, Round.DISPUTES, Round.OPEN])
def test_after_a_gap_it_reaches_back_to_where_the_gap_began_and_never_less_than_usual(round_):
    assert _began(round_, NOW - timedelta(days=40)).since == NOW - timedelta(days=40)
    assert _began(round_, NOW - timedelta(hours=1)).since == NOW - RECENT


def test_the_search_goes_on_exactly_from_where_the_last_one_ended():
    assert _began(Round.SEARCH, NOW - timedelta(hours=1)).since == NOW - timedelta(hours=1)


def test_the_first_search_for_disputes_reaches_back_a_year():
    assert _began(Round.DISPUTES, is_first=True).since == A_YEAR_AGO
    assert _began(Round.DISPUTES, NOW - timedelta(days=4), is_first=True).since == A_YEAR_AGO
    assert _began(Round.DISPUTES, NOW - timedelta(days=4)).since == NOW - timedelta(days=4)


def test_the_rotation_takes_what_could_be_refunded_when_the_gap_began():
    assert _began(Round.ROTATION) == Place(PHASES[Round.ROTATION][0], A_YEAR_AGO, NOW - RECENT)
    gap = NOW - timedelta(days=400)
    assert _began(Round.ROTATION, gap).since == gap - REFUND_WINDOW


@pytest.mark.parametrize("round_", list(Round))
@pytest.mark.parametrize("days", [4, 400])
def test_a_round_that_is_begun_anew_reaches_as_far(round_, days):
    place = _began(round_, NOW - timedelta(days=days))
    assert _began(round_, was_to_reach(round_, place)).since == place.since
