"""How many attempts an older copy may have forgotten: as many as the waits and the ladder allow in the time."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.attempts import BY_HAND, LEAST, most_attempts
from billing.domain.dunning import DunningPolicy

POLICY = DunningPolicy()


@pytest.mark.parametrize(
    ("lasted", "attempts"),
    [
        (timedelta(0), LEAST),
        (timedelta(hours=1), LEAST),
        # after 10 and 30 minutes, 2 and 6 hours, and every 6 hours from then on; one a day of the ladder beside them
        (timedelta(days=1), 7 + 3 + BY_HAND),
        (timedelta(days=3), 15 + 5 + BY_HAND),
        (timedelta(days=400), 41 + 16 + BY_HAND),
    ],
)
def test_it_is_what_the_waits_and_the_ladder_allow(lasted, attempts):
    assert most_attempts(POLICY, lasted) == attempts


@given(short=st.timedeltas(timedelta(0), timedelta(days=60)), more=st.timedeltas(timedelta(0), timedelta(days=60)))
def test_a_longer_time_allows_no_fewer(short, more):
    assert most_attempts(POLICY, short) <= most_attempts(POLICY, short + more)


def test_technical_tries_bound_it():
    few = DunningPolicy(technical_tries=2)
    assert most_attempts(few, timedelta(days=400)) == 3 + 16 + BY_HAND
