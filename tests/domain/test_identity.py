"""Names that come out the same whenever they are worked out, and no name twice."""

import re
from datetime import date, timedelta
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.identity import (
    charge_reference,
    foreign_refund_reference,
    idempotency_key,
    reference_prefix,
    refund_reference,
    return_token,
    row_id,
    subscription_of,
)

HOME = UUID("5b1f7c1e-3a53-4f0e-8a52-0f0f6ad1c001")
KIM = UUID("0d3f6f8e-1111-4222-8333-444455556666")
DAY = date(2027, 3, 1)


def test_a_reference_is_the_same_today_and_after_a_restored_backup():
    assert charge_reference(HOME, KIM, DAY, 1) == "5b1f7c-bu7w7dqrcfbcfaztircfkvlgmy-20270301-1"
    assert charge_reference(HOME, KIM, DAY, 2, agreement=True) == "5b1f7c-bu7w7dqrcfbcfaztircfkvlgmy-20270301-a2"
    assert idempotency_key("5b1f7c-bu7w7dqrcfbcfaztircfkvlgmy-20270301-1") == "df5431bf-675c-56e3-a293-383e087b5ace"


@given(
    home=st.uuids(), who=st.uuids(), day=st.dates(date(1970, 1, 1)), no=st.integers(1, 99_999), agreement=st.booleans()
)
def test_a_reference_fits_every_limit_of_the_gateway(home, who, day, no, agreement):
    reference = charge_reference(home, who, day, no, agreement=agreement)
    assert re.fullmatch(r"[a-z0-9-]{1,50}", reference)
    assert reference.startswith(reference_prefix(home))
    assert re.fullmatch(r"[a-z0-9-]{1,80}", refund_reference(reference, 150))


def test_no_two_attempts_periods_kinds_subscriptions_or_installations_share_a_reference():
    references = [
        charge_reference(home, who, DAY + timedelta(days=day), no, agreement=agreement)
        for home in (HOME, uuid5(HOME, "another"))
        for who in (KIM, uuid5(KIM, "1"), uuid5(KIM, "2"))
        for day in range(40)
        for no in range(1, 30)
        for agreement in (False, True)
    ]
    assert len(references) == len(set(references)) == 2 * 3 * 40 * 29 * 2
    assert len({idempotency_key(reference) for reference in references}) == len(references)


@given(
    one=st.tuples(st.uuids(), st.dates(), st.integers(1, 10**6)),
    other=st.tuples(st.uuids(), st.dates(), st.integers(1, 10**6)),
)
def test_different_facts_have_different_references(one, other):
    assert (charge_reference(HOME, *one) == charge_reference(HOME, *other)) is (one == other)


@given(reference=st.text("abz019-", max_size=80))
def test_a_key_is_a_uuid_and_a_function_of_the_reference(reference):
    key = idempotency_key(reference)
    assert str(UUID(key)) == key
    assert len(key) == 36
    assert key == idempotency_key(reference)
    assert key != idempotency_key(reference + "x")


def test_the_refunds_of_a_charge_are_numbered_after_it():
    assert refund_reference("abc-1", 1) == "abc-1-r1"
    assert len({refund_reference("abc-1", number) for number in range(1, 151)}) == 150


def test_a_row_has_the_same_id_for_the_same_parent_and_parts_and_another_one_otherwise():
    assert row_id(KIM, "renewal", DAY) == uuid5(KIM, "renewal/2027-03-01")
    ids = {
        row_id(KIM, "renewal", DAY),
        row_id(KIM, "charge", DAY),
        row_id(HOME, "renewal", DAY),
        row_id(KIM, "renewal"),
    }
    assert len(ids) == 4


def test_a_return_token_cannot_be_guessed_without_the_secret_and_goes_into_a_url_as_it_is():
    token = return_token(b"secret", "abc-1")
    assert token == return_token(b"secret", "abc-1")
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", token)
    assert token not in (return_token(b"secret", "abc-2"), return_token(b"other", "abc-1"))


@pytest.mark.parametrize("who", [UUID(int=0), UUID(int=2**128 - 1)])
def test_the_first_and_the_last_uuid_have_references_of_the_same_length(who):
    assert len(charge_reference(HOME, who, DAY, 1)) == 44


def test_a_refund_that_was_not_ours_has_one_reference_for_each_action():
    one, other = foreign_refund_reference("pay_1", "act_1"), foreign_refund_reference("pay_1", "act_2")
    assert one == foreign_refund_reference("pay_1", "act_1")
    assert len({one, other, foreign_refund_reference("pay_2", "act_1")}) == 3
    assert len(foreign_refund_reference("pay_" + "x" * 90, "act_" + "y" * 90)) <= 80


@given(who=st.uuids(), day=st.dates(date(1970, 1, 1)), no=st.integers(1, 99_999), agreement=st.booleans())
def test_a_reference_names_its_subscription(who, day, no, agreement):
    assert subscription_of(charge_reference(HOME, who, day, no, agreement=agreement)) == who


@pytest.mark.parametrize("reference", ["", "order-1", "5b1f7c", "5b1f7c-mfrgg-20270301-1", "5b1f7c-!!-20270301-1"])
def test_a_reference_of_somebody_else_names_no_subscription(reference):
    assert subscription_of(reference) is None
