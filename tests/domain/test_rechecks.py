"""A charge that has ended is looked at again: when, how often, and which ends are final."""

from datetime import timedelta

import pytest
from a_case import CANCELED, CAPTURED, EXPIRED, NOW, a_case, declined

from billing.domain.cases import Policy
from billing.domain.charging import REFUND_WINDOW, NotSent, Refused
from billing.domain.rechecks import (
    AFTER_A_FAILURE,
    MOST_TRIES,
    first_recheck,
    next_look_at_refused,
    next_recheck,
    try_again,
    watch,
)
from billing.domain.settlement import settle
from billing.domain.states import ChargeState


def closed_by(answer, **changes):
    return settle(a_case(checks=9, **changes), answer, now=NOW, policy=Policy()).charge


def instants_of(state, begins):
    """Live through a series whose looks show nothing new; return when they come, counted from its beginning."""
    told, instants, checks = begins, [], 0
    while told["check_at"] is not None:
        instants.append(told["check_at"] - NOW)
        told = next_recheck(state, checks, told["check_at"])
        checks = told["checks"]
    return instants


@pytest.mark.parametrize(
    "answer",
    [declined(), EXPIRED, CANCELED, Refused(422, ("source_id_invalid",))],
    ids=["declined", "expired", "canceled", "refused"],
)
def test_a_charge_that_the_gateway_has_seen_and_that_failed_is_looked_at_again(answer):
    charge = closed_by(answer)
    assert charge["check_at"] == NOW + timedelta(hours=1)
    assert (charge["checks"], charge["absent_looks"]) == (0, 0)


def test_a_charge_that_never_left_is_not_looked_at_again():
    assert closed_by(NotSent("cannot connect"))["check_at"] is None


def test_a_capture_is_looked_at_again_only_if_it_was_sent_more_than_once():
    assert closed_by(CAPTURED)["check_at"] is None
    twice = closed_by(CAPTURED, charge_state=ChargeState.PENDING, sends=2)
    assert twice["check_at"] == NOW + timedelta(hours=1)
    assert (twice["checks"], twice["absent_looks"]) == (0, 0)


@pytest.mark.parametrize(
    "state", [ChargeState.DECLINED, ChargeState.EXPIRED, ChargeState.CANCELED, ChargeState.REFUSED]
)
def test_a_failed_charge_is_looked_at_again_for_a_year_ever_more_seldom(state):
    instants = instants_of(state, first_recheck(AFTER_A_FAILURE, NOW))
    weekly = [timedelta(weeks=week) for week in range(1, 13)]
    assert instants[:14] == [timedelta(hours=1), timedelta(days=1), *weekly]
    assert instants[14:16] == [timedelta(weeks=16), timedelta(weeks=20)]
    assert instants[-1] == timedelta(weeks=52) < REFUND_WINDOW


def test_a_capture_sent_twice_is_looked_at_an_hour_and_a_day_after_it():
    begins = closed_by(CAPTURED, sends=2)
    assert instants_of(ChargeState.CAPTURED, begins) == [timedelta(hours=1), timedelta(days=1)]


def test_a_look_that_proves_nothing_is_made_again_soon_and_uses_up_no_recheck():
    told = try_again(ChargeState.EXPIRED, 1, 0, NOW)
    assert told == {"check_at": NOW + timedelta(minutes=1), "absent_looks": 1}


def test_looks_that_prove_nothing_for_two_days_leave_it_to_the_next_recheck():
    now, tries = NOW, 0
    while "checks" not in (told := try_again(ChargeState.EXPIRED, 0, tries, now)):
        now, tries = told["check_at"], told["absent_looks"]
    assert tries == MOST_TRIES - 1 == 11
    assert timedelta(days=1) < now - NOW < timedelta(days=3)
    assert told == {"check_at": now + timedelta(hours=23), "checks": 1, "absent_looks": 0}


def test_an_open_payment_of_a_closed_charge_is_watched_without_end():
    assert watch(0, NOW) == {"check_at": NOW + timedelta(minutes=1), "absent_looks": 1}
    assert watch(400, NOW) == {"check_at": NOW + timedelta(days=1), "absent_looks": 401}


def test_a_refused_refund_is_looked_at_after_an_hour_and_a_day_later_and_then_no_more():
    assert next_look_at_refused(0, NOW) == {"check_at": NOW + timedelta(hours=1), "checks": 0}
    assert next_look_at_refused(1, NOW) == {"check_at": NOW + timedelta(days=1), "checks": 1}
    assert next_look_at_refused(2, NOW) == {"check_at": None, "checks": 2}
