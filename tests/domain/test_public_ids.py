"""Ids that say what they name, and are read back only as they were written."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.public_ids import (
    LARGEST_NUMBER,
    Kind,
    NotAnId,
    beginning_of,
    brief_id,
    brief_subject,
    number_of,
    numbered_id,
    public_id,
    subject_id,
    uuid_of,
    with_public_ids,
)

KIM = UUID("0d3f6f8e-1111-4222-8333-444455556666")
KINDS = st.sampled_from(list(Kind))


def test_an_id_stays_the_same_for_ever():
    assert public_id(Kind.SUBSCRIPTION, KIM) == "sub_bu7w7dqrcfbcfaztircfkvlgmy"
    assert numbered_id(Kind.EVENT, 42) == "evt_42"


@given(kind=KINDS, value=st.uuids())
def test_what_was_written_is_read_back(kind, value):
    written = public_id(kind, value)
    assert re.fullmatch(r"[a-z]+_[a-z2-7]{26}", written)
    assert uuid_of(kind, written) == value


@given(kind=KINDS, number=st.integers(0, LARGEST_NUMBER))
def test_a_number_that_was_written_is_read_back(kind, number):
    assert number_of(kind, numbered_id(kind, number)) == number


@given(kind=KINDS, text=st.text() | st.from_regex(r"[a-z]{2,6}_[a-z2-7]{26}", fullmatch=True))
def test_a_text_is_an_id_only_if_it_is_the_one_way_to_write_it(kind, text):
    try:
        value = uuid_of(kind, text)
    except NotAnId:
        return
    assert public_id(kind, value) == text


def test_no_two_kinds_share_a_prefix_and_none_is_that_of_the_gateway():
    assert len({kind.value for kind in Kind}) == len(Kind)
    assert not {"src", "pay", "act"} & {kind.value for kind in Kind}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the id of a subscription begins with sub_"),
        (str(KIM), "the id of a subscription begins with sub_"),
        ("sub_", "then 26 letters"),
        ("sub_BU7W7DQRCFBCFAZTIRCFKVLGMY", "then 26 letters"),
        (" sub_bu7w7dqrcfbcfaztircfkvlgmy", "begins with sub_"),
        ("sub_bu7w7dqrcfbcfaztircfkvlgmy\n", "then 26 letters"),
        ("sub_bu7w7dqrcfbcfaztircfkvlgmz", "copy it whole"),
        ("inv_bu7w7dqrcfbcfaztircfkvlgmy", "this is the id of an invoice"),
        ("key_bu7w7dqrcfbcfaztircfkvlgmy", "this is the id of an API key"),
        ("source_bu7w7dqrcfbcfaztircfkvlgmy", "this is the id of a source"),
    ],
)
def test_what_is_not_the_id_of_a_subscription_is_refused_with_what_one_looks_like(text, why):
    with pytest.raises(NotAnId, match=why):
        uuid_of(Kind.SUBSCRIPTION, text)


@pytest.mark.parametrize("text", ["evt_", "evt_-1", "evt_01", "evt_1.0", "evt_٣", f"evt_{2**63}", "evt_1_0", "42"])
def test_what_is_not_the_number_of_an_event_is_refused(text):
    with pytest.raises(NotAnId, match="the id of an event begins with evt_"):
        number_of(Kind.EVENT, text)


def test_a_sentence_of_rows_is_told_with_the_ids_that_the_outside_knows():
    told = with_public_ids(f"invoice {KIM} of subscription {KIM} is void already; payment {KIM} is not ours")
    assert told == (
        f"invoice {public_id(Kind.INVOICE, KIM)} of subscription {public_id(Kind.SUBSCRIPTION, KIM)} is void already; "
        f"payment {KIM} is not ours"
    )


@pytest.mark.parametrize(
    ("subject_type", "internal", "shown"),
    [
        ("api_key", str(KIM), public_id(Kind.API_KEY, KIM)),
        ("webhook_endpoint", str(KIM), public_id(Kind.WEBHOOK_ENDPOINT, KIM)),
        ("plan", "basic", "basic"),
        ("installation", "1", "1"),
        ("payment", "pay_1", "pay_1"),
        ("price", "basic", "basic"),
    ],
)
def test_the_subject_of_an_entry_has_its_prefix_if_there_is_one(subject_type, internal, shown):
    assert subject_id(subject_type, internal) == shown


@given(kind=KINDS, value=st.uuids(), letters=st.integers(6, 26))
def test_the_beginning_of_an_id_names_all_that_begin_so(kind, value, letters):
    low, high = beginning_of(kind, public_id(kind, value)[: len(kind) + 1 + letters])
    assert low <= value <= high
    assert (low == high) == (letters == 26)
    for end in (low, high):
        assert public_id(kind, end)[: len(kind) + 1 + letters] == public_id(kind, value)[: len(kind) + 1 + letters]


@given(kind=KINDS, value=st.uuids())
def test_the_brief_form_of_an_id_is_its_beginning(kind, value):
    low, high = beginning_of(kind, brief_id(kind, value))
    assert low <= value <= high
    assert brief_subject(kind.name.lower(), str(value)) == brief_id(kind, value)


def test_the_brief_form_stays_the_same_for_ever():
    assert brief_id(Kind.SUBSCRIPTION, KIM) == "sub_bu7w7dqr"
    assert brief_subject("plan", "basic") == "basic"
    assert brief_subject("payment", "pay_1") == "pay_1"


@pytest.mark.parametrize("text", ["sub_bu7w7", "sub_bu7w71", "sub_", "ch_bu7w7dqr", "bu7w7dqr", "sub_BU7W7DQR"])
def test_what_is_too_short_or_of_another_kind_is_no_beginning(text):
    with pytest.raises(NotAnId, match="the id of a subscription begins with sub_"):
        beginning_of(Kind.SUBSCRIPTION, text)
