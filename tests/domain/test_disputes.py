"""Events of disputes in any order: what says less changes nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.disputes import (
    DisputeState,
    Known,
    Told,
    held_because,
    is_about_dispute,
    is_news,
    meaning_of,
    rank_when_settled,
    told_from,
    type_of,
)

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


def test_a_status_is_told_by_its_own_event_also_one_of_tomorrow():
    assert meaning_of(type_of("won")) == meaning_of("dispute_won")
    assert type_of("on_hold_of_tomorrow") == "dispute_on_hold_of_tomorrow"
    assert is_about_dispute(type_of("on_hold_of_tomorrow"))


def test_the_facts_of_a_dispute_are_read_back_and_what_is_not_told_is_none():
    facts = {"dispute_id": "dsp_1", "amount": 9900, "currency": "KRW", "updated_at": "2027-03-01T00:00:00+00:00"}
    assert told_from("dispute_won", "pay_1", facts) == Told(
        "dispute_won", "dsp_1", "pay_1", amount_minor=9900, currency="KRW", updated_at=NOW
    )
    assert told_from("dispute_won", "pay_1", {}).dispute_id == "pay_1"
    assert told_from("dispute_won", "pay_1", {"respond_by": NOW.isoformat()}).respond_by == NOW


def test_after_a_person_settled_a_dispute_only_a_decision_is_news():
    for rank, _ in (meaning_of("dispute_received"), meaning_of("dispute_evidence_submitted")):
        settled = Known(DisputeState.LOST, rank_when_settled(rank), NOW)
        assert not is_news(settled, told("dispute_evidence_submitted", NOW + timedelta(hours=1)))
        assert is_news(settled, told("dispute_won", NOW + timedelta(hours=1)))
    decided, _ = meaning_of("dispute_arbitration_lost")
    assert rank_when_settled(decided) == decided


def test_a_refund_that_is_held_names_its_dispute_and_by_when_that_is_to_be_answered():
    assert "dsp_1" in held_because("dsp_1", None)
    assert "answered" not in held_because("dsp_1", None)
    assert "to be answered by 2027-03-01" in held_because("dsp_1", NOW)
