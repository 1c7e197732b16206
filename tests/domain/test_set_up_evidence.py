"""From how many subscribers met a set-up class, and how many were captured, to whose trouble it is."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.set_up_evidence import (
    Counts,
    SetUpEvidence,
    SetUpPolicy,
    Trouble,
    account_is_at_fault,
    stretch_begins,
    trouble_of,
    trouble_of_unexplained,
)

POLICY = SetUpPolicy(subscribers=5, share=0.5, without_captures=2, tries=3)
NOBODY = Counts(0, 0, 0)
NOON = datetime(2027, 3, 1, 3, 0, tzinfo=UTC)


def evidence(failed, captured=0, undecided=0, stretch=None, is_stopped=False):
    window = Counts(failed, captured, undecided)
    return SetUpEvidence(window, stretch or window, is_stopped)


@pytest.mark.parametrize(
    ("failed", "captured", "undecided", "stops"),
    [
        (1, 0, 0, False),  # one wallet
        (2, 0, 0, True),  # a small installation on its first day
        (2, 0, 1, False),  # the third may still be captured
        (2, 1, 0, False),  # somebody was captured, so it takes more
        (4, 1, 0, False),
        (5, 1, 0, True),
        (5, 5, 0, True),  # just the share
        (5, 6, 0, False),
        (5, 3, 3, False),  # too many are undecided to be sure
        (30, 0, 0, True),
        (30, 29, 0, True),
        (30, 31, 0, False),
        (1, 10_000, 0, False),
        (500, 10_000, 0, False),
    ],
)
def test_charging_stops_by_how_many_failed_against_how_many_did_not(failed, captured, undecided, stops):
    assert (account_is_at_fault(evidence(failed, captured, undecided), POLICY) is not None) is stops


def test_an_account_that_breaks_at_noon_is_seen_though_many_were_captured_in_the_morning():
    broken = evidence(5, 10_000, stretch=Counts(5, 0, 0))
    assert account_is_at_fault(broken, POLICY) == "5 of the 5 subscribers charged last met an error of our set-up"


def test_declines_without_a_reason_are_the_accounts_trouble_only_if_most_meet_them():
    most = SetUpEvidence(NOBODY, Counts(5, 5, 0), unexplained=4)
    told = "5 of the 10 subscribers charged last met an error of our set-up (of 4 no reason is known)"
    assert account_is_at_fault(most, POLICY) == told
    assert trouble_of_unexplained(most, POLICY) is Trouble.ACCOUNT
    few = SetUpEvidence(NOBODY, Counts(4, 0, 0), unexplained=4)
    assert trouble_of_unexplained(few, POLICY) is Trouble.OPEN


def test_the_sentence_says_over_how_long_nobody_was_captured():
    because = account_is_at_fault(evidence(2), SetUpPolicy(window=timedelta(hours=6)))
    assert because == "2 subscribers met an error of our set-up, and nobody was captured in the last 6 hours"


def test_the_stretch_begins_with_the_first_failure_of_the_last_few_subscribers():
    at = [NOON + timedelta(minutes=minute) for minute in (50, 10, 40, 20, 60, 30)]
    assert stretch_begins(at, POLICY) == NOON + timedelta(minutes=20)
    assert stretch_begins(at[:5], POLICY) == NOON + timedelta(minutes=10)
    assert stretch_begins(at[:4], POLICY) is None


@pytest.mark.parametrize("tries", [1, 2])
def test_below_the_bound_of_tries_a_wallet_is_tried_again(tries):
    assert trouble_of(evidence(1), tries, POLICY) is Trouble.OPEN
    assert trouble_of(evidence(1, 10_000), tries, POLICY) is Trouble.OPEN


@pytest.mark.parametrize("tries", [3, 4])
def test_after_a_few_tries_it_is_the_wallets_trouble_if_others_were_captured_and_unproven_if_not(tries):
    assert trouble_of(evidence(1, 1), tries, POLICY) is Trouble.WALLET
    assert trouble_of(evidence(1, 0), tries, POLICY) is Trouble.UNPROVEN
    assert trouble_of(evidence(1, 0, undecided=9), tries, POLICY) is Trouble.UNPROVEN, (
        "what is undecided proves nothing"
    )


@pytest.mark.parametrize("tries", [1, 3, 40])
def test_while_our_account_is_at_fault_or_charging_is_stopped_no_wallet_is_blamed(tries):
    assert trouble_of(evidence(2), tries, POLICY) is Trouble.ACCOUNT
    assert trouble_of(evidence(1, 10_000, is_stopped=True), tries, POLICY) is Trouble.ACCOUNT


def test_no_counts_at_all_blame_nobody():
    assert account_is_at_fault(SetUpEvidence(NOBODY, NOBODY), POLICY) is None
    strict = SetUpPolicy(subscribers=2, without_captures=1)
    assert account_is_at_fault(SetUpEvidence(NOBODY, NOBODY), strict) is None
