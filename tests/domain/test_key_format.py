"""What an API key looks like, and what a role may do."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.api_keys import (
    ENTROPY_BYTES,
    KeyMode,
    KeyStanding,
    NotAKey,
    compose_key,
    key_digest,
    key_hint,
    key_id,
    read_mode,
    why_refused,
)
from billing.domain.roles import Role, may

NOW = datetime(2027, 3, 1, tzinfo=UTC)
CHANCE = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES)
KEY = compose_key(KeyMode.TEST, bytes(range(ENTROPY_BYTES)))


def test_a_key_stays_the_same_for_ever():
    assert KEY.endswith("aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydog7iv")
    assert key_hint(KEY) == "bk_test_aaaq"
    assert str(key_id(key_digest(KEY))) == "7a06813b-ac83-551e-a43a-650b65172d3d"


@given(mode=st.sampled_from(KeyMode), chance=CHANCE)
def test_a_key_tells_its_mode_and_holds_at_least_160_bits_of_chance(mode, chance):
    key = compose_key(mode, chance)
    assert re.fullmatch(r"bk_(test|live)_[a-z2-7]{46}", key)
    assert read_mode(key) is mode
    assert ENTROPY_BYTES * 8 >= 160


@given(chance=CHANCE, place=st.integers(0, 53), letter=st.characters(codec="ascii"))
def test_a_mistyped_key_is_told_apart_without_a_look_at_the_database(chance, place, letter):
    key = compose_key(KeyMode.LIVE, chance)
    wrong = key[:place] + letter + key[place + 1 :]
    if wrong != key:
        with pytest.raises(NotAKey):
            read_mode(wrong)


@pytest.mark.parametrize("length", range(len(KEY)))
def test_a_key_that_was_cut_off_is_told_apart(length):
    with pytest.raises(NotAKey):
        read_mode(KEY[:length])


@pytest.mark.parametrize("text", ["", "secret", "bk_prod_" + KEY[8:], KEY.upper(), KEY + "a", "bk_test_\udcff"])
def test_what_is_no_key_is_refused_and_not_repeated(text):
    with pytest.raises(NotAKey) as refused:
        read_mode(text)
    assert KEY[8:20] not in str(refused.value)


def test_a_key_is_not_made_of_too_little_chance():
    with pytest.raises(ValueError, match="25 bytes"):
        compose_key(KeyMode.TEST, b"short")


def standing(**changes):
    told = {"digest": "new", "previous_digest": "old", "previous_ends_at": NOW, "revoked_at": None}
    return KeyStanding(uuid4(), "shop", Role.BACKEND, last_used_at=None, **(told | changes))


def test_the_present_secret_opens_until_the_key_is_revoked():
    assert why_refused(standing(), "new", NOW + timedelta(days=999)) is None
    assert "revoked on 2027-03-01" in why_refused(standing(revoked_at=NOW), "new", NOW)


def test_the_secret_before_it_opens_up_to_the_end_of_the_overlap_and_not_at_it():
    assert why_refused(standing(), "old", NOW - timedelta(microseconds=1)) is None
    assert "ended on 2027-03-01" in why_refused(standing(), "old", NOW)
    assert "revoked" in why_refused(standing(revoked_at=NOW), "old", NOW - timedelta(days=1))


@pytest.mark.parametrize("changes", [{}, {"previous_digest": None}, {"previous_ends_at": None}])
def test_another_secret_opens_nothing(changes):
    assert why_refused(standing(**changes), "another", NOW) == "it is not known"


@pytest.mark.parametrize(
    ("has", "needs", "allowed"),
    [
        (Role.READ, Role.READ, True),
        (Role.READ, Role.BACKEND, False),
        (Role.READ, Role.ADMIN, False),
        (Role.BACKEND, Role.READ, True),
        (Role.BACKEND, Role.BACKEND, True),
        (Role.BACKEND, Role.ADMIN, False),
        (Role.ADMIN, Role.READ, True),
        (Role.ADMIN, Role.BACKEND, True),
        (Role.ADMIN, Role.ADMIN, True),
    ],
)
def test_a_role_may_do_what_the_ones_before_it_may(has, needs, allowed):
    assert may(has, needs) is allowed
