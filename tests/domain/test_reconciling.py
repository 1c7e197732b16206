"""How far back each round of reconciliation reaches, and that one begun anew reaches as far."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from billing.domain.charging import REFUND_WINDOW, GatewayPayment, PaymentStatus
from billing.domain.reconciling import (
    EVERY,
    MOST_DOUBTFUL,
    PHASES,
    Phase,
    Place,
    Round,
    doubting,
    first_place,
    holds_money,
    next_round_at,
    was_to_reach,
)

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


@pytest.mark.parametrize("round_", list(Round))
def test_a_round_takes_its_phases_one_after_the_other_and_what_is_in_doubt_once_more(round_):
    place, passed = _began(round_), []
    while place is not None:
        passed.append(place.phase)
        place = place.next_phase(round_)
    assert passed == [each for each in PHASES[round_] if each is not Phase.AGAIN]
    doubtful = doubting(_began(round_), (UUID(int=1),), NOW)
    while (following := doubtful.next_phase(round_)) is not None:
        doubtful = following
    assert doubtful.phase is PHASES[round_][-1]


def test_a_phase_begins_at_its_first_row():
    place = replace(_began(Round.RECENT), after_at=NOW, after_id="pay_1", following="page 2", tries=2)
    following = place.next_phase(Round.RECENT)
    assert (following.after_at, following.after_id, following.following, following.tries) == (None, None, None, 0)


def test_a_place_is_read_back_as_it_was_written():
    place = doubting(replace(_began(Round.RECENT), after_at=NOW, following="page 2"), (UUID(int=1),), NOW)
    for each in (place, _began(Round.SEARCH)):
        assert Place.from_json(json.loads(json.dumps(each.as_json()))) == each


def test_each_charge_is_doubted_once_and_not_more_than_can_be_asked_about():
    none = _began(Round.RECENT)
    assert doubting(none, (), NOW) is none
    twice = doubting(doubting(none, (UUID(int=1),), NOW), (UUID(int=1), UUID(int=2)), NOW + RECENT)
    assert twice.doubtful == (str(UUID(int=1)), str(UUID(int=2)))
    assert twice.doubted_at == NOW + RECENT
    many = doubting(none, tuple(UUID(int=each) for each in range(MOST_DOUBTFUL + 1)), NOW)
    assert len(many.doubtful) == MOST_DOUBTFUL


@pytest.mark.parametrize("round_", list(Round))
def test_a_round_is_made_again_after_its_time_and_one_that_took_longer_at_once(round_):
    assert next_round_at(round_, NOW, NOW + timedelta(hours=1)) == NOW + EVERY[round_]
    late = NOW + EVERY[round_] + timedelta(hours=1)
    assert next_round_at(round_, NOW, late) == late


@pytest.mark.parametrize(
    ("status", "told", "holds"),
    [
        (PaymentStatus.CAPTURED, {"captured_minor": 9900}, True),
        (PaymentStatus.CAPTURED, {"captured_minor": 9900, "refunded_minor": 9899}, True),
        (PaymentStatus.CAPTURED, {"captured_minor": 9900, "refunded_minor": 9900}, False),
        (PaymentStatus.CAPTURED, {"amount_minor": 9900, "refunded_minor": 9900}, False),
        (PaymentStatus.OPEN, {}, True),
        (PaymentStatus.DECLINED, {"amount_minor": 9900}, False),
        (PaymentStatus.RETURNED, {"captured_minor": 9900}, False),
    ],
)
def test_a_payment_holds_money_until_all_of_it_went_back(status, told, holds):
    assert holds_money(GatewayPayment("pay_1", status, status.value, **told)) is holds
