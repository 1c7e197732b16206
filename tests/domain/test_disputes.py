"""Events of disputes in any order: what says less changes nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.disputes import DisputeState, Known, Told, is_about_dispute, is_news, meaning_of

NOW = datetime(2027, 3, 1, tzinfo=UTC)


def told(type_, updated_at=None):
    return Told(type_, "dsp_1", "pay_1", updated_at=updated_at)


def known(type_, updated_at=None):
    rank, state = meaning_of(type_)
    return Known(state, rank, updated_at)


@pytest.mark.parametrize(
    ("state", "types"),
    [
        (
            DisputeState.OPEN,
            "payment_chargeback dispute_received dispute_evidence_required dispute_of_tomorrow",
        ),
        (
            DisputeState.OPEN,
            "dispute_evidence_submitted dispute_arbitration_sent_to_scheme",
        ),
        (DisputeState.WON, "dispute_won dispute_canceled dispute_resolved dispute_arbitration_won"),
        (DisputeState.LOST, "dispute_lost dispute_accepted dispute_expired dispute_arbitration_lost"),
    ],
)
def test_an_event_means_that_it_is_open_won_or_lost(state, types):
    assert {meaning_of(each)[1] for each in types.split()} == {state}
    assert all(is_about_dispute(each) for each in types.split())


def test_other_events_are_about_no_dispute():
    assert not any(is_about_dispute(each) for each in ("payment_captured", "payment_refunded", "disputed", ""))


@pytest.mark.parametrize(
    ("before", "after", "news"),
    [
        ("dispute_received", "dispute_received", False),
        ("dispute_received", "dispute_evidence_required", True),
        ("dispute_won", "dispute_received", False),
        ("dispute_lost", "dispute_evidence_required", False),
        ("dispute_won", "dispute_of_tomorrow", False),
        ("dispute_lost", "dispute_arbitration_sent_to_scheme", True),
        ("dispute_arbitration_won", "dispute_lost", False),
        ("dispute_arbitration_sent_to_scheme", "dispute_arbitration_lost", True),
    ],
)
def test_what_comes_late_and_says_less_is_no_news(before, after, news):
    assert is_news(known(before, NOW), told(after, NOW)) is news


def test_of_two_decisions_the_one_that_was_made_later_counts():
    later = NOW + timedelta(hours=1)
    assert is_news(known("dispute_won", NOW), told("dispute_lost", later))
    assert not is_news(known("dispute_won", later), told("dispute_lost", NOW))
    assert not is_news(known("dispute_won", NOW), told("dispute_won", later))
    assert not is_news(known("dispute_won"), told("dispute_lost", later))
    assert not is_news(known("dispute_won", NOW), told("dispute_lost"))


def test_the_first_event_of_a_dispute_is_news_whatever_it_is():
    assert is_news(None, told("dispute_won"))
